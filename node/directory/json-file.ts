import { fromUtf8, toUtf8, WattnessError } from '../../protocol/index.ts'
import { readIfThere, replaceFile } from './durable-file.ts'

/** Files that the program keeps for itself. A person who edits them and errs is told where. */

/** Undefined where there is no such file. Throws FILE_MALFORMED for what is no JSON object. */
export async function readJsonFile(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const bytes = await readIfThere(path)
  if (bytes === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(bytes))
  } catch (error) {
    throw malformed(path, error instanceof Error ? error.message : String(error))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, 'expected a JSON object')
  return value as Record<string, unknown>
}

export function writeJsonFile(path: string, value: object): Promise<void> {
  return replaceFile(path, toUtf8(`${JSON.stringify(value, null, 2)}\n`), 0o600)
}

export function malformed(path: string, detail: string): WattnessError {
  return new WattnessError('FILE_MALFORMED', `${path}: ${detail}`, { path })
}

/** The texts of a list. Throws FILE_MALFORMED. */
export function textsOf(path: string, name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw malformed(path, `${name}: expected a list of texts`)
}
