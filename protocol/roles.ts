import { WattnessError } from './errors.ts'

/** A set of roles as one byte. Rules M1 and M2. */
export type Roles = number

export type RoleName = 'registrar' | 'meter' | 'witness' | 'observer'

export const ROLE_REGISTRAR = 1
export const ROLE_METER = 2
export const ROLE_WITNESS = 4
export const ROLE_OBSERVER = 8

/** Bits in the order in which text names them (rule M1). */
const ROLE_BITS: readonly (readonly [RoleName, number])[] = [
  ['registrar', ROLE_REGISTRAR],
  ['meter', ROLE_METER],
  ['witness', ROLE_WITNESS],
  ['observer', ROLE_OBSERVER],
]

const BIT_OF = new Map<string, number>(ROLE_BITS)

/** Roles that may be granted: the registrar is named by genesis alone. */
export const GRANTABLE_ROLES = ROLE_METER | ROLE_WITNESS | ROLE_OBSERVER

/** True where `roles` holds every role of `wanted`. */
export function hasRoles(roles: Roles, wanted: Roles): boolean {
  return (roles & wanted) === wanted
}

/** Rule M2: at least one role, no unknown bit, and not the registrar's. */
export function isGrantable(roles: Roles): boolean {
  return Number.isInteger(roles) && roles > 0 && (roles & ~GRANTABLE_ROLES) === 0
}

/** Throws OUT_OF_RANGE for roles that rule M2 does not let anyone be given. */
export function assertGrantable(roles: Roles, what: string): void {
  if (isGrantable(roles)) return
  throw new WattnessError('OUT_OF_RANGE', `${what}: roles ${roles} found, one or more of meter, witness, observer expected`, {
    what,
    roles,
  })
}

/** `meter,witness`: names in the order of the bits. */
export function formatRoles(roles: Roles): string {
  return ROLE_BITS.filter(([, bit]) => (roles & bit) !== 0)
    .map(([name]) => name)
    .join(',')
}

/** Names in any order, each once, separated by commas; throws ROLES_INVALID. */
export function parseRoles(text: string): Roles {
  let roles = 0
  for (const name of text.split(',')) {
    const bit = BIT_OF.get(name)
    if (bit === undefined) {
      const found = JSON.stringify(name.slice(0, 40))
      throw new WattnessError('ROLES_INVALID', `roles: ${found} found, registrar, meter, witness or observer expected`, {
        found: name,
      })
    }
    if ((roles & bit) !== 0) throw new WattnessError('ROLES_INVALID', `roles: ${name} named twice`, { found: name })
    roles |= bit
  }
  return roles
}
