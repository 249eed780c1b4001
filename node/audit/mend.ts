import { fromHex, verifyCheckpoint } from '../../protocol/index.ts'
import {
  type LedgerStore,
  moveAside,
  openLedger,
  type RepairReport,
  repairLedger,
  type StoredAttestation,
  type VerifySigned,
} from '../store/index.ts'
import { attestationFault } from './attestation-fault.ts'
import { type VerifyDirectoryInit, verifyDirectory } from './directory-audit.ts'
import type { VerifyReport } from './report.ts'

export interface MendInit extends VerifyDirectoryInit {
  /** What is being done, for whoever waits. */
  readonly onStep?: (what: string) => void
}

/** The half of a repair that needs no peer. */
export interface Mended {
  readonly before: VerifyReport
  /** Undefined where nothing was found damaged, or where nothing could be read at all. */
  readonly rebuilt: RepairReport | undefined
  /** Where the damaged store is now. */
  readonly movedTo: string | undefined
  /** Whole, but for what peers must give. */
  readonly after: VerifyReport
}

/**
 * Moves a damaged store aside and puts everything of it that is whole in its place; then takes out what is whole and not
 * true: chains above the block that breaks a rule, or that are not what is final; evidence, attestations and labels that prove
 * to be none. Throws as verifyDirectory does.
 */
export async function mendDirectory(init: MendInit): Promise<Mended> {
  const { directory, genesis, verify, onStep = () => undefined } = init
  onStep('looking for damage')
  const before = await verifyDirectory(init)
  // Fewer own blocks than were signed: they are fetched, there is nothing to be moved.
  if (before.ok || isWholeButShort(before)) return { before, rebuilt: undefined, movedTo: undefined, after: before }
  if (!before.opened) {
    const movedTo = await moveAside(directory)
    return { before, rebuilt: undefined, movedTo, after: await verifyDirectory(init) }
  }
  const verifySigned: VerifySigned = (checkpoint) => verifyCheckpoint(verify, genesis.networkId, checkpoint)
  onStep('taking over what is whole')
  const rebuilt = await repairLedger({ directory, networkId: genesis.networkId, verifySigned })
  onStep('looking again')
  const found = await verifyDirectory(init)
  if (found.ok || isWholeButShort(found)) return { before, rebuilt, movedTo: rebuilt.movedTo, after: found }
  const { ownKey } = init
  const store = await openLedger({
    directory,
    networkId: genesis.networkId,
    verifySigned,
    ...(ownKey === undefined ? {} : { ownKey }),
  })
  try {
    await takeOut(store, found, (each) => attestationFault(verify, genesis.networkId, each) !== undefined)
  } finally {
    await store.close()
  }
  return { before, rebuilt, movedTo: rebuilt.movedTo, after: await verifyDirectory(init) }
}

function isWholeButShort({ files, chains, damage }: VerifyReport): boolean {
  const isSound = files?.faults.length === 0 && chains.every(({ fault }) => fault === null)
  return isSound && damage.every(({ kind }) => kind === 'own' || kind === 'owed')
}

async function takeOut(
  store: LedgerStore,
  { chains, damage }: VerifyReport,
  isFalse: (attestation: StoredAttestation) => boolean,
): Promise<void> {
  for (const { key, fault } of chains) {
    // Another history than the one that counts: where it branches off is not known here.
    if (fault !== null) await store.cutBack(fromHex(key), fault.rule === 'V19' ? 0 : fault.height, fault.what)
  }
  for (const { kind, member } of damage) {
    if (member === null) continue
    if (kind === 'evidence') await store.evidence.delete(fromHex(member.key))
    if (kind === 'witness-evidence') await store.witnessEvidence.delete(fromHex(member.key))
    if (kind === 'label') await store.labels.delete(fromHex(member.key))
    // What is final is not doubted, but the blocks: where they part from it is not known here.
    if (kind === 'final') await store.cutBack(fromHex(member.key), 0, 'another history than the final one')
  }
  for (const table of [store.witness.attestations, store.witness.closings]) {
    for (const epoch of table.epochs()) {
      for (const each of await table.list(epoch)) if (isFalse(each)) await table.delete(epoch, each.witness)
    }
  }
}
