import type { FastifyInstance } from 'fastify'
import { WattnessError } from '../../protocol/index.ts'
import { hasBody } from './problem.ts'

interface KnownRoute {
  readonly pattern: RegExp
  readonly methods: Set<string>
}

/**
 * Says what is wrong with a request that no route takes, before a byte of its body is read: METHOD_NOT_ALLOWED with the
 * methods that are, else NO_SUCH_RESOURCE; and BODY_TOO_LARGE for a body where none is read. To be called before any route is
 * made; it holds for those of all plugins.
 */
export function refuseStrayRequests(app: FastifyInstance): void {
  const routes = new Map<string, KnownRoute>()
  app.addHook('onRoute', ({ url, method }) => {
    const known = routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() }
    routes.set(url, known)
    for (const each of [method].flat()) known.methods.add(each)
  })
  app.addHook('onRequest', (request, reply, done) => {
    const { method, url } = request
    if (!request.is404) {
      if ((method === 'GET' || method === 'HEAD') && hasBody(request)) {
        done(new WattnessError('BODY_TOO_LARGE', `${method} takes no body`, { limit: 0 }))
        return
      }
      done()
      return
    }
    const path = url.split('?', 1)[0] as string
    const allowed = [...routes.values()].filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods])
    if (allowed.length === 0) {
      done(new WattnessError('NO_SUCH_RESOURCE', 'nothing is found under this path'))
      return
    }
    const list = [...new Set(allowed)].sort()
    void reply.header('allow', list.join(', '))
    done(new WattnessError('METHOD_NOT_ALLOWED', `${method} is not one of ${list.join(', ')}`, { allowed: list }))
  })
}

/** `/a/:b/*` as the router reads it. */
function patternOf(url: string): RegExp {
  const parts = url.split(/(:[A-Za-z]+|\*)/).map((part) => {
    if (part === '*') return '.*'
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`)
}
