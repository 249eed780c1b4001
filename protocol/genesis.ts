import { fromHex, fromUtf8, toHex, toUtf8 } from './bytes.ts'
import { isAcceptableKey } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { sha256 } from './hash.ts'
import { MAX_BODY_BYTES, MAX_GENESIS_BYTES, MAX_LABEL_BYTES, MAX_MEMBERS, MAX_WITNESSES } from './limits.ts'
import { plainTextFault } from './plain-text.ts'
import { assertGrantable, formatRoles, hasRoles, parseRoles, ROLE_WITNESS, type Roles } from './roles.ts'

/** Rules G1 to G8: the file that a network is. It is hashed as it stands and never written again. */
export interface Genesis {
  /** SHA-256 of `bytes`. */
  readonly networkId: Uint8Array
  readonly bytes: Uint8Array
  readonly name: string
  /** Key of the registrar, member 0. */
  readonly registrar: Uint8Array
  readonly limits: GenesisLimits
  /** 'open': anyone may connect and read; 'listed': only members with the observer role. */
  readonly observers: ObserverRule
  /** Members 1, 2, … in this order. */
  readonly members: readonly GenesisMember[]
}

export interface GenesisLimits {
  /** Largest body of a block, salt included. */
  readonly maxBodyBytes: number
  /** Least time between the sealing times of two blocks of one chain; 0 for none. */
  readonly minBlockIntervalMs: number
  /** How far a block's sealing time may lie ahead of a node's clock. */
  readonly maxClockDriftMs: number
}

export type ObserverRule = 'open' | 'listed'

export interface GenesisMember {
  readonly key: Uint8Array
  readonly roles: Roles
  readonly label: string
}

export interface GenesisInit {
  readonly name: string
  readonly registrar: Uint8Array
  readonly limits?: Partial<GenesisLimits>
  readonly observers?: ObserverRule
  readonly members?: readonly GenesisMember[]
}

/** A body must at least hold a membership block of one admission, or one row of many registers. */
export const MIN_BODY_LIMIT_BYTES = 512

const DAY_MS = 86_400_000

interface LimitRule {
  readonly least: number
  readonly most: number
  readonly preset: number
}

/** Rule G6. Drift preset: a 50 ppm crystal without time service loses 30 s a week; four weeks of that. */
const LIMIT_RULES: Readonly<Record<keyof GenesisLimits, LimitRule>> = {
  maxBodyBytes: { least: MIN_BODY_LIMIT_BYTES, most: MAX_BODY_BYTES, preset: MAX_BODY_BYTES },
  minBlockIntervalMs: { least: 0, most: DAY_MS, preset: 0 },
  maxClockDriftMs: { least: 1, most: DAY_MS, preset: 120_000 },
}

const TOP_FIELDS = ['version', 'name', 'registrar', 'limits', 'observers', 'members'] as const
const LIMIT_FIELDS = ['maxBodyBytes', 'minBlockIntervalMs', 'maxClockDriftMs'] as const
const MEMBER_FIELDS = ['key', 'roles', 'label'] as const
const KEY_TEXT = /^[0-9a-f]{64}$/

/** Throws GENESIS_INVALID; `data.path` says where, such as `members[3].key` ('' is the whole file). */
export function parseGenesis(bytes: Uint8Array): Genesis {
  if (bytes.length > MAX_GENESIS_BYTES) fail('', `${bytes.length} bytes long, ${MAX_GENESIS_BYTES} allowed`)
  const text = textOf(bytes)
  const file = fieldsOf(jsonOf(text), '', TOP_FIELDS)
  if (file.version !== 1) fail('version', `found ${show(file.version)}, expected 1`)
  const registrar = keyOf(file.registrar, 'registrar')
  const own = new Uint8Array(bytes)
  const genesis: Genesis = {
    networkId: sha256(own),
    bytes: own,
    name: plainTextOf(file.name, 'name'),
    registrar,
    limits: limitsOf(file.limits),
    observers: observersOf(file.observers),
    members: membersOf(file.members, registrar),
  }
  assertPlainSpelling(text, file)
  return genesis
}

/** A genesis file: JSON over several lines, for people to read. Throws GENESIS_INVALID as parseGenesis does. */
export function formatGenesis(init: GenesisInit): Uint8Array {
  const limits = Object.fromEntries(LIMIT_FIELDS.map((name) => [name, init.limits?.[name] ?? LIMIT_RULES[name].preset]))
  const members = (init.members ?? []).map(({ key, roles, label }) => ({ key: toHex(key), roles: formatRoles(roles), label }))
  const file = {
    version: 1,
    name: init.name,
    registrar: toHex(init.registrar),
    limits,
    observers: init.observers ?? 'listed',
    members,
  }
  const bytes = toUtf8(`${JSON.stringify(file, null, 2)}\n`)
  parseGenesis(bytes)
  return bytes
}

