import { expect } from 'chai'
import { checkRun } from '../../node/index.ts'
import {
  type Bytes,
  type DoorContext,
  EMPTY_CHAIN,
  initialMembership,
  type MembershipOperation,
  ROLE_METER,
  ROLE_OBSERVER,
  ZERO_HASH,
} from '../../protocol/index.ts'
import { flipped } from '../../protocol/test/chain-author.ts'
import { after, author, branch, genesis, genesisOf, meter, start } from '../../protocol/test/door-setting.ts'
import { keyOf } from '../../protocol/test/numbered-keys.ts'
import { testVerify } from '../../protocol/test/signing.ts'
import { RUNS_KEPT, SharedRuns } from '../shared-runs.ts'

/** A node that holds three of the meter's blocks, at a time at which the fourth has been sealed. */
const held: DoorContext = {
  genesis,
  membership: start,
  chain: meter.state(3),
  quarantined: false,
  nowMs: meter.state(4).sealedAt,
  verify: testVerify,
}

const next = meter.run(3, 4)
const other = branch(3, 1)

/** The same blocks and more, as another node has come by them. */
const alike: Partial<DoorContext>[] = [
  {},
  { nowMs: held.nowMs + 1 },
  { membership: after(start) },
  { chain: { ...held.chain, root: held.chain.root.slice(), lastHash: held.chain.lastHash.slice() } },
]

/** Each changes what the door has to say, or might. */
const unlike: Readonly<Record<string, Partial<DoorContext>>> = {
  'a chain that is shorter': { chain: meter.state(2) },
  'a chain that is longer': { chain: meter.state(4) },
  'another branch': { chain: branch(2, 1).state() },
  'a quarantined chain': { quarantined: true },
  'an earlier clock': { nowMs: held.nowMs - 86_400_000 },
  'less of the registrar’s chain': { membership: start },
  'an author who is no member': { membership: after(initialMembership({ ...genesis, members: genesis.members.slice(1) })) },
  'an author who was revoked': {
    membership: after(start, { type: 'revoke', key: keyOf(2), endSize: 3, endRoot: meter.state(3).root }),
  },
  'an author with another role': { membership: after(after(start), { type: 'change-roles', key: keyOf(2), roles: 2 }) },
  'another network': { genesis: genesisOf({ maxClockDriftMs: 1 }) },
  'a node that believes everything': { verify: () => true },
}

describe('runs that are checked once for all nodes', () => {
  /** What was checked before is known. */
  function known(context: DoorContext, ...runs: Bytes[]): SharedRuns {
    const shared = new SharedRuns(testVerify)
    for (const run of runs) shared.check(run, context)
    return shared
  }

  it('are answered as by the first that was shown them, on the same chain at that time or later', () => {
    const shared = known(held, next)
    for (const given of alike) {
      expect(shared.check(next.slice(), { ...held, ...given })).to.deep.equal(checkRun(next, held))
    }
    expect([shared.asked, shared.made]).to.deep.equal([1 + alike.length, 1])
  })

  for (const [what, given] of Object.entries(unlike)) {
    it(`are checked again where something else holds: ${what}`, () => {
      const before = what.startsWith('less') ? { ...held, membership: after(start) } : held
      const shared = known(before, next)
      const context = { ...held, ...given }
      expect(shared.check(next, context)).to.deep.equal(checkRun(next, context))
      expect(shared.made).to.equal(2)
    })
  }

  it('are checked again where the author came in elsewhere, or was no meter for a while', () => {
    const admit = (n: number): MembershipOperation => ({ type: 'admit', key: keyOf(n), roles: ROLE_METER, labelHash: ZERO_HASH })
    const roles = (of: number): MembershipOperation => ({ type: 'change-roles', key: keyOf(5), roles: of })
    const story = after(after(after(start, admit(5))))
    const others = [
      after(after(after(start), admit(5))),
      after(after(after(start, admit(6), admit(5)))),
      after(after(after(start, admit(5)), roles(ROLE_OBSERVER)), roles(ROLE_METER)),
    ]
    const first = author(5).append({ registrarSize: 3 })
    const context = { ...held, chain: EMPTY_CHAIN, membership: story }
    for (const membership of others) {
      const shared = known(context, first.run(0, 1))
      expect(shared.check(first.run(0, 1), { ...context, membership }).verdict).to.equal('accept')
      expect(shared.made).to.equal(2)
    }
  })

  it('are told apart by every byte, and what was refused is refused by each anew', () => {
    const shared = known(held, next)
    for (let at = 0; at < next.length; at++) {
      const wrong = flipped(next, at)
      expect(shared.check(wrong, held)).to.deep.equal(checkRun(wrong, held))
    }
    expect(shared.check(other.run(3, 4), held)).to.deep.equal(checkRun(other.run(3, 4), held))
    const { made } = shared
    shared.check(flipped(next, 40), held)
    expect(shared.made).to.equal(made + 1)
  })

  it('are not taken over from a node that checks signatures in its own way', () => {
    const believer = { ...held, verify: () => true }
    const forged = flipped(next, -1)
    const shared = known(believer, forged)
    expect(checkRun(forged, believer).verdict).to.equal('accept')
    expect(shared.check(forged, held).verdict).to.equal('reject')
  })

  it('are forgotten once many have come since', () => {
    const long = author(4)
    long.grow(2 * RUNS_KEPT + 2)
    const shared = new SharedRuns(testVerify)
    const check = (height: number): unknown =>
      shared.check(long.run(height, height + 1), { ...held, chain: long.state(height), nowMs: long.state().sealedAt })
    for (let height = 0; height <= RUNS_KEPT; height++) check(height)
    check(0)
    expect(shared.made).to.equal(RUNS_KEPT + 1)
    for (let height = RUNS_KEPT + 1; height <= 2 * RUNS_KEPT; height++) check(height)
    check(0)
    expect(shared.made).to.equal(2 * RUNS_KEPT + 2)
  })
})
