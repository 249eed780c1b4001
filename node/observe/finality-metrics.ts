import { decodeSignedAttestation, headLeafSize } from '../../protocol/index.ts'
import type { ApiContext } from './api.ts'
import type { Measured, MetricRegistry } from './metric-registry.ts'

/** What makes blocks final, how far behind that is, and who has not signed. */
export function finalityMetrics(all: MetricRegistry, { node, clock }: ApiContext): Measured {
  const epoch = all.gauge('epoch', 'Number of the set of witnesses in force')
  const witnesses = all.gauge('witnesses', 'Witnesses in force')
  const quorum = all.gauge('quorum', 'So many of them make a block final; 0 without witnesses')
  const unheard = all.gauge('witnesses_unheard', 'Witnesses in force of which no attestation of this epoch is held')
  const lag = all.gauge('final_lag_blocks', 'Blocks that count and are not final')
  const lagSeconds = all.gauge(
    'final_lag_seconds',
    'Since the oldest block that counts and is not final was sealed; 0 where none is',
  )
  const attestations = all.counter('attestations_total', 'Sequence of the newest attestation of each witness, by member index', [
    'member',
  ])
  const age = all.gauge('attestation_age_seconds', 'Since the newest attestation of a witness, by member index', ['member'])
  const halted = all.gauge('witness_halted', '1 where the key of this node must not witness any more')
  const pending = all.gauge('membership_pending_blocks', "Blocks of the registrar's that are held and do not count yet")

  const lookAtWitnesses = async (): Promise<void> => {
    const { store, membership, epochs } = node
    const inForce = epochs.at(membership.size)
    epoch.set(inForce.number)
    witnesses.set(inForce.witnesses.length)
    quorum.set(inForce.quorum ?? 0)
    attestations.reset()
    age.reset()
    const heard = new Set<number>()
    for (const { bytes } of await store.witness.attestations.list(inForce.number)) {
      const { witness, sequence, timeMs } = decodeSignedAttestation(bytes)
      const index = membership.member(witness)?.index
      if (index === undefined) continue
      heard.add(index)
      attestations.inc({ member: String(index) }, sequence)
      age.set({ member: String(index) }, (clock.now() - timeMs) / 1_000)
    }
    unheard.set(inForce.witnesses.filter((index) => !heard.has(index)).length)
  }

  const lookAtLag = async (): Promise<void> => {
    const { store, membership } = node
    let blocks = 0
    let oldestMs = clock.now()
    for (const member of membership.members) {
      const final = store.witness.final(member.key)?.size ?? 0
      const counting = headLeafSize(member, store.head(member.key)?.size ?? 0)
      if (counting <= final) continue
      blocks += counting - final
      const first = await store.readBlock(member.key, final)
      if (first !== undefined) oldestMs = Math.min(oldestMs, first.header.sealedAt)
    }
    lag.set(blocks)
    lagSeconds.set((clock.now() - oldestMs) / 1_000)
  }

  const look = async (): Promise<void> => {
    const { store, membership, heldMembership = membership } = node
    halted.set(store.witness.halted === undefined ? 0 : 1)
    pending.set(Math.max(0, heldMembership.size - membership.size))
    await lookAtWitnesses()
    await lookAtLag()
  }

  return { look }
}
