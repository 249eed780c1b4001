import type { SamplingPolicy } from '../collect/index.ts'
import type { Reach } from '../net/index.ts'
import { DEFAULT_SETTINGS, type NodeSettings } from '../settings.ts'
import { parseDuration } from './duration.ts'
import { type HttpAddress, parseHttpAddress } from './http-address.ts'
import type { Config } from './resolve.ts'

/** The configuration as the parts of a node take it. */
export interface NodeOptions {
  readonly settings: NodeSettings
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly reach: Reach
  /** Undefined: nothing is served by HTTP. */
  readonly http: HttpAddress | undefined
  /** Reading by HTTP needs a token. */
  readonly isHttpReadClosed: boolean
  /** Names under which a proxy on this machine asks. */
  readonly httpNames: readonly string[]
  readonly sampling: SamplingPolicy
  readonly sources: readonly string[]
  readonly silentAfterMs: number
  readonly keepFramesMs: number
  readonly keepSignedMs: number
  readonly keepSeenMs: number
}

/** `networkId` in hex names what mDNS looks for: two networks in one house do not meet. */
export function nodeOptionsOf(config: Config, networkIdHex: string): NodeOptions {
  const { listen, announce, sources } = config
  const { gossip, bootstrap, rowsAtOnce, maxRows, sealAlone, verifyThreads, announceDelay, attestDelay, crossCheck } = config
  return {
    settings: {
      ...DEFAULT_SETTINGS,
      intervalMs: msOf(config.interval),
      rowsAtOnce,
      maxRows,
      announceDelayMs: announceDelay === 'auto' ? undefined : msOf(announceDelay),
      attestDelayMs: msOf(attestDelay),
      crossCheckMs: crossCheck === 'auto' ? undefined : msOf(crossCheck),
      gossip,
      sealAlone,
      bootstrap,
      verifyThreads,
    },
    listen,
    announce,
    reach: {
      mdns: config.mdns && !listen.every(isLoopback),
      mdnsTag: `_wattness-${networkIdHex.slice(0, 12)}._udp.local`,
      relay: config.relay,
      relayServer: config.relayServer,
    },
    http: httpOf(config.http),
    isHttpReadClosed: config.httpRead === 'tokens',
    httpNames: config.httpNames,
    sampling: {
      mode: config.sampling,
      intervalMs: msOf(config.samplingInterval),
      others: config.sampleOthers ? 'boundary' : 'drop',
      intervalData: config.sampleIntervalData,
    },
    sources,
    silentAfterMs: msOf(config.silentAfter),
    keepFramesMs: msOf(config.keepFrames),
    keepSignedMs: msOf(config.keepSigned),
    keepSeenMs: msOf(config.keepSeen),
  }
}

/** The schema has let durations through only. */
function msOf(text: string): number {
  return parseDuration(text) ?? 0
}

function httpOf(text: string): HttpAddress | undefined {
  const address = parseHttpAddress(text)
  return address === 'off' ? undefined : address
}

function isLoopback(address: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)
}
