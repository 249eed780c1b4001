import { VERDICTS } from '../../protocol/index.ts'
import type { ApiContext } from './api.ts'
import type { Measured, MetricRegistry } from './metric-registry.ts'

/** Neighbours: who is there, how each compares, and what became of what they sent. */
export function neighbourMetrics(all: MetricRegistry, { node }: ApiContext): Measured {
  const peers = all.gauge('peers', 'Neighbours connected')
  const mesh = all.gauge('gossip_mesh_peers', 'Neighbours in the gossip mesh')
  const gossips = all.gauge('gossips_blocks', '1 where blocks are pushed by gossip too')
  const differing = all.gauge('peers_differing', 'Neighbours whose ledger differs from this one (divergence)')
  const refusing = all.gauge('peers_refusing', 'Members that hang up on this node')
  const caughtUp = all.gauge('caught_up', '1 where no neighbour is known to hold more')
  const lacking = all.gauge('lacking_blocks', 'Blocks that no neighbour here can give: who holds them has pruned them')
  const net = all.counter('net_bytes_total', 'Over the sockets to neighbours, as TCP carries them', ['direction'])
  const waiting = all.gauge('verify_waiting_bytes', 'Runs of blocks that wait to be checked')
  const runs = all.counter('verify_runs_total', 'Runs of blocks that came, by what became of them', ['code', 'verdict'])
  const seconds = all.counter('verify_seconds_total', 'From the coming of runs to their being checked and stored, summed up')
  const faults = all.counter('peer_faults_total', 'What neighbours did that no honest one does, by kind', ['fault'])
  const unsubscribe = node.on('fault', ({ fault }) => faults.inc({ fault }))

  const look = (): void => {
    const sessions = [...node.sync.sessions]
    peers.set(node.network.links().length)
    mesh.set(node.meshSize())
    gossips.set(Number(node.gossipsBlocks))
    differing.set(sessions.filter(({ agreement }) => agreement === 'different').length)
    refusing.set(node.refusedBy().length)
    caughtUp.set(sessions.length > 0 && node.sync.isCaughtUp ? 1 : 0)
    const pruned = [...node.sync.lacks()].filter(({ isPruned }) => isPruned)
    lacking.set(pruned.reduce((sum, { from, size }) => sum + size - from, 0))
    const { receivedBytes = 0, sentBytes = 0 } = node.network.traffic?.() ?? {}
    net.reset()
    net.inc({ direction: 'received' }, receivedBytes)
    net.inc({ direction: 'sent' }, sentBytes)
    waiting.set(node.waitingBytes)
    runs.reset()
    for (const [code, count] of node.checkedRuns.byCode) runs.inc({ code, verdict: verdictText(code) }, count)
    seconds.reset()
    seconds.inc(node.checkedRuns.totalMs / 1_000)
  }

  return { look, end: unsubscribe }
}

function verdictText(code: string): string {
  if (code === 'ACCEPTED') return 'accept'
  return Object.hasOwn(VERDICTS, code) ? VERDICTS[code as keyof typeof VERDICTS] : 'ignore'
}
