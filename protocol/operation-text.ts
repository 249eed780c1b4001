import { toHex } from './bytes.ts'
import type { MembershipOperation } from './membership-body.ts'
import { formatRoles } from './roles.ts'

/** One operation of a membership block, as people and programs read it. */
export interface OperationText {
  readonly operation: MembershipOperation['type']
  /** Hex. */
  readonly key: string
  readonly newKey?: string
  readonly roles?: string
  readonly endSize?: number
}

export function operationText(operation: MembershipOperation): OperationText {
  const key = toHex(operation.key)
  switch (operation.type) {
    case 'admit':
    case 'change-roles':
      return { operation: operation.type, key, roles: formatRoles(operation.roles) }
    case 'revoke':
      return { operation: operation.type, key, endSize: operation.endSize }
    case 'replace-key':
      return { operation: operation.type, key, newKey: toHex(operation.newKey), endSize: operation.endSize }
  }
}
