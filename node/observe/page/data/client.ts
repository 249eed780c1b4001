import type { ProblemAnswer } from '../../schemas/index.ts'

/** Why a question to the observer has no answer. `OFFLINE`: nobody answered; else the code of the problem. */
export class AskError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, message: string, status = 0) {
    super(message)
    this.name = 'AskError'
    this.code = code
    this.status = status
  }
}

export interface Asker {
  /** A path such as `v1/status`, below where the page itself is. */
  json<T>(path: string, signal?: AbortSignal): Promise<T>
  bytes(path: string, signal?: AbortSignal): Promise<Uint8Array>
  /** An answer that goes on, such as events. */
  open(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response>
}

export interface AskerInit {
  readonly fetch: typeof fetch
  /** Where the observer is, with its last slash. */
  readonly base: string
  /** For observers that are closed to strangers. */
  readonly token: () => string | undefined
}

export function createAsker({ fetch, base, token }: AskerInit): Asker {
  const open = async (path: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response> => {
    const given = token()
    const all = given === undefined ? headers : { ...headers, authorization: `Bearer ${given}` }
    let response: Response
    try {
      response = await fetch(new URL(path.replace(/^\//, ''), base), {
        headers: all,
        credentials: 'omit',
        redirect: 'error',
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      if (signal?.aborted === true) throw error
      throw new AskError('OFFLINE', String(error))
    }
    if (!response.ok) throw await problemOf(response)
    return response
  }
  return {
    open,
    async json<T>(path: string, signal?: AbortSignal): Promise<T> {
      const response = await open(path, { accept: 'application/json' }, signal)
      try {
        return (await response.json()) as T
      } catch (error) {
        if (signal?.aborted === true) throw error
        throw new AskError('ANSWER_UNREADABLE', String(error), response.status)
      }
    },
    async bytes(path, signal) {
      return new Uint8Array(await (await open(path, {}, signal)).arrayBuffer())
    },
  }
}

async function problemOf(response: Response): Promise<AskError> {
  try {
    const { code, detail } = (await response.json()) as Partial<ProblemAnswer>
    return new AskError(code ?? `HTTP_${response.status}`, detail ?? response.statusText, response.status)
  } catch {
    return new AskError(`HTTP_${response.status}`, response.statusText, response.status)
  }
}
