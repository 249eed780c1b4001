import { WattnessError } from '../../protocol/index.ts'
import { createHttpApp, type HttpAppInit } from './http-app.ts'
import { HTTP_LIMITS } from './limits.ts'

export interface HttpInit extends HttpAppInit {
  /** An IP address: there is none by default, so that nobody serves more than this machine by leaving it out. */
  readonly host: string
  /** 0: one of the system's choice. */
  readonly port: number
  /** Where the port is taken, one of the system's choice will do as well. */
  readonly orAnyPort?: boolean
}

export interface HttpServer {
  /** Such as `http://127.0.0.1:8080`. */
  readonly address: string
  /** Answers what is under way, for half a second at most, then cuts whoever is still there. May be called again. */
  close(): Promise<void>
}

/** Serves by HTTP/1.1 until it is closed. Throws LISTEN_FAILED. */
export async function startHttp(init: HttpInit): Promise<HttpServer> {
  const { host, port, timers } = init
  const { closeMs } = { ...HTTP_LIMITS, ...init.limits }
  const app = createHttpApp(init)
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    if (init.orAnyPort === true && (error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      return startHttp({ ...init, port: 0, orAnyPort: false })
    }
    const text = `${host} port ${port}: cannot listen for HTTP: ${(error as Error).message}`
    throw new WattnessError('LISTEN_FAILED', text, { host, port }, { cause: error })
  }
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const timer = timers.set(closeMs, () => app.server.closeAllConnections())
    await app.close()
    timers.clear(timer)
  }
  return {
    address: app.listeningOrigin,
    close() {
      closing ??= close()
      return closing
    },
  }
}
