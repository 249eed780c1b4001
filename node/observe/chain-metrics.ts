import type { Member } from '../../protocol/index.ts'
import type { ApiContext } from './api.ts'
import { LastReadings } from './last-readings.ts'
import type { Measured, MetricRegistry } from './metric-registry.ts'

/** Of every member's chain: how far it is, how old its end, and what is proven against it. */
export function chainMetrics(all: MetricRegistry, { node, clock }: ApiContext): Measured {
  const members = all.gauge('members', 'Members whose chains go on, as counts at this node')
  const blocks = all.gauge('chain_blocks', 'Blocks held, by member index', ['member'])
  const final = all.gauge('chain_final_blocks', 'Blocks that are final, by member index', ['member'])
  const age = all.gauge('last_reading_age_seconds', 'Since the time of the newest reading held, by member index', ['member'])
  const sealedAge = all.gauge('last_block_age_seconds', 'Since the newest block held was sealed, by member index', ['member'])
  const late = all.gauge(
    'late_seconds',
    'For how long a block is overdue, by the pace of its meter: three of its usual intervals; by member index',
    ['member'],
  )
  const behind = all.gauge('behind_blocks', 'Blocks that some neighbour says to hold and this node does not')
  const evidence = all.gauge('evidence', 'Proofs of misbehaviour held')
  const against = all.gauge('evidence_against_self', 'Of these, such as are against this node: another one runs under its key')
  const twoFaced = all.gauge('evidence_against_witnesses', 'Of these, such as are against witnesses')
  const quarantined = all.gauge('chains_quarantined', 'Chains that told two stories and are stopped')
  const contested = all.gauge('chains_contested', 'Quarantined chains of which another story may yet become final')
  const damage = all.gauge('damage', 'Damage found in the store since it was opened')
  const readings = new LastReadings(node.store)

  /** Chains that ended have no age: nothing comes any more, and that is as it should be. */
  const lookAtAge = async (member: Member): Promise<void> => {
    const head = node.store.head(member.key)
    if (head === undefined || member.revoked !== undefined || node.store.quarantined(member.key)) return
    const label = { member: String(member.index) }
    const nowMs = clock.now()
    const { timeMs, nextMs } = await readings.of(member)
    if (timeMs !== undefined) age.set(label, (nowMs - timeMs) / 1_000)
    if (nextMs !== undefined) late.set(label, Math.max(0, nowMs - nextMs) / 1_000)
    sealedAge.set(label, (nowMs - head.sealedAt) / 1_000)
  }

  const lookAtChain = async (member: Member): Promise<void> => {
    const { store } = node
    const label = { member: String(member.index) }
    const size = store.head(member.key)?.size ?? 0
    const finalSize = store.witness.final(member.key)?.size ?? 0
    blocks.set(label, size)
    final.set(label, finalSize)
    const most = Math.max(0, ...[...node.sync.sessions].map((session) => session.remoteSize(member.index)))
    behind.inc(Math.max(0, most - size))
    if (store.quarantined(member.key)) {
      quarantined.inc()
      if (size > finalSize) contested.inc()
    }
    await lookAtAge(member)
  }

  const look = async (): Promise<void> => {
    const { store, membership } = node
    for (const each of [blocks, final, age, sealedAge, late]) each.reset()
    for (const each of [behind, quarantined, contested]) each.set(0)
    members.set(membership.members.filter(({ revoked }) => revoked === undefined).length)
    for (const member of membership.members) await lookAtChain(member)
    const ofChains = membership.members.filter(({ key }) => store.evidence.has(key)).length
    const ofWitnesses = membership.members.filter(({ key }) => store.witnessEvidence.has(key)).length
    evidence.set(ofChains + ofWitnesses)
    twoFaced.set(ofWitnesses)
    against.set(Number(store.evidence.has(node.key)) + Number(store.witnessEvidence.has(node.key)))
    damage.set(store.damage.length)
  }

  return { look }
}
