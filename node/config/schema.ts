import { multiaddr } from '@multiformats/multiaddr'
import { parseDuration } from './duration.ts'
import { parseHttpAddress } from './http-address.ts'
import { SETTINGS, type Setting } from './settings-table.ts'

/** Where a value is wrong: `listen[1]`, as in config.json. */
export interface ValueFault {
  readonly path: string
  readonly found: unknown
}

/**
 * What the settings' schemas say, and no more of JSON Schema than that: every node checks its settings at its start, and a
 * library for all of it is 4 MiB of each. A keyword that is not here throws, so that no setting can go unchecked.
 */
const KEYWORDS: Readonly<Record<string, (bound: unknown, value: unknown, schema: SettingSchema) => boolean>> = {
  type: (type, value) =>
    type === 'array' ? Array.isArray(value) : type === 'integer' ? Number.isInteger(value) : typeof value === type,
  enum: (values, value) => (values as unknown[]).includes(value),
  minimum: (least, value) => (value as number) >= (least as number),
  maximum: (most, value) => (value as number) <= (most as number),
  minLength: (least, text) => (text as string).length >= (least as number),
  maxLength: (most, text) => (text as string).length <= (most as number),
  pattern: (pattern, text) => new RegExp(pattern as string, 'u').test(text as string),
  maxItems: (most, items) => (items as unknown[]).length <= (most as number),
  durationWithin: (bounds, text, { durationOr }) => {
    if (text === durationOr) return true
    const [least = 0, most = 0] = (bounds as string[]).map(parseDuration)
    const ms = parseDuration(text as string)
    return ms !== undefined && ms >= least && ms <= most
  },
  durationOr: () => true,
  httpAddress: (_, text) => parseHttpAddress(text as string) !== undefined,
  multiaddr: (_, text) => isMultiaddr(text as string),
  /** Each by itself, below. */
  items: () => true,
}

type SettingSchema = Readonly<Record<string, unknown>>

/** What is wrong with one setting's value, as it would stand in config.json. */
export function faultsOf(key: string, value: unknown): ValueFault[] {
  const { schema } = (SETTINGS as Readonly<Record<string, Setting>>)[key] ?? {}
  return schema === undefined ? [] : faultsBy(schema as SettingSchema, key, value)
}

/** Of a value, or else of its items. Of the wrong type, a value is that and nothing more. */
export function faultsBy(schema: SettingSchema, path: string, value: unknown): ValueFault[] {
  const { type = 'string', ...rest } = schema
  if (!holds('type', type, value, schema)) return [{ path, found: value }]
  const isWrong = Object.entries(rest).some(([keyword, bound]) => !holds(keyword, bound, value, schema))
  const items = Array.isArray(value) ? value : []
  return [
    ...(isWrong ? [{ path, found: value }] : []),
    ...items.flatMap((item, index) => faultsBy(schema['items'] as SettingSchema, `${path}[${index}]`, item)),
  ]
}

function holds(keyword: string, bound: unknown, value: unknown, schema: SettingSchema): boolean {
  const check = KEYWORDS[keyword]
  if (check === undefined) throw new Error(`a setting's schema says ${keyword}, which nothing checks`)
  return check(bound, value, schema)
}

function isMultiaddr(text: string): boolean {
  try {
    return multiaddr(text).getComponents().length > 0
  } catch {
    return false
  }
}
