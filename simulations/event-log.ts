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

  summary(): LogSummary {
    return { digest: this.digest(), lines: this.lines, notes: this.notes, notesLeftOut: this.notesLeftOut }
  }
}

/** What a log comes to, or several together. */
export interface LogSummary {
  readonly digest: string
  readonly lines: number
  readonly notes: readonly Note[]
  readonly notesLeftOut: number
}

/**
 * One alone is as it is. Of several, notes are in the order of time, with the name of each's network before them, and the digest
 * is over those of all.
 */
export function sumOfLogs(logs: readonly { readonly name: string; readonly log: LogSummary }[]): LogSummary {
  const [one, ...others] = logs
  if (one !== undefined && others.length === 0) return one.log
  const hash = createHash('sha256')
  for (const { name, log } of logs) hash.update(`${name} ${log.digest}\n`)
  const notes = logs
    .flatMap(({ name, log }) => log.notes.map((note) => ({ ...note, text: `${name}: ${note.text}` })))
    .sort((a, b) => a.atMs - b.atMs)
  const leftOut = logs.reduce((sum, { log }) => sum + log.notesLeftOut, 0)
  return {
    digest: hash.digest('hex'),
    lines: logs.reduce((sum, { log }) => sum + log.lines, 0),
    notes: notes.slice(0, MAX_NOTES),
    notesLeftOut: leftOut + Math.max(0, notes.length - MAX_NOTES),
  }
}
