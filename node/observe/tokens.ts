import { open } from 'node:fs/promises'
import type { onRequestHookHandler } from 'fastify'
import { fromBase64, fromUtf8, sha256, toHex, toUtf8, WattnessError } from '../../protocol/index.ts'

/** What a token lets do: `write` is to send readings, and to read as well. */
export type TokenRight = 'read' | 'write'

/** One for each program and person that reads a neighbourhood, several times over. */
export const MAX_TOKENS = 256
const MAX_FILE_BYTES = 65_536
const OTHERS = 0o077
const LINE = /^(read|write)\s+([A-Za-z0-9._~+/=-]{32,256})(?:\s+#.*)?$/

/** The tokens of a node: a line for each, such as `write 4f0c…`; what follows `#` is for people. */
export class Tokens {
  /** By SHA-256: how long a comparison takes tells nothing of a token. */
  readonly #rights: ReadonlyMap<string, TokenRight>

  private constructor(rights: ReadonlyMap<string, TokenRight>) {
    this.#rights = rights
  }

  static readonly none = new Tokens(new Map())

  get size(): number {
    return this.#rights.size
  }

  /** Throws TOKENS_MALFORMED with the number of the line, never with what stands there. */
  static parse(text: string, path: string): Tokens {
    const rights = new Map<string, TokenRight>()
    for (const [at, line] of text.split('\n').entries()) {
      if (/^\s*(#.*)?$/.test(line)) continue
      const [, right, token] = LINE.exec(line.trim()) ?? []
      if (right === undefined || token === undefined) {
        const expected = 'expected `read` or `write`, then 32 to 256 letters, digits or any of ._~+/=-'
        throw new WattnessError('TOKENS_MALFORMED', `${path}: line ${at + 1}: ${expected}`, { path, line: at + 1 })
      }
      rights.set(nameOf(token), right as TokenRight)
      if (rights.size > MAX_TOKENS) {
        throw new WattnessError('TOKENS_MALFORMED', `${path}: more than ${MAX_TOKENS} tokens`, { path, line: at + 1 })
      }
    }
    return new Tokens(rights)
  }

  /** Those of a file; none where there is no file. Throws TOKENS_EXPOSED where others may read it, TOKENS_MALFORMED. */
  static async read(path: string): Promise<Tokens> {
    let file: Awaited<ReturnType<typeof open>>
    try {
      file = await open(path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Tokens.none
      const text = `${path}: cannot be read: ${(error as Error).message}`
      throw new WattnessError('DIRECTORY_UNUSABLE', text, { path }, { cause: error })
    }
    try {
      // Of the open file: another one cannot slip in between the look and the reading.
      const { mode, size } = await file.stat()
      assertPrivate(path, mode)
      if (size > MAX_FILE_BYTES) {
        throw new WattnessError('TOKENS_MALFORMED', `${path}: ${size} bytes, at most ${MAX_FILE_BYTES}`, { path, line: 0 })
      }
      return Tokens.parse(await file.readFile('utf8'), path)
    } finally {
      await file.close()
    }
  }

  rightOf(token: string): TokenRight | undefined {
    return this.#rights.get(nameOf(token))
  }

  /**
   * Lets through who may. Throws TOKEN_MISSING, TOKEN_UNKNOWN, TOKEN_INSUFFICIENT. For reading a browser's own question for a
   * password will do, any name with the token; for writing it will not, since a browser sends that along for whoever asks it to.
   */
  assert(authorization: string | undefined, right: TokenRight): void {
    const token = tokenIn(authorization, right)
    if (token === undefined) throw new WattnessError('TOKEN_MISSING', 'a token is needed: Authorization: Bearer …', { right })
    const found = this.rightOf(token)
    if (found === undefined) throw new WattnessError('TOKEN_UNKNOWN', 'this token is none of this node', { right })
    if (right === 'write' && found !== 'write') {
      throw new WattnessError('TOKEN_INSUFFICIENT', 'this token is for reading only', { right })
    }
  }
}

/** For the routes of a plugin, or for one: what is asked without the right is refused before its body is read. */
export function requireToken(tokens: Tokens, right: TokenRight): onRequestHookHandler {
  return ({ headers }, _reply, done) => {
    tokens.assert(headers.authorization, right)
    done()
  }
}

function nameOf(token: string): string {
  return toHex(sha256(toUtf8(token)))
}

function tokenIn(authorization: string | undefined, right: TokenRight): string | undefined {
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +([A-Za-z0-9._~+/=-]{1,512})$/.exec(authorization ?? '') ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() !== 'basic' || right !== 'read') return undefined
  try {
    const text = fromUtf8(fromBase64(value))
    return text.slice(text.indexOf(':') + 1)
  } catch {
    return undefined
  }
}

function assertPrivate(path: string, mode: number): void {
  // Windows has no such bits: what it reports says nothing.
  if (process.platform === 'win32' || (mode & OTHERS) === 0) return
  const found = (mode & 0o777).toString(8).padStart(4, '0')
  const text = `${path} has mode ${found}: others may have read these tokens. Make new ones, then \`chmod 600 ${path}\``
  throw new WattnessError('TOKENS_EXPOSED', text, { path, found })
}
