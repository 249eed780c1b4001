import { isIP } from 'node:net'
import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import { WattnessError } from '../../protocol/index.ts'

/** Names that nobody out there can have: without a dot, or under what RFC 6761, 6762, 8375 and 9476 keep for houses. */
const NAMES_AT_HOME = /^[^.]*$|\.(?:localhost|local|internal|home\.arpa|lan)$/

/**
 * Refuses questions that a browser on this machine was led to ask: a page from elsewhere may let its own name point here, and
 * would then be let to read what only this machine may. What comes through a proxy says so, and is the proxy's to refuse.
 * HOST_REFUSED.
 */
export const refuseForeignNames: onRequestHookHandler = (request, _reply, done) => {
  if (isFromHere(request) && request.headers['x-forwarded-for'] === undefined) {
    const name = hostName(request.headers.host ?? '')
    if (isIP(name) === 0 && !NAMES_AT_HOME.test(name)) {
      const expected = 'expected localhost or an address, or a proxy that says whom it asks for'
      const text = `asked for under the name ${JSON.stringify(name)}: ${expected}`
      done(new WattnessError('HOST_REFUSED', text, { host: name }))
      return
    }
  }
  done()
}

function isFromHere({ socket }: FastifyRequest): boolean {
  return isLoopback(socket.remoteAddress ?? '')
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address)
}

/** Without its port; an address of version 6 without its brackets. */
function hostName(host: string): string {
  return host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
}
