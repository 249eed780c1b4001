import { readFile, stat } from 'node:fs/promises'
import { WattnessError } from '../../protocol/errors.ts'

/** Who a source is to a server: a JSON file for its owner alone, so that no password is in a spec, a log or a process list. */
export interface Login {
  readonly username?: string
  readonly password?: string
  /** PEM texts: who is trusted instead of the system's list, and this client's own certificate with its key. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const FIELDS: readonly (keyof Login)[] = ['username', 'password', 'ca', 'cert', 'key']
const READABLE_BY_OTHERS = 0o077
const MAX_BYTES = 65_536

/** Throws LOGIN_FILE_EXPOSED where others may read it, LOGIN_FILE_INVALID, never with what stands in it. */
export async function readLogin(path: string): Promise<Login> {
  const text = await textOf(path)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // The parser's own message quotes what it found.
    return refuse(path, 'no JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return refuse(path, 'expected a JSON object')
  for (const [name, value] of Object.entries(parsed)) {
    if (!FIELDS.some((field) => field === name))
      return refuse(path, `unknown field ${name.slice(0, 40)}; known: ${FIELDS.join(', ')}`)
    if (typeof value !== 'string') return refuse(path, `${name}: expected text`)
  }
  return parsed
}

async function textOf(path: string): Promise<string> {
  let mode: number
  let text: string
  try {
    const found = await stat(path)
    mode = found.mode & 0o777
    if (found.size > MAX_BYTES) return refuse(path, `${found.size} bytes, at most ${MAX_BYTES}`)
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof WattnessError) throw error
    return refuse(path, error instanceof Error ? error.message : String(error))
  }
  if ((mode & READABLE_BY_OTHERS) === 0) return text
  const found = mode.toString(8)
  throw new WattnessError('LOGIN_FILE_EXPOSED', `login file ${path}: others may read it (mode ${found}): chmod 600 ${path}`, {
    path,
    found,
  })
}

function refuse(path: string, why: string): never {
  throw new WattnessError('LOGIN_FILE_INVALID', `login file ${path}: ${why}`, { path })
}
