import { statfs } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Registry } from 'prom-client'
import Type from 'typebox'
import { decodeSignedAttestation, headLeafSize, type Member } from '../../protocol/index.ts'
import type { ApiContext, Noun } from './api.ts'
import { LastReadings } from './last-readings.ts'
import { routeSchema } from './route-schema.ts'

const NANOSECONDS = 1e9

/** However many collect them: with 256 members a look costs some 10 ms, and two at once would count twice. */
const LOOK_MS = 1_000

/** `/metrics`, for Prometheus: what an operator asks, with the unit in the name. Values are read when they are asked for. */
export const metrics: Noun = (app, context, done) => {
  const { registry, look, end } = measure(context)
  const { clock } = context
  let text: Promise<string> | undefined
  let atMs = 0
  const read = (): Promise<string> => {
    const nowMs = clock.monotonicMs()
    if (text !== undefined && nowMs - atMs < LOOK_MS) return text
    atMs = nowMs
    const before = text?.catch(() => '') ?? Promise.resolve('')
    const after = before.then(look).then(() => registry.metrics())
    text = after
    return after
  }
  app.addHook('onClose', (_app, closed) => {
    end()
    closed()
  })
  app.get(
    '/metrics',
    {
      schema: routeSchema({
        noun: 'metrics',
        id: 'getMetrics',
        summary: 'What an operator watches, in the text format of Prometheus',
        answer: Type.String(),
        answerType: 'text/plain',
      }),
    },
    async (_request, reply) => {
      return reply
        .header('content-type', registry.contentType)
        .header('cache-control', 'no-store')
        .send(await read())
    },
  )
  done()
}

interface Measured {
  readonly registry: Registry
  /** Brings all values up to date. */
  readonly look: () => Promise<void>
  readonly end: () => void
}

