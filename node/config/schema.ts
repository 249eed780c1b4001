import { multiaddr } from '@multiformats/multiaddr'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { parseDuration } from './duration.ts'
import { parseHttpAddress } from './http-address.ts'
import { SETTINGS, type Setting } from './settings-table.ts'

/** Where a value is wrong: `listen[1]`, as in config.json. */
export interface ValueFault {
  readonly path: string
  readonly found: unknown
}

const ajv = new Ajv({ allErrors: true, verbose: true })

ajv.addKeyword({
  keyword: 'durationWithin',
  type: 'string',
  schemaType: 'array',
  validate: (bounds: unknown, text: unknown, parent?: { durationOr?: unknown }) => {
    if (text === parent?.durationOr) return true
    const [least = 0, most = 0] = (bounds as string[]).map(parseDuration)
    const ms = parseDuration(text as string)
    return ms !== undefined && ms >= least && ms <= most
  },
})
ajv.addKeyword({ keyword: 'durationOr', schemaType: 'string' })
ajv.addKeyword({
  keyword: 'httpAddress',
  type: 'string',
  schemaType: 'boolean',
  validate: (_: unknown, text: unknown) => parseHttpAddress(text as string) !== undefined,
})
ajv.addKeyword({
  keyword: 'multiaddr',
  type: 'string',
  schemaType: 'boolean',
  validate: (_: unknown, text: unknown) => {
    try {
      return multiaddr(text as string).getComponents().length > 0
    } catch {
      return false
    }
  },
})

const validators = new Map<string, ValidateFunction>(
  Object.entries<Setting>(SETTINGS).map(([key, { schema }]) => [key, ajv.compile(schema)]),
)

/** What is wrong with one setting's value, as it would stand in config.json. */
export function faultsOf(key: string, value: unknown): ValueFault[] {
  const validate = validators.get(key)
  if (validate === undefined || validate(value)) return []
  return (validate.errors ?? []).map((error: ErrorObject) => ({
    path: `${key}${bracketed(error.instancePath)}`,
    found: error.data,
  }))
}

/** `/1` becomes `[1]`. */
function bracketed(pointer: string): string {
  return pointer.replace(/\/(\d+)/g, '[$1]')
}
