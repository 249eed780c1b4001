import { isIP } from 'node:net'
import type { onRequestHookHandler } from 'fastify'
import { WattnessError } from '../../protocol/index.ts'

/** Names that nobody out there can have: without a dot, or under what RFC 6761, 6762, 8375 and 9476 keep for houses. */
const NAMES_AT_HOME = /^[^.]*$|\.(?:localhost|local|internal|home\.arpa|lan)$/

/**
 * Refuses questions that a browser on this machine was led to ask: a page from elsewhere may let its own name point here, and
 * would then be let to read what only this machine may. Nothing that such a page sends along can be believed but the name
 * itself; `names` are those of a proxy that passes on the one it was asked under. HOST_REFUSED.
 */
export function refuseForeignNames(names: readonly string[]): onRequestHookHandler {
  const known = new Set(names.map((name) => name.toLowerCase()))
  return ({ socket, headers }, _reply, done) => {
    const name = hostName(headers.host ?? '')
    if (!isLoopback(socket.remoteAddress ?? '') || isIP(name) !== 0 || NAMES_AT_HOME.test(name) || known.has(name)) {
      done()
      return
    }
    const expected = 'expected localhost, an address, or one of httpNames'
    done(new WattnessError('HOST_REFUSED', `asked for under the name ${JSON.stringify(name)}: ${expected}`, { host: name }))
  }
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
