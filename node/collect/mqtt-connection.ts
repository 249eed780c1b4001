import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt'
import { WattnessError } from '../../protocol/errors.ts'
import type { Clock } from '../platform.ts'
import type { Login } from './login-file.ts'

/** One connection to a broker, from CONNECT to its end. Whoever wants another one makes another one. */

export interface BrokerAddress {
  readonly protocol: 'mqtt' | 'mqtts'
  readonly host: string
  readonly port: number
}

export interface ConnectionInit {
  readonly address: BrokerAddress
  readonly topics: readonly string[]
  /** The broker keeps messages for it between connections; undefined: it keeps nothing. */
  readonly clientId: string | undefined
  readonly login: Login
  readonly clock: Clock
}

export interface Delivered {
  readonly topic: string
  readonly payload: Uint8Array
  readonly isRetained: boolean
  /** Sent before, and not acknowledged as far as the broker knows. */
  readonly isRepeated: boolean
  readonly messageId: number | undefined
  /** It came with others that had waited at the broker. */
  readonly isLate: boolean
  /** Tells the broker to forget it. Until then no further message comes. */
  readonly acknowledge: () => void
}

const CONNECT_TIMEOUT_MS = 20_000
const KEEP_ALIVE_S = 60
/** What waited at the broker comes without a pause; the first pause ends it. */
const PAUSE_MS = 500
const REFUSED_BY_BROKER = new Set([4, 5, 134, 135])
const SUBSCRIPTION_REFUSED = 0x80

/**
 * Messages as they come, one at a time: the next is taken from the line when the one before was acknowledged, so that what is not
 * kept yet stays at the broker. Ends where the broker hangs up. Throws SOURCE_UNREADABLE, MQTT_LOGIN_REFUSED,
 * MQTT_SUBSCRIPTION_REFUSED.
 */
export async function* brokerMessages(init: ConnectionInit, signal: AbortSignal): AsyncGenerator<Delivered> {
  if (signal.aborted) return
  const { connect } = await import('mqtt')
  const client = connect(optionsOf(init))
  const line = new Line(client, init.clock)
  const stop = (): void => line.end(undefined)
  signal.addEventListener('abort', stop, { once: true })
  try {
    client.on('connect', ({ sessionPresent }) => {
      line.opened(sessionPresent)
      client.subscribe([...init.topics], { qos: 1 }, (error, granted) => {
        const refused = (granted ?? []).find(({ qos }) => (qos as number) >= SUBSCRIPTION_REFUSED)
        if (refused !== undefined) line.end(subscriptionRefused(init.address, refused.topic))
        else if (error !== null)
          line.end(
            /unspecified|not authorized|refused/i.test(error.message)
              ? subscriptionRefused(init.address, init.topics.join(', '))
              : error,
          )
      })
    })
    yield* line.messages()
  } catch (error) {
    if (!signal.aborted) throw explained(error, init.address)
  } finally {
    signal.removeEventListener('abort', stop)
    line.end(undefined)
    client.end(true)
  }
}

function optionsOf({ address, clientId, login }: ConnectionInit): IClientOptions {
  const { ca, cert, key, username, password } = login
  return {
    ...address,
    ...(clientId === undefined ? { clean: true } : { clientId, clean: false }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    protocolVersion: 4,
    keepalive: KEEP_ALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A message of a connection that ended must not be acknowledged on the next one: the next one is another client.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
  }
}

/** From the client's callbacks to what is asked for one by one. */
class Line {
  readonly #clock: Clock
  #waiting: Delivered[] = []
  #wake: (() => void) | undefined
  #isOver = false
  #failure: Error | undefined
  #lastMs = 0
  #isBacklog = false

  constructor(client: MqttClient, clock: Clock) {
    this.#clock = clock
    client.handleMessage = (packet, done) => this.#hear(packet, () => done())
    client.on('error', (error) => this.end(error))
    client.on('close', () => this.end(undefined))
  }

  opened(isSessionPresent: boolean): void {
    this.#isBacklog = isSessionPresent
    this.#lastMs = this.#clock.monotonicMs()
  }

  #hear(packet: IPublishPacket, acknowledge: () => void): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#lastMs >= PAUSE_MS) this.#isBacklog = false
    this.#waiting.push({
      topic: packet.topic,
      payload: typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload,
      isRetained: packet.retain,
      isRepeated: packet.dup,
      messageId: packet.messageId,
      isLate: this.#isBacklog,
      acknowledge: () => {
        this.#lastMs = this.#clock.monotonicMs()
        if (!this.#isOver) acknowledge()
      },
    })
    this.#wake?.()
  }

  end(failure: Error | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = failure
    this.#wake?.()
  }

  async *messages(): AsyncGenerator<Delivered> {
    for (;;) {
      const next = this.#waiting.shift()
      if (next !== undefined) yield next
      else if (this.#isOver) break
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
    if (this.#failure !== undefined) throw this.#failure
  }
}

function subscriptionRefused({ host, port }: BrokerAddress, topic: string): WattnessError {
  const where = `${host}:${port}`
  return new WattnessError('MQTT_SUBSCRIPTION_REFUSED', `broker ${where} does not let this user subscribe to ${topic}`, {
    where,
    topic,
  })
}

function explained(error: unknown, { host, port }: BrokerAddress): WattnessError {
  if (error instanceof WattnessError) return error
  const where = `${host}:${port}`
  const code = (error as { code?: unknown }).code
  if (typeof code === 'number' && REFUSED_BY_BROKER.has(code)) {
    const message = `broker ${where} refuses this user: name a file with username and password by login=FILE`
    return new WattnessError('MQTT_LOGIN_REFUSED', message, { where }, { cause: error })
  }
  const reason = error instanceof Error ? error.message || String(code) : String(error)
  return new WattnessError('SOURCE_UNREADABLE', `broker ${where} cannot be read: ${reason}`, { where, reason }, { cause: error })
}
