import {
  type Accusation,
  accusedOf,
  applyMembership,
  assertAccusation,
  bodyContent,
  decodeAccusation,
  decodeMembershipBody,
  equalBytes,
  type Genesis,
  initialMembership,
  isWattnessError,
  KIND_MEMBERSHIP,
  type Membership,
  type MembershipOperation,
  type VerifySignature,
  verifyCheckpoint,
} from '../../protocol/index.ts'
import {
  auditChain,
  auditRecords,
  type ChainAudit,
  type ChainAuditInit,
  type Damage,
  isNetworkBound,
  type KvReader,
  listChains,
  queryDamage,
  readSigned,
  type SignedRecord,
  type StoredChain,
  witnessDamage,
} from '../store/index.ts'
import { attestationFault, ownAttestationDamage } from './attestation-fault.ts'
import type { Crew } from './crew.ts'
import { ledgerRules } from './rules.ts'

export interface Progress {
  readonly blocks: number
  /** Blocks that the heads name. */
  readonly ofBlocks: number
}

export interface LedgerAuditInit {
  /** Nothing else may write while this is read: a view, or a store that nobody else has open. */
  readonly kv: KvReader
  readonly genesis: Genesis
  readonly verify: VerifySignature
  /** Where this node writes a chain: what it signed last must be held. */
  readonly ownKey?: Uint8Array | undefined
  /** Every signature that is kept, not only the newest of each chain. */
  readonly allSignatures?: boolean
  readonly onProgress?: (progress: Progress) => void
  /** Awaited between batches, so that whoever else lives in this process has its turn. */
  readonly turn?: () => Promise<void>
  /** Chains audited side by side on this thread, so that it works while the disk is read: LANES unless given. */
  readonly lanes?: number
  /** Called once it is known how much there is to do: threads that share it. */
  readonly hire?: (blocks: number) => Crew | undefined
}

export interface LedgerAudit {
  /** As the registrar's chain says, up to its first fault; with the labels that are known. */
  readonly membership: Membership
  readonly chains: readonly ChainAudit[]
  readonly damage: readonly Damage[]
  readonly blocks: number
  readonly signatures: number
  /** Records beside the chains that were checked. */
  readonly records: number
}

/**
 * Checks everything in a store from genesis on: the registrar's chain first, since it says who may write the others. Throws
 * STORE_OTHER_NETWORK; whatever is wrong with the store itself is in the result.
 */
export async function auditLedger(init: LedgerAuditInit): Promise<LedgerAudit> {
  const { kv, genesis, verify, ownKey } = init
  await isNetworkBound(kv, genesis.networkId).catch((error: unknown) => {
    if (!isWattnessError(error, 'STORE_DAMAGED')) throw error
  })
  const damage: Damage[] = []
  const listed = await listChains(kv, damage)
  const progress = new Meter(listed, init.onProgress)
  const crew = init.hire?.(progress.ofBlocks)
  try {
    const { turn, allSignatures } = init
    const common: ChainAuditInit = {
      kv,
      verifySigned: (checkpoint) => verifyCheckpoint(verify, genesis.networkId, checkpoint),
      onProgress: (blocks) => progress.add(blocks),
      ...(turn === undefined ? {} : { turn }),
      ...(allSignatures === undefined ? {} : { allSignatures }),
    }
    const first = listed.find(({ member }) => equalBytes(member, genesis.registrar))
    const registrar = await auditRegistrar(common, genesis, first)
    const { membership, isMembershipWhole } = registrar
    const others = listed.filter((chain) => chain !== first)
    const audited = await auditChains({ ...common, ...ledgerRules({ genesis, membership, isMembershipWhole }) }, others, {
      crew,
      lanes: init.lanes ?? LANES,
      onShared: (blocks) => progress.add(blocks),
      brief: { membership: { size: membership.size, members: membership.members }, isMembershipWhole },
    })
    const chains = registrar.audit === undefined ? audited : [registrar.audit, ...audited]
    const labels = new LabelBook(membership, isMembershipWhole)
    const {
      records,
      damage: beside,
      queryRecords,
      witness,
    } = await auditRecords({
      kv,
      evidenceFault: (member, bytes) => evidenceFault(verify, genesis, 'author', member, bytes),
      witnessEvidenceFault: (member, bytes) => evidenceFault(verify, genesis, 'witness', member, bytes),
      attestationFault: (attestation) => attestationFault(verify, genesis.networkId, attestation),
      labelFault: (member, record) => labels.take(member, record),
      ...(turn === undefined ? {} : { turn }),
    })
    damage.push(
      ...beside,
      ...queryDamage(
        chains.map((audit) => ({ id: idOf(listed, audit), audit })),
        queryRecords,
      ),
      ...witnessDamage(witness, chains),
      ...(ownKey === undefined ? [] : ownAttestationDamage(verify, genesis.networkId, ownKey, witness.witness)),
    )
    const unreadable: Damage[] = []
    const signed = ownKey === undefined ? undefined : await readSigned(kv, unreadable)
    if (ownKey !== undefined && unreadable.length === 0) damage.push(...ownDamage(ownKey, signed, chains, common))
    return {
      membership: labels.membership,
      chains,
      damage,
      blocks: chains.reduce((sum, chain) => sum + chain.blocks, 0),
      signatures: chains.reduce((sum, chain) => sum + chain.signatures, 0),
      records,
    }
  } finally {
    await crew?.stop()
  }
}

function idOf(chains: readonly StoredChain[], { member }: ChainAudit): number {
  return chains.find((chain) => equalBytes(chain.member, member))?.id ?? -1
}

