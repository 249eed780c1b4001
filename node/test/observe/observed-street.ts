import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import { type ApiInit } from '../../observe/api.ts'
import { createHttpApp, type HttpAppInit } from '../../observe/http-app.ts'
import { systemTimers } from '../../platform.ts'
import { verifySignature } from '../../signature.ts'
import { Neighbourhood, type NeighbourhoodInit, signerOf, type TestNode } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'

export const OBSERVER = 'observer-1'
export const OTHER_OBSERVER = 'observer-2'

export interface StreetInit extends NeighbourhoodInit {
  /** Readings that every meter seals. */
  readonly rounds?: number
}

/** Real nodes on virtual time, two observers among them, and what serves their ledgers. */
export class ObservedStreet {
  readonly all: Neighbourhood
  /** What was no fault of the asker. */
  readonly errors: unknown[] = []
  readonly #apps: FastifyInstance[] = []

  private constructor(all: Neighbourhood) {
    this.all = all
  }

  static async create({ rounds = 3, ...init }: StreetInit = {}): Promise<ObservedStreet> {
    const all = await Neighbourhood.create({
      meters: 4,
      witnesses: 4,
      ...init,
      settings: { attestDelayMs: 500, ...init.settings },
      genesis: { observers: 'open', ...init.genesis },
    })
    await all.add(OBSERVER)
    await all.add(OTHER_OBSERVER)
    await all.start(4)
    const street = new ObservedStreet(all)
    for (let round = 0; round < rounds; round++) await street.round()
    return street
  }

  /** Every meter seals a block; until all of it is final where there are witnesses. */
  async round(): Promise<void> {
    const meters = this.all.nodes.filter(({ name }) => name.startsWith('meter-'))
    await this.all.time.advance(60_000)
    const before = this.blocks
    for (const { name } of meters) await this.all.take(name)
    await this.all.untilAgreed(before + meters.length)
    if (this.all.genesis.members.some(({ roles }) => (roles & 4) !== 0)) await this.untilFinal()
  }

  get blocks(): number {
    return this.all.frontier(OBSERVER).reduce((a, b) => a + b, 0)
  }

  async untilFinal(): Promise<void> {
    const isFinal = (): boolean =>
      this.all.nodes.every(({ store, node }) =>
        node.membership.members.every(({ key }) => (store.witness.final(key)?.size ?? 0) === (store.head(key)?.size ?? 0)),
      )
    await this.all.time.until(isFinal, 120_000, 'everything final')
  }

  init(name = OBSERVER, api: Partial<ApiInit> = {}): HttpAppInit & { readonly host: string; readonly port: number } {
    const { node, store } = this.all.get(name)
    return {
      store,
      genesis: this.all.genesis,
      verify: verifySignature,
      timers: systemTimers,
      onError: (error) => this.errors.push(error),
      limits: { freshMs: 0 },
      host: '127.0.0.1',
      port: 0,
      api: { node, clock: this.all.time.clock, random: seededRandom(7), version: '1.2.3', pageDir: '/nowhere', ...api },
    }
  }

  /** The app of a node without a socket, and what asks it. */
  app(name = OBSERVER, api: Partial<ApiInit> = {}, more: Partial<HttpAppInit> = {}): FastifyInstance {
    const app = createHttpApp({ ...this.init(name, api), ...more })
    this.#apps.push(app)
    return app
  }

  node(name = OBSERVER): TestNode {
    return this.all.get(name)
  }

  async stop(): Promise<void> {
    for (const app of this.#apps.splice(0)) await app.close()
    await this.all.stop()
  }
}

export const keyHexOf = (name: string): string => Buffer.from(signerOf(name).publicKey).toString('hex')

const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false })
const validators = new Map<TSchema, ValidateFunction>()

/** Faults of a value; empty where it is as the schema says, and nothing in it is more than that. */
export function schemaFaults(schema: TSchema, value: unknown): string[] {
  let validate = validators.get(schema)
  if (validate === undefined) {
    validate = ajv.compile(closed(schema) as object)
    validators.set(schema, validate)
  }
  if (validate(value)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  )
}

/** Readers must take what a later version adds; here it would be a field that nobody wrote down. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const all = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, closed(each)]))
  return 'properties' in all && !('additionalProperties' in all) ? { ...all, additionalProperties: false } : all
}
