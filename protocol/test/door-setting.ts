import { expect } from 'chai'
import type { NewBlock } from '../block.ts'
import type { Bytes } from '../bytes.ts'
import { EMPTY_CHAIN } from '../chain-state.ts'
import { formatGenesis, type Genesis, type GenesisLimits, parseGenesis } from '../genesis.ts'
import { applyMembership, initialMembership, type Membership } from '../membership.ts'
import type { MembershipOperation } from '../membership-body.ts'
import { ROLE_METER, ROLE_OBSERVER, ROLE_WITNESS } from '../roles.ts'
import { type Accepted, type DoorContext, type Refused, validateRun } from '../validate.ts'
import type { ValidationCode } from '../verdict.ts'
import { ChainAuthor, FIRST_SEALED_MS, INTERVAL_MS } from './chain-author.ts'
import { keyOf, signerOf } from './numbered-keys.ts'
import { testVerify } from './signing.ts'

/** A network for tests of the door: key 1 is the registrar, 2 and 4 are meters, 3 an observer, 9 a stranger. */
export function genesisOf(limits: Partial<GenesisLimits> = {}): Genesis {
  const members = [
    { key: keyOf(2), roles: ROLE_METER | ROLE_WITNESS, label: 'meter' },
    { key: keyOf(3), roles: ROLE_OBSERVER, label: 'observer' },
    { key: keyOf(4), roles: ROLE_METER, label: 'other meter' },
  ]
  return parseGenesis(formatGenesis({ name: 'door', registrar: keyOf(1), limits, members }))
}

export const genesis = genesisOf()
export const start = initialMembership(genesis)

/** The membership after one more block of the registrar's chain. */
export const after = (membership: Membership, ...operations: MembershipOperation[]): Membership =>
  applyMembership(membership, operations).membership

export const author = (n: number, of: Genesis = genesis): ChainAuthor => new ChainAuthor(signerOf(n), of.networkId, n === 1)

/** Five blocks of an honest meter. */
export const meter = author(2).grow(5)

/** The meter's first `size` blocks, and then another story. */
export function branch(size: number, count: number, fields: Partial<NewBlock> = {}): ChainAuthor {
  const other = meter.fork(size)
  for (let i = 0; i < count; i++) other.append({ sealedAt: FIRST_SEALED_MS + other.size * INTERVAL_MS + 1_000, ...fields })
  return other
}

/** What a door said, and how many signatures it looked at before it did. */
export interface Said {
  readonly result: Accepted | Refused
  readonly signatures: number
}

/** Shows a run to the door of a node that holds nothing, unless `context` says what it holds. */
export function show(run: Bytes, context: Partial<DoorContext> = {}): Said {
  let signatures = 0
  const result = validateRun(run, {
    genesis,
    membership: start,
    chain: EMPTY_CHAIN,
    quarantined: false,
    nowMs: FIRST_SEALED_MS + 86_400_000,
    verify: (signature, message, key) => {
      signatures++
      return testVerify(signature, message, key)
    },
    ...context,
  })
  return { result, signatures }
}

export function expectAccepted(said: Said): Accepted {
  if (said.result.verdict !== 'accept') return expect.fail(`${said.result.code}: ${said.result.message}`)
  return said.result
}

function expectRefused(verdict: 'reject' | 'ignore', code: ValidationCode, { result }: Said): Refused {
  if (result.verdict === 'accept') return expect.fail(`expected ${code}, the run was accepted`)
  expect(result.code, result.message).to.equal(code)
  expect(result.verdict).to.equal(verdict)
  return result
}

/** The sender pays, and nothing is held against the author: no checkpoint goes on to become evidence. */
export function expectRejected(code: ValidationCode, said: Said): Refused {
  const refused = expectRefused('reject', code, said)
  expect(refused.announced).to.equal(undefined)
  return refused
}

export function expectIgnored(code: ValidationCode, said: Said): Refused {
  return expectRefused('ignore', code, said)
}
