import { createHash, type Hash } from 'node:crypto'

/** Lines that are worth a person's look are kept, so many of them. */
export const MAX_NOTES = 2_000

/** Lines are hashed this many characters at a time. */
const HASH_PIECE = 65_536

/** What a line tells of: what was done to the world, what a node did about it, how the run goes, or a broken rule. */
export type NoteKind = 'deed' | 'node' | 'run' | 'violation'

export interface Note {
  readonly atMs: number
  readonly kind: NoteKind
  readonly text: string
}

/** Everything that happened, in order: hashed line by line, so that two runs can be compared, and partly kept. */
export class EventLog {
  readonly #hash: Hash = createHash('sha256')
  readonly #nowMs: () => number
  readonly notes: Note[] = []
  #waiting = ''
  lines = 0
  notesLeftOut = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  add(line: string): void {
    this.lines++
    this.#waiting += `${this.#nowMs().toFixed(3)} ${line}\n`
    if (this.#waiting.length >= HASH_PIECE) this.#flush()
  }

  /** Added, and kept for people. */
  note(text: string, kind: NoteKind = 'deed'): void {
    this.add(text)
    if (this.notes.length < MAX_NOTES) this.notes.push({ atMs: this.#nowMs(), kind, text })
    else this.notesLeftOut++
  }

  #flush(): void {
    this.#hash.update(this.#waiting)
    this.#waiting = ''
  }

  /** Of all lines so far. */
  digest(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }
}
