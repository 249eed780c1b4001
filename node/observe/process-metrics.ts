import { statfs } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { hasRoles, ROLE_METER, ROLE_REGISTRAR } from '../../protocol/index.ts'
import { SPOOL_LIMITS } from '../store/index.ts'
import type { ApiContext } from './api.ts'
import type { Measured, MetricRegistry } from './metric-registry.ts'

const NANOSECONDS = 1e9
const MICROSECONDS = 1e6

/** This process: what runs, what waits in it and is sealed, and what it takes of its machine. */
export function processMetrics(all: MetricRegistry, context: ApiContext): Measured {
  const { node, clock, sources } = context
  const info = all.gauge('info', 'Always 1; what runs here, and where', ['version', 'network', 'key'])
  const started = all.gauge('start_time_seconds', 'When this node began to serve, since 1970')
  const spool = all.gauge('spool_rows', 'Readings and events that no block holds yet')
  const spoolLimit = all.gauge('spool_limit_rows', 'So many wait at most; then no more are taken')
  const setAside = all.gauge('spool_set_aside_rows', 'Damaged entries of the spool that wait for somebody to look at them')
  const heldBack = all.gauge('sealing_held_back', '1 where this member may not seal, or fails to')
  const sealed = all.counter('sealed_blocks_total', 'Blocks sealed by this node since its start')
  const sealedRows = all.counter('sealed_rows_total', 'Readings and events in these')
  const failures = all.counter('seal_failures_total', 'Attempts to seal a block that failed')
  const source = all.gauge('sources', 'Meters and files that are read, by state', ['state'])
  const disk = all.gauge('disk_free_bytes', 'Free on the disk of the ledger')
  const diskSize = all.gauge('disk_size_bytes', 'Size of the disk of the ledger')
  const memory = all.gauge('resident_memory_bytes', 'Of this process')
  const heap = all.gauge('heap_used_bytes', 'Of this process, what its objects take')
  const cpu = all.counter('cpu_seconds_total', 'Of all cores, by this process')
  const lag = all.gauge('event_loop_lag_p99_seconds', 'Delay of the event loop since the last look, 99th percentile')
  const lagMax = all.gauge('event_loop_lag_max_seconds', 'The same, the largest')

  info.set({ version: context.version, network: node.genesis.name, key: Buffer.from(node.key).toString('hex') }, 1)
  started.set(clock.now() / 1_000)
  spoolLimit.set(SPOOL_LIMITS.maxRows)
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const subscriptions = [
    node.on('sealed', ({ rows }) => {
      sealed.inc()
      sealedRows.inc(rows)
    }),
    node.on('sealFailed', () => failures.inc()),
  ]

  /** An observer writes nothing, and misses nothing. */
  const isHeldBack = (): boolean => {
    const roles = node.membership.member(node.key)?.roles ?? 0
    return (hasRoles(roles, ROLE_METER) || hasRoles(roles, ROLE_REGISTRAR)) && node.heldBack() !== undefined
  }

  const lookAtDisk = async (): Promise<void> => {
    if (context.dataDir === '') return
    const { bavail, blocks, bsize } = await statfs(context.dataDir)
    disk.set(bavail * bsize)
    diskSize.set(blocks * bsize)
  }

  const look = async (): Promise<void> => {
    spool.set(node.store.spool.size)
    setAside.set(node.store.spool.setAside)
    heldBack.set(Number(isHeldBack()))
    source.reset()
    for (const { state } of sources()) source.inc({ state })
    const { rss, heapUsed } = process.memoryUsage()
    memory.set(rss)
    heap.set(heapUsed)
    const { user, system } = process.cpuUsage()
    cpu.reset()
    cpu.inc((user + system) / MICROSECONDS)
    lag.set(secondsOf(delay.percentile(99)))
    lagMax.set(secondsOf(delay.max))
    delay.reset()
    await lookAtDisk()
  }

  const end = (): void => {
    for (const unsubscribe of subscriptions) unsubscribe()
    delay.disable()
  }
  return { look, end }
}

/** Nothing measured yet is told as NaN or as the largest number there is. */
function secondsOf(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) && nanoseconds < Number.MAX_SAFE_INTEGER ? nanoseconds / NANOSECONDS : 0
}
