import { isIP } from 'node:net'

/** Where to listen for HTTP. */
export interface HttpAddress {
  /** An IP address, never a name: what a name stands for may change without anybody writing it. */
  readonly host: string
  readonly port: number
}

const LOOPBACK = '127.0.0.1'
const ADDRESS = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(0|[1-9][0-9]{0,4})$/
const MAX_PORT = 65_535

/**
 * `off`; `8080`, `:8080` and `localhost:8080`, which are this machine alone; `192.0.2.7:8080`, `0.0.0.0:8080`, `[::]:8080`:
 * whoever would serve others has to write the address. Undefined for all else.
 */
export function parseHttpAddress(text: string): HttpAddress | 'off' | undefined {
  if (text === 'off') return 'off'
  const [matched, bracketed, plain, portText] = ADDRESS.exec(text) ?? []
  const port = Number(portText)
  if (matched === undefined || port > MAX_PORT) return undefined
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined
  const host = plain === undefined || plain === '' || plain === 'localhost' ? LOOPBACK : plain
  return isIP(host) === 4 ? { host, port } : undefined
}
