import { expect } from 'chai'
import fc from 'fast-check'
import type { LeafStanding } from '../attestation-leaves.ts'
import type { Epochs } from '../epochs.ts'
import { type Final, Finality, MAX_KEPT_LEAVES, type Vote, votesOf } from '../finality.ts'
import type { Leaf } from '../frames.ts'
import { epochsAfter, leafOn } from './witness-setting.ts'

const FOUR = [1, 2, 3, 4]
const still = epochsAfter(FOUR)
/** Epoch 1 from registrar size 2 on: 5 in the place of 4. */
const changing = epochsAfter(FOUR, FOUR, [1, 2, 3, 5], [1, 2, 3, 5])
const METER = 6

const vote = (witness: number, leaf: Leaf, fields: Partial<Vote> = {}): Vote => ({
  epoch: 0,
  witness,
  member: METER,
  ...leaf,
  ...fields,
})

/** All leaves are of epoch 0 unless told. */
const note = (finality: Finality, votes: readonly Vote[], standing: LeafStanding = 'own', leafEpoch = 0): (Final | undefined)[] =>
  votes.map((each) => finality.note(each, standing, () => leafEpoch))

const onA = (size: number) => (witness: number) => vote(witness, leafOn('a', size))
const onB = (size: number) => (witness: number) => vote(witness, leafOn('b', size))
/** Branch b leaves a after 3 blocks. */
const isOnB = (leaf: Leaf): boolean => leaf.size <= 3 || leaf.root === leafOn('b', leaf.size).root
const epoch0 = (): number => 0

/** The registrar's chain final up to `size`, so that the epochs up to there have begun. */
function begun(epochs: Epochs, size: number): Finality {
  const finality = new Finality(epochs)
  finality.restore(0, { ...leafOn('r', size), epoch: 0 })
  return finality
}

