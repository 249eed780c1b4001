import { WattnessError } from '../../protocol/errors.ts'
import type { SourceSpec } from './source.ts'

/**
 * The text of a source: `KIND:TARGET[?name=value&…][#HOME]`. A file name may contain `?` and `#`: only a tail that reads as
 * options, or a home after the last `#` of a kind that has homes, is taken off.
 */

const SPEC_TEXT = /^([a-z][a-z0-9-]*):(.*)$/s
const OPTIONS_TAIL = /\?((?:[a-z][A-Za-z-]*=[^&?#]*)(?:&[a-z][A-Za-z-]*=[^&?#]*)*)$/

/** Options whose values nobody may read in a log, and the password of an address. */
const SECRETS: ReadonlySet<string> = new Set(['key', 'auth', 'password', 'token'])
const SECRET_OPTION = new RegExp(`([?&](?:${Array.from(SECRETS).join('|')})=)[^&?#]*`, 'g')
const ADDRESS_PASSWORD = /(:\/\/[^/@:]*:)[^/@]*@/
const LEFT_OUT = '…'

/** Longer than any path and its options. */
const MAX_SPEC_LENGTH = 8_192

/** The text of a source with its keys and passwords left out: the only form in which it may be shown or written down. */
export function redactSpec(text: string): string {
  return text.replace(SECRET_OPTION, `$1${LEFT_OUT}`).replace(ADDRESS_PASSWORD, `$1${LEFT_OUT}@`)
}

/** Throws SOURCE_SPEC_MALFORMED; whether the kind exists is asked elsewhere. `withHome`: kinds whose files hold homes. */
export function parseSourceSpec(text: string, withHome: ReadonlySet<string> = new Set()): SourceSpec {
  const match = text.length <= MAX_SPEC_LENGTH ? SPEC_TEXT.exec(text) : null
  if (match === null) {
    const found = redactSpec(text).slice(0, 80)
    throw new WattnessError(
      'SOURCE_SPEC_MALFORMED',
      `source: expected KIND:TARGET such as p1:tcp://HOST:PORT or csv:FILE, found ${JSON.stringify(found)}`,
      { found },
    )
  }
  const kind = match[1] as string
  let target = match[2] as string
  let home: string | undefined
  const hash = withHome.has(kind) ? target.lastIndexOf('#') : -1
  // A `#` in a directory's name is no home.
  if (hash > target.lastIndexOf('/')) {
    home = target.slice(hash + 1)
    target = target.slice(0, hash)
  }
  const tail = OPTIONS_TAIL.exec(target)
  const options = new Map<string, string>()
  if (tail !== null) {
    target = target.slice(0, tail.index)
    for (const pair of (tail[1] as string).split('&')) {
      const equals = pair.indexOf('=')
      options.set(pair.slice(0, equals), pair.slice(equals + 1))
    }
  }
  if (target === '' || home === '') {
    const found = redactSpec(text)
    throw new WattnessError('SOURCE_SPEC_MALFORMED', `source ${found}: the part after "${kind}:" names nothing`, { found })
  }
  return { text: redactSpec(text), kind, target, options, ...(home !== undefined ? { home } : {}) }
}

/** Throws SOURCE_OPTION_INVALID where the spec has an option that is not among `known`. */
export function assertOptionsKnown(spec: SourceSpec, known: readonly string[]): void {
  for (const name of spec.options.keys()) {
    if (known.includes(name)) continue
    const expected = known.length === 0 ? 'none' : known.join(', ')
    refuseOption(spec, name, `there is no such option here; known: ${expected}`)
  }
}

export function refuseOption(spec: SourceSpec, name: string, expected: string): never {
  const found = SECRETS.has(name) ? LEFT_OUT : (spec.options.get(name) ?? '')
  throw new WattnessError('SOURCE_OPTION_INVALID', `source ${spec.text}: ${name}=${found}: ${expected}`, { option: name, found })
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION_TEXT = /^(\d{1,9})(ms|s|m|min|h|d)$/

/** `15m`, `1h`, `500ms` as milliseconds; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION_TEXT.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * (UNIT_MS[match[2] as string] as number)
}

/** A duration option of at least 1 ms, or undefined where it is not given. Throws SOURCE_OPTION_INVALID. */
export function durationOption(spec: SourceSpec, name: string): number | undefined {
  const text = spec.options.get(name)
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  return ms !== undefined && ms > 0 ? ms : refuseOption(spec, name, 'expected a duration such as 15m or 30s')
}

const INSTANT_TEXT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/

/** `2025-01-01` (midnight UTC) or `2025-01-01T12:00Z` as UTC milliseconds, or undefined for any other text. */
export function parseInstant(text: string): number | undefined {
  if (!INSTANT_TEXT.test(text)) return undefined
  const time = Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

/** An instant option, or undefined where it is not given. Throws SOURCE_OPTION_INVALID. */
export function instantOption(spec: SourceSpec, name: string): number | undefined {
  const text = spec.options.get(name)
  if (text === undefined) return undefined
  return parseInstant(text) ?? refuseOption(spec, name, 'expected an instant such as 2025-01-01 or 2025-01-01T12:00Z')
}
