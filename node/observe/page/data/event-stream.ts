/** One message of a stream of server-sent events. */
export interface StreamMessage {
  readonly event: string
  readonly data: string
}

/** A message that never ends must not fill the page's memory. */
export const MAX_MESSAGE_CHARACTERS = 65_536

/** Server-sent events out of text as it comes, in pieces of any size. (HTML standard, 9.2.6) */
export class EventStreamParser {
  /** Of the last message that was whole: what a new connection goes on after. */
  lastId = ''
  #rest = ''
  #event = ''
  #data: string[] = []
  #length = 0
  #id: string | undefined

  /** The messages that are whole now. Throws where one grows beyond MAX_MESSAGE_CHARACTERS. */
  push(text: string): StreamMessage[] {
    // The text after a carriage return may yet begin with the line feed that belongs to it.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    const messages = lines.flatMap((line) => this.#take(line))
    if (this.#rest.length + this.#length > MAX_MESSAGE_CHARACTERS) throw new Error('an event without an end')
    return messages
  }

  #take(line: string): StreamMessage[] {
    if (line === '') return this.#end()
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'event') this.#event = value
    if (field === 'id') this.#id = value
    if (field === 'data') {
      this.#data.push(value)
      this.#length += value.length
    }
    if (this.#length > MAX_MESSAGE_CHARACTERS) throw new Error('an event without an end')
    return []
  }

  #end(): StreamMessage[] {
    if (this.#id !== undefined) this.lastId = this.#id
    const message = { event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n') }
    const isEmpty = this.#data.length === 0
    this.#event = ''
    this.#data = []
    this.#length = 0
    this.#id = undefined
    return isEmpty ? [] : [message]
  }
}
