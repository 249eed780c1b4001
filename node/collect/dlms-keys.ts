import { readFile, stat } from 'node:fs/promises'
import { WattnessError } from '../../protocol/errors.ts'
import { pathOf } from './byte-input.ts'
import type { SourceDeps, SourceSpec } from './source.ts'
import { refuseOption } from './source-spec.ts'

/**
 * Keys of an encrypted meter, as the grid operator gives them: hexadecimal, of 16 bytes (32 for suite 2). In a file they stand
 * on a line each, the authentication key behind the other; lines that begin with `#` are left out. No key is ever part of a
 * message.
 */

export interface DlmsKeys {
  readonly encryption: Uint8Array
  readonly authentication?: Uint8Array
}

export const KEY_OPTIONS = ['key', 'auth', 'key-file'] as const

const KEY_TEXT = /^(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{64})$/
/** Two keys and some comment. */
const MAX_KEY_FILE_BYTES = 4_096
const READABLE_BY_OTHERS = 0o077

/** What of it can be said without reading a file. Throws SOURCE_OPTION_INVALID. */
export function assertKeyOptions(spec: SourceSpec): void {
  for (const name of ['key', 'auth']) keyOption(spec, name)
  const named = ['key', 'key-file'].filter((name) => spec.options.has(name))
  if (named.length === 2) refuseOption(spec, 'key-file', 'key and key-file are two ways of saying one thing')
  if (named.length === 0 && spec.options.has('auth')) refuseOption(spec, 'auth', 'an authentication key goes with key')
  if (spec.options.has('auth') && spec.options.has('key-file'))
    refuseOption(spec, 'auth', 'it stands on the second line of key-file')
}

/** The keys that a spec names, or undefined where it names none. Throws KEY_FILE_INVALID. */
export async function keysOf(spec: SourceSpec, deps: SourceDeps): Promise<DlmsKeys | undefined> {
  const file = spec.options.get('key-file')
  const [encryption, authentication] =
    file === undefined ? [keyOption(spec, 'key'), keyOption(spec, 'auth')] : await keysIn(file, deps)
  if (encryption === undefined) return undefined
  return { encryption, ...(authentication === undefined ? {} : { authentication }) }
}

function keyOption(spec: SourceSpec, name: string): Uint8Array | undefined {
  const text = spec.options.get(name)
  if (text === undefined) return undefined
  return KEY_TEXT.test(text) ? Buffer.from(text, 'hex') : refuseOption(spec, name, 'expected 32 (or 64) hexadecimal digits')
}

async function keysIn(name: string, deps: SourceDeps): Promise<readonly (Uint8Array | undefined)[]> {
  const path = pathOf(name, deps)
  let text: string
  try {
    const { mode, size } = await stat(path)
    if ((mode & READABLE_BY_OTHERS) !== 0) refuse(path, `others may read it (mode ${(mode & 0o777).toString(8)}): chmod 600`)
    if (size > MAX_KEY_FILE_BYTES) refuse(path, `${size} bytes, at most ${MAX_KEY_FILE_BYTES}`)
    text = await readFile(path, 'latin1')
  } catch (error) {
    if (error instanceof WattnessError) throw error
    return refuse(path, error instanceof Error ? error.message : String(error))
  }
  const lines = text.split('\n').map((line) => line.trim())
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (keys.length < 1 || keys.length > 2) refuse(path, `${keys.length} lines, expected a key and at most one authentication key`)
  return keys.map((key) => {
    if (!KEY_TEXT.test(key)) return refuse(path, 'a line is no key of 32 (or 64) hexadecimal digits')
    return Buffer.from(key, 'hex')
  })
}

function refuse(path: string, why: string): never {
  throw new WattnessError('KEY_FILE_INVALID', `key file ${path}: ${why}`, { path })
}
