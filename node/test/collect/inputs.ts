import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { CsvMapping } from '../../collect/csv-mapping.ts'
import { openSource } from '../../collect/formats.ts'
import type { ReadLine } from '../../collect/read.ts'
import { readLines } from '../../collect/read.ts'
import type { FaultItem, ReadingItem, SourceDeps, SourceItem } from '../../collect/source.ts'
import { systemEnvironment, systemPlatform } from '../../platform.ts'

/** What the tests of this room feed to it. */

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

/** The input cut into pieces of so many bytes. */
export function* pieces(input: Uint8Array, size: number): Generator<Uint8Array> {
  for (let from = 0; from < input.length; from += size) yield input.subarray(from, from + size)
}

export async function* stream(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk
}

export async function all<T>(items: AsyncIterable<T>, most = Number.POSITIVE_INFINITY): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) {
    found.push(item)
    if (found.length >= most) break
  }
  return found
}

export function readingsOf(items: readonly SourceItem[]): ReadingItem[] {
  return items.filter((item) => item.type === 'reading')
}

export function faultsOf(items: readonly SourceItem[]): FaultItem[] {
  return items.filter((item) => item.type === 'fault')
}

export function codesOf(items: readonly SourceItem[]): string[] {
  return faultsOf(items).map(({ code }) => code)
}

export function linesOf(items: readonly SourceItem[]): ReadLine[] {
  return readingsOf(items).flatMap((item) => Array.from(readLines(item)))
}

/** `time register value unit`, one text per value, with a quality that is not good. */
export function shown(items: readonly SourceItem[]): string[] {
  return linesOf(items).map(({ time, register, value, unit, quality }) => {
    const text = `${time} ${register} ${value ?? '-'} ${unit}`.trimEnd()
    return quality === 'good' ? text : `${text} ${quality}`
  })
}

export async function itemsOf(spec: string, deps: SourceDeps = systemPlatform, most?: number): Promise<SourceItem[]> {
  return all(openSource(spec, deps).items(new AbortController().signal), most)
}

/** Runs with files of these contents in a directory of their own. */
export async function withFiles<T>(
  files: Readonly<Record<string, string | Uint8Array>>,
  run: (dir: string) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'wattness-collect-'))
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content)
    return await run(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The directory of real meter data of that kind; undefined, and said so, where this machine has none. */
export function realData(kind: string): string | undefined {
  const root = resolve(systemEnvironment()['WATTNESS_DATA'] ?? '../shared/data')
  const path = join(root, kind)
  if (existsSync(path)) return path
  console.log(`    no real data at ${path}: set WATTNESS_DATA to run against it`)
  return undefined
}

/** The code an error is thrown with. */
export async function thrownCode(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'nothing thrown'
}

/** A CSV text read through a mapping file. */
export async function readCsv(text: string | Uint8Array, mapping: CsvMapping, home?: string): Promise<SourceItem[]> {
  return withFiles({ 'a.csv': text, 'm.json': JSON.stringify(mapping) }, (dir) =>
    itemsOf(`csv:${dir}/a.csv?map=${dir}/m.json${home === undefined ? '' : `#${home}`}`),
  )
}
