import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Static } from 'typebox'
import { WattnessError } from '../../protocol/index.ts'
import { faultsOf } from './schema.ts'
import { environmentName, flagName, SETTINGS, type Setting } from './settings-table.ts'

/** Every setting's effective value, as config.json would hold it. */
export type Config = { -readonly [K in keyof typeof SETTINGS]: ConfigValue<K> }
export type ConfigKey = keyof typeof SETTINGS
type ConfigValue<K extends ConfigKey> = (typeof SETTINGS)[K] extends Setting<infer T> ? Static<T> : never

/** Where each value came from: `default`, a file's path, the environment variable's name, or the flag. */
export type Origins = { readonly [K in ConfigKey]: string }

export interface Resolved {
  readonly config: Config
  readonly origins: Origins
  /** Where files that `sources` names are looked for: beside config.json where they stand there, else undefined. */
  readonly sourcesDirectory: string | undefined
}

export interface ResolveInit {
  /** DIR/config.json; need not be there. */
  readonly file?: string
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** By key: text, or a list of texts, or true for a flag without value. */
  readonly flags?: Readonly<Record<string, unknown>>
}

export const KEYS = Object.keys(SETTINGS) as readonly ConfigKey[]

/** In the environment, but no setting: a directory named there is the command's own business. */
const OTHER_VARIABLES = new Set(['WATTNESS_DIR', 'WATTNESS_DATA'])

/** One layer of values on its way into the configuration. */
interface Layer {
  readonly values: ReadonlyMap<string, unknown>
  /** What a value of this layer is called: where it stands. */
  readonly where: (key: string) => string
  /** For a person: where the value at `path` stands. */
  readonly place: (path: string) => string
}

/**
 * Flags before environment before file before defaults. Throws CONFIG_INVALID with every fault of every layer: a line each in
 * the message, a text each in `data.faults`.
 */
export function resolveConfig(init: ResolveInit = {}): Resolved {
  const faults: string[] = []
  const layers = [
    fileLayer(init.file, faults),
    environmentLayer(init.environment ?? {}, faults),
    flagLayer(init.flags ?? {}, faults),
  ]
  const config: Record<string, unknown> = {}
  const origins: Record<string, string> = {}
  for (const key of KEYS) {
    config[key] = SETTINGS[key].preset
    origins[key] = 'default'
  }
  for (const { values, where, place } of layers) {
    for (const [key, value] of values) {
      for (const { path, found } of faultsOf(key, value)) {
        faults.push(`${place(path)}: found ${show(found)}, expected ${(SETTINGS[key as ConfigKey] as Setting).expected}`)
      }
      config[key] = value
      origins[key] = where(key)
    }
  }
  if (faults.length > 0) {
    const lines = faults.map((fault) => `\n  ${fault}`).join('')
    throw new WattnessError('CONFIG_INVALID', `the configuration is not valid:${lines}`, { faults })
  }
  // A service starts in whatever directory; a person who types a name means the one at hand.
  const sourcesDirectory = init.file !== undefined && origins['sources'] === init.file ? dirname(init.file) : undefined
  return { config: config as Config, origins: origins as Origins, sourcesDirectory }
}

function fileLayer(file: string | undefined, faults: string[]): Layer {
  const value = file === undefined ? {} : readConfigFile(file, faults)
  const values = knownOf(Object.entries(value), (key) => faults.push(`${file}: ${key}: unknown key${nearest(key, KEYS)}`))
  return { values, where: () => file ?? '', place: (path) => `${file}: ${path}` }
}

function knownOf<V>(entries: readonly (readonly [string, V])[], onUnknown: (key: string) => void): Map<string, V> {
  const known = new Map<string, V>()
  for (const [key, value] of entries) {
    if (Object.hasOwn(SETTINGS, key)) known.set(key, value)
    else onUnknown(key)
  }
  return known
}

function readConfigFile(file: string, faults: string[]): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    faults.push(`${file}: cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return {}
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    faults.push(`${file}: found ${show(value)}, expected a JSON object`)
  } catch (error) {
    faults.push(`${file}: not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  return {}
}

function environmentLayer(environment: Readonly<Record<string, string | undefined>>, faults: string[]): Layer {
  const keyOf = new Map(KEYS.map((key) => [environmentName(key), key]))
  const values = new Map<string, unknown>()
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith('WATTNESS_') || OTHER_VARIABLES.has(name) || text === undefined) continue
    const key = keyOf.get(name)
    if (key === undefined) faults.push(`environment ${name}: unknown variable${nearest(name, [...keyOf.keys()])}`)
    else values.set(key, valueOf(key, text))
  }
  return {
    values,
    where: (key) => `environment ${environmentName(key)}`,
    place: (path) => `environment ${environmentName(path.replace(/\[.*/, ''))}`,
  }
}

function flagLayer(flags: Readonly<Record<string, unknown>>, faults: string[]): Layer {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  const known = knownOf(given, (key) => faults.push(`flag --${key}: unknown`))
  const values = new Map([...known].map(([key, value]) => [key, flagValue(key as ConfigKey, value)]))
  const nameOf = (key: string): string => `flag ${flagName(SETTINGS[key as ConfigKey])}`
  return { values, where: nameOf, place: (path) => nameOf(path.replace(/\[.*/, '')) }
}

function flagValue(key: ConfigKey, value: unknown): unknown {
  return typeof value === 'string' ? valueOf(key, value) : value
}

/** Text of the environment or a flag as the value that config.json would hold; what does not fit stays text, to be refused. */
function valueOf(key: ConfigKey, text: string): unknown {
  const { type } = SETTINGS[key].schema as { type?: string }
  if (type === 'boolean') return /^(true|yes|on|1)$/.test(text) ? true : /^(false|no|off|0)$/.test(text) ? false : text
  if (type === 'integer') return /^-?\d{1,15}$/.test(text) ? Number(text) : text
  if (type === 'array') return listOf(text)
  return text
}

/** `["a","b"]`, or `a,b` where no item holds a comma. */
function listOf(text: string): unknown {
  if (text.trim() === '') return []
  if (!text.startsWith('[')) return text.split(',').map((item) => item.trim())
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  return text === undefined ? 'nothing' : text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** `, did you mean …?` where one known name is close. */
function nearest(name: string, known: readonly string[]): string {
  const close = known
    .map((candidate) => ({ candidate, distance: distanceOf(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0]
  return close !== undefined && close.distance <= 3 ? `, did you mean ${close.candidate}?` : ''
}

/** Levenshtein. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1)
    }
    row = next
  }
  return row[b.length] as number
}