describe('finality', () => {
  it('W10: every leaf of an attestation is a vote, a closing one’s too', () => {
    const leaves = [leafOn('r', 2), leafOn('a', 5)]
    expect(votesOf(changing, 4, { epoch: 0 }, leaves)).to.deep.equal([
      { epoch: 0, witness: 4, member: 0, ...leafOn('r', 2) },
      { epoch: 0, witness: 4, member: 1, ...leafOn('a', 5) },
    ])
  })

  it('W10: none of who is not in the set of its epoch', () => {
    expect(votesOf(changing, 5, { epoch: 0 }, [leafOn('r', 2)])).to.deep.equal([])
    expect(votesOf(changing, 1, { epoch: 2 }, [leafOn('r', 2)])).to.deep.equal([])
    const finality = begun(changing, 2)
    const votes = [1, 2].map(onA(5))
    note(finality, [...votes, vote(5, leafOn('a', 5)), vote(6, leafOn('a', 5)), vote(3, leafOn('a', 5), { epoch: 2 })])
    expect(finality.final(METER)).to.equal(undefined)
    note(finality, [vote(5, leafOn('a', 5)), vote(3, leafOn('a', 5), { epoch: 2 }), onA(0)(1)], 'ahead')
    expect(finality.ahead(METER), 'nothing is kept of it').to.deep.equal([])
  })

  it('W10: each witness counts once, whatever comes again or late', () => {
    const finality = new Finality(still)
    const answers = note(finality, [onA(5)(1), onA(5)(1), onA(3)(1), onA(9)(2), onA(9)(2), onA(4)(3)])
    expect(answers.map((answer) => answer?.size)).to.deep.equal([...Array.from({ length: 5 }, () => undefined), 4])
    expect(note(finality, [onA(2)(4)])).to.deep.equal([undefined])
  })

  it('W10: votes that came before their epoch had begun count once it has', () => {
    const finality = new Finality(changing)
    const early = [1, 2, 5].map((witness) => vote(witness, leafOn('a', 5), { epoch: 1 }))
    expect(note(finality, early, 'own', 1)).to.deep.equal([undefined, undefined, undefined])
    expect(finality.takeBegun().size).to.equal(0)
    for (const witness of [1, 2, 3]) finality.note(vote(witness, leafOn('r', 2), { member: 0 }), 'own', () => 0)
    expect(finality.final(0)?.size).to.equal(2)
    expect([...finality.takeBegun()]).to.deep.equal([[METER, { ...leafOn('a', 5), epoch: 1 }]])
    expect(finality.final(METER)?.size).to.equal(5)
    expect(finality.takeBegun().size, 'once').to.equal(0)
  })

  it('W10: the order decides nothing', () => {
    const anyVote = fc.record({ witness: fc.integer({ min: 1, max: 5 }), size: fc.integer({ min: 0, max: 6 }) })
    const property = fc.property(fc.array(anyVote, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (votes, random) => {
      const shuffled = votes.map((each) => ({ each, at: random.next().value as number })).sort((a, b) => a.at - b.at)
      const [first, second] = [new Finality(still), new Finality(still)]
      note(
        first,
        votes.map(({ witness, size }) => onA(size)(witness)),
      )
      note(
        second,
        shuffled.map(({ each: { witness, size } }) => onA(size)(witness)),
      )
      expect(first.final(METER)).to.deep.equal(second.final(METER))
    })
    fc.assert(property, { numRuns: 300 })
  })

  it('W10: witnesses that the registrar has named alone count for nothing', () => {
    const invented = epochsAfter(FOUR, [5, 6, 7, 8], [5, 6, 7, 8])
    const finality = new Finality(invented)
    const votes = [5, 6, 7, 8].map((witness) => vote(witness, leafOn('r', 2), { member: 0, epoch: 1 }))
    expect(note(finality, votes, 'own', 1)).to.deep.equal([undefined, undefined, undefined, undefined])
    note(
      finality,
      votes.map((each) => ({ ...each, member: METER })),
      'other',
      1,
    )
    expect(finality.candidates(METER)).to.deep.equal([])
    expect(
      finality.finalOn(
        0,
        () => true,
        () => 1,
      ),
    ).to.equal(undefined)
  })

  it('W10: once the change is final they count, those of the epochs after it too', () => {
    const epochs = epochsAfter(FOUR, [5], [5], [7], [7])
    const finality = new Finality(epochs)
    note(finality, [vote(7, leafOn('r', 4), { member: 0, epoch: 2 })], 'own', 2)
    note(finality, [vote(5, leafOn('r', 3), { member: 0, epoch: 1 })], 'own', 1)
    expect(finality.final(0)).to.equal(undefined)
    const change = [1, 2, 3].map((witness) => vote(witness, leafOn('r', 1), { member: 0 }))
    expect(note(finality, change)[2]).to.deep.equal({ ...leafOn('r', 4), epoch: 2 })
  })

  it('W10: another story of the registrar’s has other witnesses, and the votes of the first count no more', () => {
    const story = epochsAfter(FOUR, FOUR, [5, 6, 7, 8], [5, 6, 7, 8])
    const finality = new Finality(story)
    note(
      finality,
      [5, 6, 7, 8].map((witness) => vote(witness, leafOn('b', 5), { epoch: 1 })),
      'other',
      1,
    )
    finality.setEpochs(changing)
    finality.restore(0, { ...leafOn('r', 2), epoch: 0 })
    expect(finality.candidates(METER)).to.deep.equal([])
    expect(finality.finalOn(METER, isOnB, () => 1)).to.equal(undefined)
  })

  it('W11: a leaf counts in its own epoch only', () => {
    const finality = begun(changing, 2)
    note(
      finality,
      [1, 2, 3].map((witness) => vote(witness, leafOn('a', 5), { epoch: 1 })),
      'own',
      0,
    )
    note(
      finality,
      [1, 2, 3].map((witness) => vote(witness, leafOn('a', 5), { epoch: 0 })),
      'own',
      1,
    )
    expect(finality.final(METER)).to.equal(undefined)
    note(
      finality,
      [1, 2, 5].map((witness) => vote(witness, leafOn('a', 6), { epoch: 1 })),
      'own',
      1,
    )
    expect(finality.final(METER)).to.deep.equal({ ...leafOn('a', 6), epoch: 1 })
  })

  it('W11: witnesses of two epochs make no quorum together', () => {
    const finality = begun(changing, 2)
    note(
      finality,
      [1, 2].map((witness) => vote(witness, leafOn('a', 5))),
    )
    note(finality, [vote(5, leafOn('a', 6), { epoch: 1 })], 'own', 1)
    expect(finality.final(METER)).to.equal(undefined)
  })

  it('W12: the quorum-th largest leaf, and not before a quorum', () => {
    const finality = new Finality(still)
    expect(note(finality, [onA(9)(1), onA(4)(2)])).to.deep.equal([undefined, undefined])
    expect(note(finality, [onA(6)(3)])).to.deep.equal([{ ...leafOn('a', 4), epoch: 0 }])
    expect(note(finality, [onA(7)(4)])).to.deep.equal([{ ...leafOn('a', 6), epoch: 0 }])
  })

  it('W12: leaves of two branches make no quorum together', () => {
    const finality = new Finality(still)
    note(finality, [1, 2].map(onA(5)))
    note(finality, [3, 4].map(onB(5)), 'other')
    expect(finality.final(METER)).to.equal(undefined)
  })

  it('W12: a leaf of size 0 is none, and without witnesses nothing is final', () => {
    const finality = new Finality(still)
    expect(note(finality, [1, 2, 3].map(onA(0)))).to.deep.equal([undefined, undefined, undefined])
    expect(note(new Finality(epochsAfter([])), FOUR.map(onA(5)))).to.deep.equal(FOUR.map(() => undefined))
  })

  it('W13: it never goes back, and is the largest over all epochs', () => {
    const finality = begun(changing, 2)
    finality.restore(METER, { ...leafOn('a', 5), epoch: 0 })
    finality.restore(METER, { ...leafOn('a', 3), epoch: 0 })
    note(
      finality,
      [1, 2, 5].map((witness) => vote(witness, leafOn('a', 4), { epoch: 1 })),
      'own',
      1,
    )
    expect(finality.final(METER)?.size).to.equal(5)
    note(
      finality,
      [1, 2, 5].map((witness) => vote(witness, leafOn('a', 7), { epoch: 1 })),
      'own',
      1,
    )
    expect(finality.final(METER)).to.deep.equal({ ...leafOn('a', 7), epoch: 1 })
  })

  it('W14: leaves beyond the chain as held wait until it reaches them', () => {
    const finality = new Finality(still)
    note(finality, [...[1, 2].map(onA(5)), onA(7)(1), onA(5)(3)], 'ahead')
    expect(finality.ahead(METER).map(({ size }) => size)).to.deep.equal([7, 5, 5, 5])
    expect(finality.takeReached(METER, 4)).to.deep.equal([])
    const reached = finality.takeReached(METER, 6)
    expect(reached).to.have.deep.members([1, 2, 3].map(onA(5)))
    expect(note(finality, reached)[2]).to.deep.equal({ ...leafOn('a', 5), epoch: 0 })
    expect(finality.ahead(METER).map(({ size }) => size)).to.deep.equal([7])
    expect(finality.takeReached(METER, 6)).to.deep.equal([])
    expect([finality.ahead(3), finality.takeReached(3, 9), finality.replaced(3, 0)]).to.deep.equal([[], [], []])
  })

  it('W14: a quorum off the branch held here, or beyond it, names what is to be fetched, the largest first', () => {
    const finality = new Finality(still)
    note(finality, [onB(5)(1), onB(6)(2)], 'other')
    expect(finality.candidates(METER)).to.deep.equal([])
    note(finality, [onB(9)(3), onB(9)(2)], 'ahead')
    expect(finality.candidates(METER)).to.deep.equal([9, 6, 5].map((size) => ({ ...leafOn('b', size), epoch: 0 })))
    finality.restore(METER, { ...leafOn('a', 5), epoch: 0 })
    expect(finality.candidates(METER)).to.deep.equal([])
    note(finality, [onA(6)(4)])
    expect(finality.candidates(METER).map(({ size }) => size)).to.deep.equal([9, 6])
  })

  it('W14: with leaves on two branches what is below the fork can be final', () => {
    const finality = new Finality(still)
    note(finality, [onA(2)(1), onA(5)(1), onA(3)(2)])
    note(finality, [onB(5)(3)], 'other')
    expect(finality.candidates(METER)).to.deep.equal([{ ...leafOn('b', 5), epoch: 0 }])
    const final = finality.finalOn(METER, isOnB, epoch0)
    expect(final).to.deep.equal({ ...leafOn('a', 2), epoch: 0 })
    expect(finality.restore(METER, final as Final)).to.deep.equal(final)
    expect(finality.restore(METER, final as Final)).to.equal(undefined)
  })

  it('W14: what is final on the other branch, counting all that lies on it', () => {
    const finality = new Finality(still)
    note(finality, [onA(2)(4), onA(5)(1)])
    note(finality, [onB(5)(1), onB(4)(2), vote(2, leafOn('c', 9))], 'other')
    note(finality, [onB(9)(3)], 'ahead')
    expect(finality.finalOn(METER, isOnB, epoch0)).to.deep.equal({ ...leafOn('b', 4), epoch: 0 })
    expect(
      finality.finalOn(METER, isOnB, () => 1),
      'W11',
    ).to.equal(undefined)
    expect(finality.finalOn(METER, () => false, epoch0)).to.equal(undefined)
    finality.restore(METER, { ...leafOn('b', 4), epoch: 0 })
    expect(finality.finalOn(METER, isOnB, epoch0)).to.equal(undefined)
  })

  it('W14: after a branch took another’s place its leaves are placed anew, and what is final stays', () => {
    const finality = new Finality(still)
    note(finality, [onA(3)(1), onA(5)(2), onA(6)(4)])
    note(finality, [onB(5)(1), onB(5)(3)], 'other')
    const votes = finality.replaced(METER, 3)
    expect(votes).to.have.deep.members([onA(5)(2), onA(6)(4), onB(5)(1), onB(5)(3)])
    for (const each of votes) finality.note(each, isOnB(each) ? 'own' : 'other', epoch0)
    expect(finality.final(METER)?.size).to.equal(3)
    expect(note(finality, [onB(4)(2)])).to.deep.equal([{ ...leafOn('b', 4), epoch: 0 }])
    expect(finality.replaced(METER, 3), 'but what goes no further than what is final').to.have.deep.members([
      onB(5)(1),
      onB(5)(3),
      onA(5)(2),
      onA(6)(4),
    ])
    expect(finality.final(METER)?.size).to.equal(4)
  })

  for (const standing of ['own', 'other', 'ahead'] as const) {
    it(`W14: of one witness's leaves the largest is kept, and those shown last (${standing})`, () => {
      const finality = new Finality(still)
      const shown = [7, 90, 8, 9, 10, 8, 11, 11].map((size) => onB(size)(1))
      note(finality, shown, standing)
      const kept = finality.takeReached(METER, 99).concat(finality.replaced(METER, 0))
      expect(kept.map(({ size }) => size)).to.deep.equal([90, 10, 8, 11])
      expect(kept).to.have.length(MAX_KEPT_LEAVES)
    })
  }

  it('W14: of leaves on the held branch none is kept that goes no further than what is final', () => {
    const finality = new Finality(still)
    note(finality, [onA(4)(1), onA(5)(2), onA(5)(3), onA(5)(4), onA(3)(1)])
    expect(finality.final(METER)?.size).to.equal(5)
    note(finality, [onA(5)(1), onA(4)(2), onA(6)(2)])
    expect(finality.replaced(METER, 0)).to.deep.equal([onA(6)(2)])
  })

  it('W14: what a liar’s many leaves have pushed out counts when it is shown again', () => {
    const finality = new Finality(still)
    note(finality, [2, 3].map(onB(5)), 'other')
    for (let i = 0; i < 20; i++) note(finality, [vote(1, leafOn(`junk ${i}`, 50 + i))], 'other')
    expect(finality.finalOn(METER, isOnB, epoch0)).to.equal(undefined)
    note(finality, [onB(5)(1)], 'other')
    expect(finality.finalOn(METER, isOnB, epoch0)).to.deep.equal({ ...leafOn('b', 5), epoch: 0 })
  })
})