function fail(path: string, detail: string): never {
  const where = path === '' ? 'genesis' : `genesis: ${path}`
  throw new WattnessError('GENESIS_INVALID', `${where}: ${detail}`, { path })
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    fail('', 'not valid UTF-8')
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    fail('', `not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The object's fields, exactly those of `names`. */
function fieldsOf<N extends string>(value: unknown, path: string, names: readonly N[]): Record<N, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(path, `found ${show(value)}, expected an object`)
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  for (const name of Object.keys(value)) {
    if (!names.includes(name as N)) fail(at(name), `unknown field, expected only ${names.join(', ')}`)
  }
  for (const name of names) {
    if (!Object.hasOwn(value, name)) fail(at(name), 'missing')
  }
  return value as Record<N, unknown>
}

function keyOf(value: unknown, path: string): Uint8Array {
  if (typeof value !== 'string' || !KEY_TEXT.test(value)) fail(path, `found ${show(value)}, expected 64 lower-case hex digits`)
  const key = fromHex(value)
  if (!isAcceptableKey(key)) fail(path, `${value} is no Ed25519 key that is safe to admit (not canonical, or of small order)`)
  return key
}

function plainTextOf(value: unknown, path: string): string {
  if (typeof value !== 'string') fail(path, `found ${show(value)}, expected text`)
  const fault = plainTextFault(value, MAX_LABEL_BYTES)
  if (fault !== undefined) fail(path, `the text ${fault}`)
  return value
}

function limitsOf(value: unknown): GenesisLimits {
  const fields = fieldsOf(value, 'limits', LIMIT_FIELDS)
  const limit = (name: keyof GenesisLimits): number => {
    const { least, most } = LIMIT_RULES[name]
    const found = fields[name]
    if (typeof found === 'number' && Number.isInteger(found) && found >= least && found <= most) return found
    fail(`limits.${name}`, `found ${show(found)}, expected an integer from ${least} to ${most}`)
  }
  return {
    maxBodyBytes: limit('maxBodyBytes'),
    minBlockIntervalMs: limit('minBlockIntervalMs'),
    maxClockDriftMs: limit('maxClockDriftMs'),
  }
}

function observersOf(value: unknown): ObserverRule {
  if (value === 'open' || value === 'listed') return value
  fail('observers', `found ${show(value)}, expected "open" or "listed"`)
}

function membersOf(value: unknown, registrar: Uint8Array): GenesisMember[] {
  if (!Array.isArray(value)) fail('members', `found ${show(value)}, expected a list`)
  if (value.length > MAX_MEMBERS - 1) fail('members', `${value.length} members, ${MAX_MEMBERS - 1} allowed beside the registrar`)
  const pathOf = new Map([[toHex(registrar), 'registrar']])
  const members = value.map((item: unknown, at) => {
    const path = `members[${at}]`
    const fields = fieldsOf(item, path, MEMBER_FIELDS)
    const key = keyOf(fields.key, `${path}.key`)
    const keyHex = toHex(key)
    const holder = pathOf.get(keyHex)
    if (holder !== undefined) fail(`${path}.key`, `${keyHex} is the key of ${holder} already`)
    pathOf.set(keyHex, path)
    return { key, roles: rolesOf(fields.roles, `${path}.roles`), label: plainTextOf(fields.label, `${path}.label`) }
  })
  const witnesses = members.filter(({ roles }) => hasRoles(roles, ROLE_WITNESS)).length
  if (witnesses > MAX_WITNESSES) fail('members', `${witnesses} witnesses, ${MAX_WITNESSES} allowed`)
  return members
}

function rolesOf(value: unknown, path: string): Roles {
  if (typeof value !== 'string') fail(path, `found ${show(value)}, expected text such as "meter,witness"`)
  try {
    const roles = parseRoles(value)
    assertGrantable(roles, 'a member')
    return roles
  } catch (error) {
    fail(path, error instanceof WattnessError ? error.message : String(error))
  }
}

/**
 * Rule G3. JSON libraries disagree on a name given twice and on numbers such as 1e-400, and a network must not mean two
 * things: each name stands once in its object, and outside strings there are only integers, brackets, commas and colons.
 */
function assertPlainSpelling(text: string, file: unknown): void {
  let written = 0
  const rest = text.replace(/"(?:[^"\\]|\\.)*"(\s*:)?/g, (_, colon: string | undefined) => {
    if (colon !== undefined) written++
    return ''
  })
  const names = countNames(file)
  if (written !== names) fail('', `${written - names} field(s) given twice`)
  const odd = /[^\s\d{}[\],]/.exec(rest)
  if (odd !== null) fail('', `${show(odd[0])} found outside text: numbers are written in decimal digits alone`)
}

/** Names in all objects of `value`, whose depth the schema has bounded. */
function countNames(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const own = Array.isArray(value) ? 0 : Object.keys(value).length
  return Object.values(value).reduce<number>((sum, item) => sum + countNames(item), own)
}
