import {
  agreesWithEnd,
  assertBodyAllowed,
  assertContent,
  assertContinuation,
  assertRegistrarSize,
  assertTime,
  equalBytes,
  type Genesis,
  type Header,
  isWattnessError,
  type Membership,
  mayWrite,
} from '../../protocol/index.ts'
import type { BrokenRule, ChainAuditInit, HeldBlock, NamedEnd } from '../store/index.ts'

export interface RulesInit {
  readonly genesis: Genesis
  /** As the stored registrar's chain says, as far as that chain is whole. */
  readonly membership: Membership
  /** False where the registrar's chain has a fault: then what its lost part allows cannot be told. */
  readonly isMembershipWhole: boolean
}

/** The rules of section V that need genesis and membership, in the protocol's own words: see block-rules.ts there. */
export function ledgerRules(init: RulesInit): Required<Pick<ChainAuditInit, 'brokenRule' | 'endOf'>> {
  return { brokenRule: (block, previous) => brokenRule(init, block, previous), endOf: (member) => endOf(init, member) }
}

function brokenRule(init: RulesInit, block: HeldBlock, previous: Header | undefined): BrokenRule | undefined {
  const { genesis } = init
  const { header } = block
  const isRegistrar = equalBytes(header.member, genesis.registrar)
  let rule = 'V3'
  try {
    assertBodyAllowed(header, genesis)
    const refusal = writeRefusal(init, header)
    if (refusal !== undefined) return refusal
    rule = 'V13'
    assertTime(header, previous, genesis)
    rule = 'V14'
    assertRegistrarSize(header, previous, isRegistrar)
    // What a body says was checked before it was dropped.
    if (block.body === undefined) return undefined
    rule = 'V18'
    assertContent(block, isRegistrar)
    rule = 'M20'
    assertContinuation(block, init.membership)
    return undefined
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return { rule, what: `${error.code}: ${error.message.replace(BLOCK_PREFIX, '')}` }
  }
}

/** The audit says itself which block of whom it is about. */
const BLOCK_PREFIX = /^block \d+ of [0-9a-f]+: /

/**
 * Rule V4. What came before a revocation stays where it is and counts for nothing (M13): to hold it is no fault.
 */
function writeRefusal({ membership, isMembershipWhole }: RulesInit, header: Header): BrokenRule | undefined {
  const { member, registrarSize, height } = header
  const refusal = mayWrite(membership, member, registrarSize, height)
  if (refusal === undefined || refusal === 'REVOKED') return undefined
  if (refusal === 'REGISTRAR_AHEAD' && !isMembershipWhole) return undefined
  const whose =
    refusal === 'REGISTRAR_AHEAD' ? `names registrar size ${registrarSize}, ${membership.size} held` : 'may not write it'
  return { rule: 'V4', what: `${refusal}: ${whose}` }
}

/** Rule V19. */
function endOf({ membership }: RulesInit, key: Uint8Array): NamedEnd | undefined {
  const member = membership.member(key)
  if (member?.revoked === undefined) return undefined
  const { endSize: size } = member.revoked
  return { size, isRight: (root) => agreesWithEnd(member, size, root) }
}
