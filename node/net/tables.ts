import { WattnessError } from '../../protocol/errors.ts'
import { MAX_PROTOCOLS, MAX_TOPICS } from './limits.ts'

/** Adds a topic or a protocol: one handler each, and only so many. Throws TOPIC_TAKEN, PROTOCOL_TAKEN or TOO_MANY_NAMES. */
export function addBounded<T>(table: Map<string, T>, kind: 'TOPIC' | 'PROTOCOL', name: string, value: T): void {
  const max = kind === 'TOPIC' ? MAX_TOPICS : MAX_PROTOCOLS
  if (table.has(name)) throw new WattnessError(`${kind}_TAKEN`, `${name} has a handler already`, { name })
  if (table.size >= max) throw new WattnessError('TOO_MANY_NAMES', `at most ${max} names, ${name} is one more`, { name, max })
  table.set(name, value)
}
