import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { WattnessError } from '../../protocol/errors.ts'
import { fileBytes } from './byte-input.ts'
import { recogniseFormat } from './formats.ts'
import { type OfferedSource, RECOGNISE_BYTES, type SourceFormat } from './source.ts'

/** What `--data DIR|FILE` offers: every home of every file that some format recognises, and what was passed over. */
export interface DataDir {
  /**
   * Measured homes with calendar times first, then what has assumed times, then what is modelled; of equals, files with many
   * homes first, then by name. So "the first 40" are 40 real homes where there are as many.
   */
  readonly sources: readonly OfferedSource[]
  readonly skipped: readonly SkippedFile[]
}

export interface SkippedFile {
  readonly path: string
  readonly reason: string
}

/** Files looked at in one directory. */
const MAX_FILES = 10_000

const QUALITY_ORDER: readonly OfferedSource['quality'][] = ['good', 'clock-doubtful', 'estimated']

interface OfferedFile {
  readonly path: string
  readonly sources: readonly OfferedSource[]
}

/** Looks at the files themselves, not into directories below. Throws SOURCE_UNREADABLE where `path` is not there. */
export async function openDataDir(path: string): Promise<DataDir> {
  const files: OfferedFile[] = []
  const skipped: SkippedFile[] = []
  for (const file of await filesOf(path)) {
    const found = await look(file)
    if ('reason' in found) skipped.push(found)
    else files.push(found)
  }
  files.sort(compareFiles)
  return { sources: files.flatMap(({ sources }) => sources), skipped }
}

async function filesOf(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const names = (await readdir(path)).sort()
    if (names.length > MAX_FILES)
      throw new WattnessError('LIMIT_EXCEEDED', `${path} holds more than ${MAX_FILES} files`, { path })
    return names.map((name) => join(path, name))
  } catch (error) {
    if (error instanceof WattnessError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new WattnessError('SOURCE_UNREADABLE', `${path} cannot be read: ${reason}`, { where: path, reason }, { cause: error })
  }
}

async function look(path: string): Promise<OfferedFile | SkippedFile> {
  try {
    if ((await stat(path)).isDirectory()) return { path, reason: 'a directory: only files are looked at' }
    const format = await recogniseFile(path)
    if (format === undefined) return { path, reason: unknownReason(path) }
    const sources = (await format.offer?.(path)) ?? [{ spec: `${format.name}:${path}`, quality: 'good' }]
    return sources.length === 0 ? { path, reason: `${format.name}: holds no home` } : { path, sources }
  } catch (error) {
    return { path, reason: error instanceof Error ? error.message : String(error) }
  }
}

/** The format of a file, by its first bytes. Throws SOURCE_UNREADABLE. */
export async function recogniseFile(path: string): Promise<SourceFormat | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of fileBytes(path)) {
    parts.push(chunk)
    length += chunk.length
    if (length >= RECOGNISE_BYTES) break
  }
  return recogniseFormat(basename(path), Buffer.concat(parts).subarray(0, RECOGNISE_BYTES))
}

function unknownReason(path: string): string {
  if (/\.csv(\.gz)?$/i.test(path)) return 'no built-in column mapping has its header: give it as csv:FILE?map=MAPPING.json'
  return 'no format knows how it begins'
}

function compareFiles(a: OfferedFile, b: OfferedFile): number {
  const rank = ({ sources }: OfferedFile): number => QUALITY_ORDER.indexOf((sources[0] as OfferedSource).quality)
  return rank(a) - rank(b) || b.sources.length - a.sources.length || (a.path < b.path ? -1 : 1)
}
