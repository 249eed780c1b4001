import { expect } from 'chai'
import { EMPTY_ROOT, type Holdings, headsRoot, WattnessError, ZERO_HASH } from '../../../protocol/index.ts'
import { ANSWER_TIMEOUT_MS } from '../../sync/bounds.ts'
import { Checker } from '../../sync/checker.ts'
import { fakeSession } from './fake-session.ts'
import { LedgerStand } from './ledger-stand.ts'

describe('the cross-check', () => {
  async function stand() {
    const ledger = await LedgerStand.create()
    const author = ledger.author(1).grow(6)
    await ledger.hold(author.run(0, 4))
    const agreements: string[] = []
    const faults: string[] = []
    const damage: Error[] = []
    const differing: number[] = []
    const checker = new Checker({
      store: ledger.store,
      view: ledger.view,
      nowMs: () => ledger.time.clock.monotonicMs(),
      onAgreement: (_session, agreement) => void agreements.push(agreement),
      onDiffering: (_session, index, size) => void differing.push(index, size),
      onFault: (_session, fault) => void faults.push(fault),
      onDamage: (error) => void damage.push(error),
    })
    const words = (size: number, root = author.state(size).root): Holdings => {
      const leaves = ledger.membership.members.map(({ key }, i) => ({
        member: key,
        size: i === 1 ? size : 0,
        root: i === 1 ? root : EMPTY_ROOT,
      }))
      return { timeMs: 0, frontier: [0, size, 0, 0], headsRoot: headsRoot(leaves), named: [] }
    }
    return { ledger, author, checker, words, agreements, faults, damage, differing, session: fakeSession('x') }
  }

  it('compares at the neighbour’s own frontier, and what this node lacks once it has come', async () => {
    const { ledger, author, checker, words, agreements, session } = await stand()
    checker.onHoldings(session, words(4))
    await ledger.time.settle()
    checker.onHoldings(session, words(2))
    await ledger.time.settle()
    checker.onHoldings(session, words(6))
    await ledger.time.settle()
    expect(agreements).to.deep.equal(['equal', 'behind'])
    await ledger.hold(author.run(4, 6))
    checker.onChange()
    await ledger.time.settle()
    expect(agreements).to.deep.equal(['equal', 'behind', 'equal'])
    expect(session.sent).to.deep.equal([])
  })

  it('misses no change that comes while it compares', async () => {
    const { ledger, author, checker, words, agreements, session } = await stand()
    const gate = Promise.withResolvers<void>()
    const rootAt = ledger.view.rootAt.bind(ledger.view)
    ledger.view.rootAt = async (...args) => {
      await gate.promise
      return rootAt(...args)
    }
    const other = fakeSession('y')
    checker.onHoldings(session, words(2))
    checker.onHoldings(other, words(6))
    await ledger.hold(author.run(4, 6))
    checker.onChange()
    gate.resolve()
    await ledger.time.settle()
    expect(agreements).to.deep.equal(['equal', 'equal'])
  })

  it('asks a neighbour that is ahead in what cannot be had for its leaves, so that the other chains are compared', async () => {
    const { ledger, checker, words, differing, session, author } = await stand()
    const ahead = { ...words(4), frontier: [0, 4, 900, 0] }
    checker.onHoldings(session, ahead)
    await ledger.time.settle()
    expect(session.sent).to.deep.equal([])
    checker.onHoldings(session, ahead)
    await ledger.time.settle()
    expect(session.sent.map(({ type }) => type)).to.deep.equal(['ask-leaves'])
    const other = author
      .fork(2)
      .append({ salt: new Uint8Array(16) })
      .state().root
    const leaves = [EMPTY_ROOT, other, ZERO_HASH, EMPTY_ROOT].map((root, i) => ({ size: [0, 3, 900, 0][i] as number, root }))
    const members = ledger.membership.members.map(({ key }, i) => ({
      member: key,
      ...(leaves[i] as { size: number; root: Uint8Array }),
    }))
    await checker.onLeaves(session, { type: 'leaves', id: 0, leaves, headsRoot: headsRoot(members) })
    expect(differing).to.deep.equal([1, 3])
  })

  it('charges who owes its leaves for long, and lets who cannot show them now off', async () => {
    const { ledger, checker, words, faults, session } = await stand()
    const different = words(4, ZERO_HASH)
    checker.onHoldings(session, different)
    await ledger.time.settle()
    checker.onHoldings(session, different)
    await ledger.time.settle()
    expect([session.sent.length, faults.length]).to.deep.equal([1, 0])
    await ledger.time.advance(ANSWER_TIMEOUT_MS)
    checker.onHoldings(session, different)
    await ledger.time.settle()
    expect([session.sent.length, faults]).to.deep.equal([2, ['no-answer']])
    checker.onMiss(session, 7)
    checker.onMiss(session, 0)
    await checker.onLeaves(session, { type: 'leaves', id: 0, leaves: [], headsRoot: EMPTY_ROOT })
    expect(faults).to.deep.equal(['no-answer', 'unasked'])
  })

  it('takes damage for its own, not for a difference, and goes on with the others', async () => {
    const { ledger, checker, words, agreements, damage, session } = await stand()
    const other = fakeSession('y')
    ledger.view.rootAt = () => Promise.reject(new WattnessError('STORE_DAMAGED', 'a tile'))
    checker.onHoldings(session, words(2))
    checker.onHoldings(other, words(4))
    await ledger.time.settle()
    expect(damage).to.have.length(1)
    expect(agreements).to.deep.equal(['equal'])
    checker.onSessionEnd(other)
  })

  it('cannot compare a frontier of members that it does not know yet', async () => {
    const { ledger, checker, words, agreements, session } = await stand()
    checker.onHoldings(session, { ...words(4), frontier: [0, 4, 0, 0, 9] })
    await ledger.time.settle()
    expect(agreements).to.deep.equal(['behind'])
    checker.onHoldings(session, words(4))
    const leaves = Array.from({ length: 6 }, () => ({ size: 0, root: EMPTY_ROOT }))
    await checker.onLeaves(session, { type: 'leaves', id: 0, leaves, headsRoot: ZERO_HASH })
    await ledger.time.settle()
    expect(agreements).to.deep.equal(['behind', 'equal'])
  })
})
