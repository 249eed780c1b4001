import type { Logger as PinoLogger } from 'pino'
import { hasRoles, ROLE_METER, ROLE_REGISTRAR, toHex, WattnessError } from '../../protocol/index.ts'
import { fileMemory } from '../collect/index.ts'
import { type NodeOptions, nodeOptionsOf, type Resolved } from '../config/index.ts'
import { ControlServer } from '../control/index.ts'
import { filesOf, readGenesisFile } from '../directory/index.ts'
import { type OpenedNode, openNode, verifySignature } from '../index.ts'
import type { HttpServer } from '../observe/index.ts'
import { loadPart } from '../part.ts'
import { programVersion } from '../version.ts'
import { sourceDepsOf } from './config.ts'
import { type Context, type ExitStatus, FINE, FOUND_WRONG, type SharedOptions } from './context.ts'
import { importOrdered } from './import.ts'
import type { Io } from './io.ts'
import { createLog } from './log.ts'
import { Meter } from './meter.ts'
import { logEvents, SELF_EQUIVOCATION, WITNESS_HALTED } from './node-log.ts'

/** From the signal to the end of the process, whatever is still busy then. */
const STOP_MS = 5_000

/** Runs the node of a directory until the process is told to stop. */
export async function runNode(
  context: Context,
  flags: SharedOptions,
  dir: string,
  resolved: Resolved & { readonly isHttpPreset?: boolean },
): Promise<ExitStatus> {
  const { io } = context
  const { config } = resolved
  const preset = flags.json === true || !io.isTerminal ? 'json' : 'text'
  const format = config.logFormat === 'auto' ? preset : config.logFormat
  const log = createLog(io, { level: config.logLevel, format })
  const genesis = await readGenesisFile(filesOf(dir))
  const options = nodeOptionsOf(config, toHex(genesis.networkId))
  const { settings, listen, announce, reach } = options
  const opened = await openNode({ dir, settings, listen, announce, reach, logger: log })
  const unsubscribe = logEvents(opened.node, log)
  // Whatever becomes of the log: this must reach a person.
  opened.node.on('evidence', ({ self }) => {
    if (self && (format === 'json' || config.logLevel === 'silent')) void context.note(SELF_EQUIVOCATION.join('\n'))
  })
  opened.node.on('witnessHalted', () => {
    if (format === 'json' || config.logLevel === 'silent') void context.note(WITNESS_HALTED.join('\n'))
  })
  const stops: (() => Promise<void>)[] = [() => opened.close()]
  try {
    const meter = new Meter(
      opened.node,
      options,
      io.platform,
      { ...sourceDepsOf(io, resolved), memory: fileMemory(opened.files.sources) },
      log,
    )
    const control = new ControlServer({
      socket: opened.files.controlSocket,
      node: opened.node,
      platform: io.platform,
      verify: verifySignature,
      sources: () => meter.sources,
      importFile: (order) => importOrdered(opened.node, io.platform, order),
      onError: (error) => log.error({ err: error }, 'a question on the control socket failed'),
    })
    stops.unshift(() => control.stop())
    await control.start()
    await opened.start()
    stops.unshift(() => meter.stop())
    meter.start()
    const http = await serveHttp(opened, options, io, log, meter, resolved.isHttpPreset === true)
    if (http !== undefined) stops.unshift(() => http.close())
    logStart(opened, options.sources, log, http)
    await untilStopped(io.stopped)
    log.info({ event: 'stopping' }, 'stopping')
  } catch (error) {
    await inTime(io, stops).catch(() => false)
    throw error
  }
  const isClean = await inTime(io, stops)
  unsubscribe()
  if (isClean) log.info({ event: 'stopped' }, 'stopped')
  else
    log.error(
      { event: 'stopped' },
      `not everything came to its end within ${STOP_MS / 1_000} s; what was acknowledged is on disk`,
    )
  return isClean ? FINE : FOUND_WRONG
}

/** Undefined where nothing is served by HTTP. Throws LISTEN_FAILED, TOKENS_EXPOSED, TOKENS_MALFORMED. */
async function serveHttp(
  { node, store, genesis, files }: OpenedNode,
  { http, isHttpReadClosed, httpNames }: NodeOptions,
  { platform }: Io,
  log: PinoLogger,
  meter: Meter,
  isAnyPort: boolean,
): Promise<HttpServer | undefined> {
  if (http === undefined) return undefined
  // Most commands and nodes serve nothing, and need not load what it is served with.
  const { startHttp, Tokens } = await loadPart('what serves HTTP', () => import('../observe/index.ts'))
  const tokens = await Tokens.read(files.httpTokens)
  if (isHttpReadClosed && tokens.size === 0) {
    const text = `${files.httpTokens} holds no token, and without one nobody may read: write some, or set httpRead to "open"`
    throw new WattnessError('TOKENS_MALFORMED', text, { path: files.httpTokens })
  }
  return startHttp({
    ...http,
    orAnyPort: isAnyPort,
    api: {
      node,
      clock: platform.clock,
      random: platform.random,
      tokens,
      isReadClosed: isHttpReadClosed,
      names: httpNames,
      version: programVersion(),
      dataDir: files.ledger,
      sources: () => meter.sources,
    },
    store,
    genesis,
    verify: verifySignature,
    timers: platform.timers,
    onError: (error) => log.error({ err: error }, 'a request by HTTP failed'),
    addCheckpoint: async (request) => {
      const { status, contentType, body } = await node.addCheckpoint(request)
      return { status, headers: { 'content-type': contentType }, body }
    },
    cosigned: (originHash) => Promise.resolve(node.cosigned(originHash)),
  })
}

function logStart(
  { node, genesis }: OpenedNode,
  sources: readonly string[],
  log: PinoLogger,
  http: HttpServer | undefined,
): void {
  const addresses = node.network.addresses()
  const self = node.membership.member(node.key)
  const who = self === undefined ? 'no member yet' : `member ${self.index}`
  const key = toHex(node.key)
  log.info(
    { event: 'started', network: genesis.name, key, index: self?.index ?? null, addresses },
    `"${genesis.name}": ${who}, key ${key}`,
  )
  for (const address of addresses) log.info({ event: 'listening', address }, `listening on ${address}`)
  if (http !== undefined) log.info({ event: 'listening', address: http.address }, `listening on ${http.address} for HTTP`)
  if (sources.length === 0) return
  if (self === undefined)
    log.warn({ event: 'notMember' }, 'not a member yet: readings are kept, and sealed once the registrar admits this key')
  else if (!hasRoles(self.roles, ROLE_METER) && !hasRoles(self.roles, ROLE_REGISTRAR)) {
    log.warn({ event: 'noMeter' }, 'this member has not the role of a meter: its readings are kept and never sealed')
  }
}

function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** All steps in order, whichever fail; false where they take too long. Throws the first failure. */
async function inTime(io: Io, steps: readonly (() => Promise<void>)[]): Promise<boolean> {
  const { timers } = io.platform
  const failures: unknown[] = []
  const all = (async (): Promise<true> => {
    for (const step of steps) await step().catch((error: unknown) => failures.push(error))
    return true
  })()
  let giveUp: () => void = () => undefined
  const late = new Promise<false>((resolve) => {
    const timer = timers.set(STOP_MS, () => resolve(false))
    giveUp = () => timers.clear(timer)
  })
  const isDone = await Promise.race([all, late])
  giveUp()
  if (failures.length > 0) throw failures[0]
  return isDone
}
