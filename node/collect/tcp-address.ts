import { WattnessError } from '../../protocol/errors.ts'
import type { SourceSpec } from './source.ts'

/** `tcp://HOST:PORT`, also with an IPv6 address in brackets. Throws SOURCE_SPEC_MALFORMED. */
export function tcpAddress(spec: SourceSpec): { host: string; port: number } {
  const url = URL.canParse(spec.target) ? new URL(spec.target) : undefined
  const port = Number(url?.port)
  const bare = url !== undefined && (url.pathname === '' || url.pathname === '/') && url.username === '' && url.hash === ''
  if (url === undefined || !bare || url.hostname === '' || !(port > 0)) {
    throw new WattnessError('SOURCE_SPEC_MALFORMED', `source ${spec.text}: expected tcp://HOST:PORT, found ${spec.target}`, {
      found: spec.target,
    })
  }
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port }
}