function measure(context: ApiContext): Measured {
  const { node, clock } = context
  const registry = new Registry()
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: `wattness_${name}`, help, registers: [registry] })
  const perMember = (name: string, help: string): Gauge<'member'> =>
    new Gauge({ name: `wattness_${name}`, help, labelNames: ['member'], registers: [registry] })
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name: `wattness_${name}`, help, labelNames, registers: [registry] })

  const info = new Gauge({
    name: 'wattness_info',
    help: 'Always 1; what runs here, and where',
    labelNames: ['version', 'network', 'key'],
    registers: [registry],
  })
  const spool = gauge('spool_rows', 'Readings and events that no block holds yet')
  const setAside = gauge('spool_set_aside_rows', 'Damaged entries of the spool that wait for somebody to look at them')
  const blocks = perMember('chain_blocks', 'Blocks held, by member index')
  const final = perMember('chain_final_blocks', 'Blocks that are final, by member index')
  const age = perMember('last_reading_age_seconds', 'Since the time of the newest reading held, by member index')
  const sealedAge = perMember('last_block_age_seconds', 'Since the newest block held was sealed, by member index')
  const behind = gauge('behind_blocks', 'Blocks that some neighbour says to hold and this node does not')
  const finalLag = gauge('final_lag_blocks', 'Blocks that count and are not final')
  const finalSeconds = gauge('final_lag_seconds', 'Since the oldest block that is held and not final was sealed; 0 where all are')
  const attestations = counter('attestations_total', 'Sequence of the newest attestation of each witness, by member index', [
    'member',
  ])
  const attestationAge = perMember('attestation_age_seconds', 'Since the newest attestation of a witness, by member index')
  const differing = gauge('peers_differing', 'Neighbours whose ledger differs from this one (divergence)')
  const evidence = gauge('evidence', 'Proofs of misbehaviour held')
  const peers = gauge('peers', 'Neighbours connected')
  const mesh = gauge('gossip_mesh_peers', 'Neighbours in the gossip mesh')
  const caughtUp = gauge('caught_up', '1 where no neighbour is known to hold more')
  const waiting = gauge('verify_waiting_bytes', 'Runs of blocks that wait to be checked')
  const verified = counter('verify_runs_total', 'Runs of blocks that came, by what became of them', ['code'])
  const verifySeconds = counter(
    'verify_seconds_total',
    'From the coming of runs to their being checked and stored, summed up',
    [],
  )
  const faults = counter('peer_faults_total', 'What neighbours did that no honest one does, by kind', ['fault'])
  const damage = gauge('damage', 'Damage found in the store since it was opened')
  const disk = gauge('disk_free_bytes', 'Free on the disk of the ledger')
  const memory = gauge('resident_memory_bytes', 'Of this process')
  const lag = gauge('event_loop_lag_p99_seconds', 'Delay of the event loop since the last look, 99th percentile')
  const lagMax = gauge('event_loop_lag_max_seconds', 'The same, the largest')

  info.set({ version: context.version, network: node.genesis.name, key: Buffer.from(node.key).toString('hex') }, 1)
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const readings = new LastReadings(node.store)
  const unsubscribe = node.on('fault', ({ fault }) => faults.inc({ fault }))

  const lookAtChain = async (member: Member): Promise<number> => {
    const { store, membership } = node
    const label = { member: String(member.index) }
    const head = store.head(member.key)
    const size = head?.size ?? 0
    const finalSize = store.witness.final(member.key)?.size ?? 0
    blocks.set(label, size)
    final.set(label, finalSize)
    const { timeMs } = await readings.of(member)
    if (timeMs !== undefined) age.set(label, (clock.now() - timeMs) / 1_000)
    if (head !== undefined) sealedAge.set(label, (clock.now() - head.sealedAt) / 1_000)
    const most = Math.max(0, ...[...node.sync.sessions].map((session) => session.remoteSize(member.index)))
    behind.inc(Math.max(0, most - size))
    const counted = membership.at(member.index)
    const counting = counted === undefined ? 0 : headLeafSize(counted, size)
    finalLag.inc(Math.max(0, counting - finalSize))
    if (counting <= finalSize) return 0
    const oldest = await store.readBlock(member.key, finalSize)
    return oldest === undefined ? 0 : (clock.now() - oldest.header.sealedAt) / 1_000
  }

  const lookAtWitnesses = async (): Promise<void> => {
    const { store, membership, epochs } = node
    attestations.reset()
    for (const { bytes } of await store.witness.attestations.list(epochs.at(membership.size).number)) {
      const { witness, sequence, timeMs } = decodeSignedAttestation(bytes)
      const index = membership.member(witness)?.index
      if (index === undefined) continue
      attestations.inc({ member: String(index) }, sequence)
      attestationAge.set({ member: String(index) }, (clock.now() - timeMs) / 1_000)
    }
  }

  const look = async (): Promise<void> => {
    const { store, membership } = node
    for (const each of [blocks, final, age, sealedAge, attestationAge]) each.reset()
    for (const each of [behind, finalLag]) each.set(0)
    spool.set(store.spool.size)
    setAside.set(store.spool.setAside)
    let lagSeconds = 0
    for (const member of membership.members) lagSeconds = Math.max(lagSeconds, await lookAtChain(member))
    finalSeconds.set(lagSeconds)
    await lookAtWitnesses()
    const sessions = [...node.sync.sessions]
    differing.set(sessions.filter(({ agreement }) => agreement === 'different').length)
    evidence.set(membership.members.reduce((sum, { key }) => sum + proofsOf(key), 0))
    peers.set(node.network.links().length)
    mesh.set(node.meshSize())
    caughtUp.set(sessions.length > 0 && node.sync.isCaughtUp ? 1 : 0)
    waiting.set(node.waitingBytes)
    verified.reset()
    for (const [code, count] of node.checkedRuns.byCode) verified.inc({ code }, count)
    verifySeconds.reset()
    verifySeconds.inc(node.checkedRuns.totalMs / 1_000)
    damage.set(store.damage.length)
    memory.set(process.memoryUsage.rss())
    if (context.dataDir !== '') disk.set(await freeBytes(context.dataDir))
    lag.set(secondsOf(delay.percentile(99)))
    lagMax.set(secondsOf(delay.max))
    delay.reset()
  }

  const proofsOf = (key: Uint8Array): number => Number(node.store.evidence.has(key)) + Number(node.store.witnessEvidence.has(key))

  const end = (): void => {
    unsubscribe()
    delay.disable()
  }
  return { registry, look, end }
}

/** Nothing measured yet is told as NaN or as the largest number there is. */
function secondsOf(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) && nanoseconds < Number.MAX_SAFE_INTEGER ? nanoseconds / NANOSECONDS : 0
}

async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir)
  return bavail * bsize
}
