import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { sleep } from '../platform.ts'
import { fileBytes, pathOf } from './byte-input.ts'
import {
  fault,
  type MeterSource,
  RECOGNISE_BYTES,
  type SourceDeps,
  type SourceFormat,
  type SourceItem,
  type SourceSpec,
} from './source.ts'
import { assertOptionsKnown, durationOption, refuseOption } from './source-spec.ts'

/** What the directory asks of the formats: given to it, for it is one of them. */
export interface DirectoryInit {
  recognise(fileName: string, firstBytes: Uint8Array): SourceFormat | undefined
  named(name: string): SourceFormat | undefined
}

/** Files looked at; a directory that is filled for ever must be emptied now and then. */
export const MAX_FILES = 10_000

const OPTIONS = ['format', 'every']
const DEFAULT_EVERY_MS = 5_000
/** What is on its way: programs write under such a name and give the right one at the end. */
const UNFINISHED = /^\.|~$|\.(?:tmp|part|partial|new|crdownload|filepart|swp)$/i

/** Size and time of change, as a text: a file that has others is another file. */
type State = string

/** A directory that others put files into: each is read once, when nobody writes to it any more. */
export function directoryFormat(init: DirectoryInit): SourceFormat {
  return {
    name: 'dir',
    describe: 'a directory being filled: each new file is read once, by the format that recognises it',
    usage: ['dir:PATH', 'dir:PATH?format=nem12&every=1m'],
    quirks: [
      'a file counts as complete when two looks in a row find it the same; names such as .x, x.tmp and x.part are left alone',
    ],
    recognise: () => false,
    open: (spec, deps) => open(spec, deps, init),
  }
}

function open(spec: SourceSpec, deps: SourceDeps, init: DirectoryInit): MeterSource {
  const named = spec.options.get('format')
  const format = named === undefined ? undefined : init.named(named)
  if (named !== undefined && (format === undefined || named === 'dir'))
    refuseOption(spec, 'format', 'there is no such format of files')
  // What a format takes beside is the format's business: it refuses what it does not know when the first file comes.
  if (format === undefined) assertOptionsKnown(spec, OPTIONS)
  const everyMs = durationOption(spec, 'every') ?? DEFAULT_EVERY_MS
  return {
    spec: spec.text,
    kind: spec.kind,
    // It does not end, and silence is no outage.
    live: false,
    intervalData: true,
    items: (signal) => new Watched(spec, deps, init, format).items(everyMs, signal),
  }
}

class Watched {
  readonly #spec: SourceSpec
  readonly #deps: SourceDeps
  readonly #init: DirectoryInit
  readonly #format: SourceFormat | undefined
  readonly #path: string
  #saving: Promise<void> = Promise.resolve()
  #done = new Map<string, State>()
  #before = new Map<string, State>()

  constructor(spec: SourceSpec, deps: SourceDeps, init: DirectoryInit, format: SourceFormat | undefined) {
    this.#spec = spec
    this.#deps = deps
    this.#init = init
    this.#format = format
    this.#path = pathOf(spec.target, deps)
  }

  async *items(everyMs: number, signal: AbortSignal): AsyncGenerator<SourceItem> {
    await this.#restore()
    while (!signal.aborted) {
      try {
        for (const name of await this.#complete()) {
          if (signal.aborted) return
          yield* this.#file(name, signal)
        }
      } catch (error) {
        yield fault('DIR_UNREADABLE', `${this.#path}: ${messageOf(error)}`, this.#path)
      }
      await sleep(this.#deps.timers, everyMs, signal).catch(() => undefined)
    }
  }

  /** Files that were the same at the last look and were not read yet, oldest first. */
  async #complete(): Promise<string[]> {
    const names = (await readdir(this.#path)).filter((name) => !UNFINISHED.test(name))
    if (names.length > MAX_FILES) throw new Error(`more than ${MAX_FILES} files: move away what was read`)
    const found: { name: string; state: State; changedMs: number }[] = []
    for (const name of names) {
      const file = await stat(join(this.#path, name)).catch(() => undefined)
      if (file?.isFile() === true) found.push({ name, state: `${file.size} ${file.mtimeMs}`, changedMs: file.mtimeMs })
    }
    const before = this.#before
    this.#before = new Map(found.map(({ name, state }) => [name, state]))
    // What is gone needs no remembering: so what is remembered is bounded by what is there.
    this.#done = new Map([...this.#done].filter(([name]) => this.#before.has(name)))
    return found
      .filter(({ name, state }) => before.get(name) === state && this.#done.get(name) !== state)
      .toSorted((a, b) => a.changedMs - b.changedMs || (a.name < b.name ? -1 : 1))
      .map(({ name }) => name)
  }

  async *#file(name: string, signal: AbortSignal): AsyncGenerator<SourceItem> {
    const state = this.#before.get(name) as State
    const path = join(this.#path, name)
    try {
      const format = this.#format ?? (await this.#recognised(path))
      const options = new Map([...this.#spec.options].filter(([option]) => !OPTIONS.includes(option)))
      const homes = (await format.offer?.(path)) ?? []
      if (homes.length > 1) throw new Error(`it holds ${homes.length} homes, and a source is one: name one with csv:${path}#HOME`)
      const source = format.open({ text: `${format.name}:${path}`, kind: format.name, target: path, options }, this.#deps)
      for await (const item of source.items(signal))
        yield item.type === 'fault' ? { ...item, where: `${name}, ${item.where}` } : item
    } catch (error) {
      // It is told once; a file that is mended is another file.
      yield fault('DIR_FILE_REFUSED', `${path}: ${messageOf(error)}`, name)
    }
    if (signal.aborted) return
    this.#done.set(name, state)
    const files = Object.fromEntries(this.#done)
    yield { type: 'mark', durable: () => this.#save(files) }
  }

  async #recognised(path: string): Promise<SourceFormat> {
    const parts: Uint8Array[] = []
    let length = 0
    for await (const chunk of fileBytes(path)) {
      parts.push(chunk)
      length += chunk.length
      if (length >= RECOGNISE_BYTES) break
    }
    const format = this.#init.recognise(basename(path), Buffer.concat(parts).subarray(0, RECOGNISE_BYTES))
    if (format !== undefined) return format
    throw new Error('no format recognises it; name one with format=')
  }

  /** One after the other: what is remembered last is to stand on the disk last. */
  #save(files: Readonly<Record<string, State>>): Promise<void> {
    this.#saving = this.#saving.then(() => this.#deps.memory?.write(this.#name, { files })).catch(() => undefined)
    return this.#saving
  }

  async #restore(): Promise<void> {
    const files = (await this.#deps.memory?.read(this.#name))?.['files']
    if (typeof files !== 'object' || files === null) return
    this.#done = new Map(Object.entries(files).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  }

  get #name(): string {
    return `files of ${this.#spec.text}`
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
