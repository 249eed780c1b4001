import {
  decodeSignedAttestation,
  EMPTY_CHAIN,
  type Epoch,
  headLeafSize,
  type Member,
  type SignedAttestation,
} from '../../protocol/index.ts'
import { shown } from './answer-shape.ts'
import { nameOf } from './member-name.ts'
import { formatQuorum } from './quorum-text.ts'
import type { LedgerView } from './status.ts'

/** Witnesses named that have not signed the newest blocks. */
const NAMES_SHOWN = 3

/** What makes blocks final at this node, and whether it takes part in that. */
export interface FinalityStatus {
  /** The one in force. */
  readonly epoch: number
  /** Size of the registrar's chain from which it is. */
  readonly fromSize: number
  readonly witnesses: number
  /** Null without witnesses. */
  readonly quorum: number | null
  readonly tolerated: number
  /** The newest word of each witness in this epoch, by member index. */
  readonly attestations: readonly WitnessLine[]
  readonly isWitness: boolean
  /** Of this node's newest attestation; null where it has signed none. */
  readonly sequence: number | null
  /** Why this node signs nothing more as a witness. */
  readonly halted: string | null
  /** What this node, as a witness, waits for before it signs in the epoch in force. */
  readonly waiting: string | null
}

export interface WitnessLine {
  readonly index: number
  readonly key: string
  readonly label: string | null
  /** Null where it has said nothing in this epoch. */
  readonly sequence: number | null
  /** By the witness's clock. */
  readonly attestedAt: string | null
  /** It has signed all that this node holds of chains that go on. */
  readonly isCurrent: boolean
}

/** Reads the newest attestations, at most one for each witness. */
export async function describeFinality(view: LedgerView): Promise<FinalityStatus> {
  const { key, store, membership, epochs } = view
  const epoch = epochs.at(membership.size)
  const { number, fromSize, witnesses, quorum, tolerated } = epoch
  const self = membership.member(key)?.index
  const { record, halted } = store.witness
  const isWitness = self !== undefined && witnesses.includes(self)
  return {
    epoch: number,
    fromSize,
    witnesses: witnesses.length,
    quorum: quorum ?? null,
    tolerated,
    attestations: await attestationsOf(view, epoch),
    isWitness,
    sequence: record.sequence === 0 ? null : record.sequence,
    halted: halted ?? null,
    waiting: isWitness && halted === undefined ? await waitingOf(view, epoch) : null,
  }
}

async function attestationsOf({ store, membership }: LedgerView, epoch: Epoch): Promise<WitnessLine[]> {
  const stored = await store.witness.attestations.list(epoch.number)
  const newest = new Map(stored.map(({ bytes }) => decodeSignedAttestation(bytes)).map((each) => [keyText(each.witness), each]))
  const going = membership.members.filter(({ key, revoked }) => revoked === undefined && !store.quarantined(key))
  return epoch.witnesses.map((index) => {
    const { key, keyHex, label = null } = membership.at(index) as Member
    const attestation = newest.get(keyText(key))
    return {
      index,
      key: keyHex,
      label,
      sequence: attestation?.sequence ?? null,
      attestedAt: attestation === undefined ? null : new Date(attestation.timeMs).toISOString(),
      isCurrent: attestation !== undefined && going.every((member) => covers(attestation, member, sizeOf(member))),
    }
  })

  function sizeOf(member: Member): number {
    return headLeafSize(member, (store.head(member.key) ?? EMPTY_CHAIN).size)
  }
}

function keyText(key: Uint8Array): string {
  return key.join()
}

function covers({ frontier }: SignedAttestation, { index }: Member, size: number): boolean {
  return (frontier[index] ?? 0) >= size
}

/** Rule W8: epochs are entered in order, each by the closing attestations of a quorum of the one before. */
async function waitingOf({ store, epochs }: LedgerView, inForce: Epoch): Promise<string | null> {
  const { epoch } = store.witness.record
  if (epoch >= inForce.number) return null
  const before = epochs.get(epoch)
  if (before?.quorum === undefined) return `to enter epoch ${epoch + 1}`
  const held = (await store.witness.closings.list(epoch)).length
  const needed = `the closing attestations of ${before.quorum} of the ${before.witnesses.length} witnesses of epoch ${epoch}`
  return `to enter epoch ${epoch + 1}, once ${needed} are resolved; ${held} are held`
}

/** Lines of `status`, by what they begin with. */
export function formatFinality(finality: FinalityStatus, blocks: number, final: number): [title: string, text: string][] {
  const { epoch, witnesses, attestations } = finality
  const lines: [string, string][] = [
    ['finality', `epoch ${shown(epoch)}: ${formatQuorum(witnesses)}; ${shown(final)} of ${shown(blocks)} blocks are final`],
  ]
  const late = attestations.filter(({ isCurrent }) => !isCurrent)
  if (late.length > 0 && final < blocks) lines.push(['', lateText(late, witnesses)])
  const own = ownText(finality)
  if (own !== undefined) lines.push(['witness', own])
  return lines
}

/** While blocks come there are always some: those that have been silent longest are the ones to look after. */
function lateText(late: readonly WitnessLine[], witnesses: number): string {
  const silent = late.toSorted((a, b) => (a.attestedAt ?? '').localeCompare(b.attestedAt ?? '')).slice(0, NAMES_SHOWN)
  const names = silent.map(({ label, key, attestedAt }) => {
    const name = nameOf(label === null ? { keyHex: key } : { keyHex: key, label })
    return `${name} (${attestedAt === null ? 'never in this epoch' : attestedAt})`
  })
  return `${late.length} of ${shown(witnesses)} have not signed all of it yet; silent longest: ${names.join(', ')}`
}

function ownText({ isWitness, sequence, halted, waiting }: FinalityStatus): string | undefined {
  if (halted !== null) return `HALTED, signs nothing more under this key: ${halted}`
  if (!isWitness) return sequence === null ? undefined : `this node is none any more; its last attestation was ${sequence}`
  if (waiting !== null) return `this node waits ${waiting}`
  return `this node is one; its last attestation ${sequence === null ? 'is still to come' : `was ${sequence}`}`
}