/** One waits for the disk a third of its time; a third one gains nothing (measured). */
const LANES = 2

/** Counts what several threads have done. */
class Meter {
  readonly ofBlocks: number
  readonly #tell: ((progress: Progress) => void) | undefined
  #blocks = 0

  constructor(chains: readonly StoredChain[], tell: ((progress: Progress) => void) | undefined) {
    this.ofBlocks = chains.reduce((sum, { size }) => sum + size, 0)
    this.#tell = tell
  }

  add(blocks: number): void {
    this.#blocks += blocks
    this.#tell?.({ blocks: this.#blocks, ofBlocks: this.ofBlocks })
  }
}

interface RegistrarAudit {
  readonly audit: ChainAudit | undefined
  readonly membership: Membership
  readonly isMembershipWhole: boolean
}

async function auditRegistrar(common: ChainAuditInit, genesis: Genesis, chain: StoredChain | undefined): Promise<RegistrarAudit> {
  let membership = initialMembership(genesis)
  if (chain === undefined) return { audit: undefined, membership, isMembershipWhole: true }
  const { brokenRule, endOf } = ledgerRules({ genesis, membership, isMembershipWhole: true })
  // By height: where a fault is looked for more closely, blocks come twice.
  const operations: (readonly MembershipOperation[])[] = []
  const audit = await auditChain(
    {
      ...common,
      endOf,
      brokenRule: (block, previous) => {
        const broken = brokenRule(block, previous)
        if (broken !== undefined) return broken
        const { kind, height } = block.header
        // Who belongs is told by these blocks alone: of this chain nothing is ever pruned.
        if (block.body === undefined) return { rule: 'V15', what: 'body missing in the chain of the registrar' }
        operations[height] = kind === KIND_MEMBERSHIP ? decodeMembershipBody(bodyContent(block.body)) : []
        return undefined
      },
    },
    chain,
  )
  const sound = audit.fault === undefined ? audit.blocks : Math.min(audit.blocks, audit.fault.height)
  for (const each of operations.slice(0, sound)) membership = applyMembership(membership, each).membership
  return { audit, membership, isMembershipWhole: audit.fault === undefined }
}

interface Sharing {
  readonly crew: Crew | undefined
  readonly lanes: number
  readonly onShared: (blocks: number) => void
  readonly brief: Parameters<Crew['work']>[0]
}

/** The largest chains first, so that no thread is left with one when the others are done. */
async function auditChains(init: ChainAuditInit, chains: readonly StoredChain[], sharing: Sharing): Promise<ChainAudit[]> {
  const waiting = chains.toSorted((a, b) => a.size - b.size)
  const audits = new Map<number, ChainAudit>()
  const done = (chain: StoredChain, audit: ChainAudit): void => void audits.set(chain.id, audit)
  const here = async (): Promise<void> => {
    for (let chain = waiting.pop(); chain !== undefined; chain = waiting.pop()) done(chain, await auditChain(init, chain))
  }
  const elsewhere = sharing.crew?.work(sharing.brief, {
    next: () => waiting.pop(),
    giveBack: (chain) => void waiting.push(chain),
    done,
    onProgress: sharing.onShared,
  })
  await Promise.all([...Array.from({ length: sharing.lanes }, here), elsewhere])
  // What a thread gave back that broke down.
  await here()
  return chains.flatMap(({ id }) => audits.get(id) ?? [])
}

function evidenceFault(
  verify: VerifySignature,
  { networkId }: Genesis,
  kind: Accusation['kind'],
  member: Uint8Array,
  bytes: Uint8Array,
): string | undefined {
  try {
    const accusation = decodeAccusation(bytes)
    if (accusation.kind !== kind) return 'it is of another kind'
    if (!equalBytes(accusedOf(accusation), member)) return 'it is against another member'
    assertAccusation(verify, networkId, accusation)
    return undefined
  } catch (error) {
    if (isWattnessError(error)) return `${error.code}: ${error.message}`
    throw error
  }
}

/** Labels, taken where the registrar's chain names their hash. */
class LabelBook {
  membership: Membership
  readonly #isMembershipWhole: boolean

  constructor(membership: Membership, isMembershipWhole: boolean) {
    this.membership = membership
    this.#isMembershipWhole = isMembershipWhole
  }

  /** What is wrong with the record; undefined: nothing. */
  take(key: Uint8Array, record: Uint8Array): string | undefined {
    if (!this.#isMembershipWhole && this.membership.member(key) === undefined) return undefined
    try {
      this.membership = this.membership.withLabel(key, record)
      return undefined
    } catch (error) {
      if (isWattnessError(error)) return `${error.code}: ${error.message}`
      throw error
    }
  }
}

/** After a loss the own chain must not go on below what was signed: see the record's own file. */
function ownDamage(
  member: Uint8Array,
  signed: SignedRecord | undefined,
  chains: readonly ChainAudit[],
  { verifySigned }: ChainAuditInit,
): Damage[] {
  const held = chains.find((chain) => equalBytes(chain.member, member))
  const blocks = held?.size ?? held?.blocks ?? 0
  if (signed === undefined) return blocks === 0 ? [] : [{ what: 'record of what this node signed last: missing', member }]
  if (!verifySigned({ member, ...signed })) {
    return [{ what: 'record of what this node signed last: not signed by the key in this directory', member }]
  }
  if (blocks >= signed.size) return []
  return [
    {
      kind: 'own',
      what: `${signed.size} blocks were signed, ${blocks} are held`,
      member,
      height: blocks,
      lost: signed.size - blocks,
    },
  ]
}
