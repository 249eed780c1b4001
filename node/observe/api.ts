import type { FastifyPluginAsync, FastifyPluginCallback } from 'fastify'
import type { VerifySignature } from '../../protocol/index.ts'
import type { Clock, Random, Timers } from '../platform.ts'
import { balance } from './balance.ts'
import { blocks } from './blocks.ts'
import { Changes } from './changes.ts'
import { documentation, documented } from './documentation.ts'
import { events } from './events.ts'
import { evidence } from './evidence.ts'
import { FinalTimes } from './final-times.ts'
import { health } from './health.ts'
import { refuseForeignNames } from './host-check.ts'
import { ingest } from './ingest.ts'
import { ledger } from './ledger.ts'
import type { HttpLimits } from './limits.ts'
import { members } from './members.ts'
import { metrics } from './metrics.ts'
import type { ObservedNode } from './observed-node.ts'
import { page } from './page-files.ts'
import { peers } from './peers.ts'
import { proof } from './proof.ts'
import { readings } from './readings.ts'
import { status } from './status.ts'
import { requireToken, type Tokens } from './tokens.ts'

/** What /v1 is served from. */
export interface ApiInit {
  readonly node: ObservedNode
  readonly clock: Clock
  /** None unless given: then nobody may send readings. */
  readonly tokens?: Tokens
  /** Everything but /healthz, /readyz and the page without its data is for who has a token. */
  readonly isReadClosed?: boolean
  /** Names under which a proxy on this machine asks. */
  readonly names?: readonly string[]
  /** Of the program. */
  readonly version?: string
  /** Directory of the ledger, whose disk is watched. */
  readonly dataDir?: string
  /** What is read here, and how that goes. */
  readonly sources?: () => readonly { readonly state: string }[]
  readonly random: Pick<Random, 'bytes'>
  /** Where the built page is; it says so where nothing is there. */
  readonly pageDir?: string
}

/** What each noun is made with. */
export interface ApiContext extends Required<Omit<ApiInit, 'isReadClosed'>> {
  readonly timers: Timers
  readonly verify: VerifySignature
  readonly limits: HttpLimits
  readonly changes: Changes
  readonly finalTimes: FinalTimes
  readonly onError: (error: unknown) => void
}

/** A plugin of fastify for each noun; whatever belongs to /v1 stands here. */
export type Noun = FastifyPluginCallback<ApiContext> | FastifyPluginAsync<ApiContext>

const NOUNS: readonly Noun[] = [
  status,
  members,
  readings,
  ingest,
  balance,
  blocks,
  ledger,
  evidence,
  peers,
  proof,
  events,
  metrics,
]

export interface ApiPluginInit extends Omit<ApiContext, 'changes' | 'finalTimes'> {
  readonly isReadClosed: boolean
}

/** All of /v1, its documentation and the page. */
export const api: FastifyPluginAsync<ApiPluginInit> = async (app, init) => {
  const { isReadClosed, ...rest } = init
  const changes = new Changes(init.node)
  const finalTimes = new FinalTimes(init.node, init.clock)
  app.addHook('onClose', (_app, done) => {
    changes.end()
    finalTimes.end()
    done()
  })
  const context: ApiContext = { ...rest, changes, finalTimes }
  await documented(app, context)
  app.addHook('onRequest', refuseForeignNames(init.names))
  void app.register(health, context)
  // The page holds no data: it asks for a token where one is needed.
  void app.register(page, context)
  await app.register(async (read) => {
    if (isReadClosed) read.addHook('onRequest', requireToken(init.tokens, 'read'))
    for (const noun of NOUNS) await read.register(noun as FastifyPluginCallback<ApiContext>, context)
    await documentation(read)
  })
}
