import { toHex } from '../../protocol/index.ts'
import type { Random } from '../platform.ts'

/** One event as it is sent. */
export interface SentEvent {
  readonly number: number
  readonly text: string
}

/** The newest events, so that who was away for a while misses none. An id is of this run of the node only. */
export class EventRing {
  readonly #limit: number
  readonly #run: string
  readonly #events: SentEvent[] = []
  #number = 0

  /** `limit`: events kept. */
  constructor(limit: number, random: Pick<Random, 'bytes'>) {
    this.#limit = limit
    this.#run = toHex(random.bytes(6))
  }

  /** The id of the newest. */
  get lastId(): string {
    return this.#id(this.#number)
  }

  add(type: string, data: object): SentEvent {
    const number = ++this.#number
    const event = { number, text: `id: ${this.#id(number)}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n` }
    this.#events.push(event)
    if (this.#events.length > this.#limit) this.#events.shift()
    return event
  }

  #id(number: number): string {
    return `${this.#run}-${number}`
  }

  /** What came after the id; undefined where that cannot be said any more, or the id is of another run or node. */
  after(id: string): readonly SentEvent[] | undefined {
    const [run, digits = ''] = id.split('-')
    const number = Number(digits)
    if (run !== this.#run || !/^\d{1,15}$/.test(digits) || number > this.#number) return undefined
    const first = this.#events[0]?.number ?? this.#number + 1
    return number + 1 < first ? undefined : this.#events.slice(number + 1 - first)
  }
}
