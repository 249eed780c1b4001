import { expect } from 'chai'
import { EMPTY_ROOT } from '../hash.ts'
import {
  type ClosingLeaves,
  EMPTY_LEAF,
  enterNextEpoch,
  type HeldChains,
  isAheadOfRecord,
  isClosing,
  NEW_WITNESS,
  planAttestation,
  recordAfter,
  resolutionOf,
  type WitnessRecord,
} from '../witness.ts'
import { epochsAfter, type HeldBranch, holding, leafOn, rootOn } from './witness-setting.ts'

const FOUR = [1, 2, 3, 4]
const still = epochsAfter(FOUR, FOUR, FOUR)
/** Block 1 of the registrar's chain, so registrar size 2, begins epoch 1. */
const changing = epochsAfter(FOUR, FOUR, [1, 2, 3, 5], [1, 2, 3, 5])

const signed = (fields: Partial<WitnessRecord>): WitnessRecord => ({ ...NEW_WITNESS, sequence: 7, ...fields })
const registrar = (size: number, fields: Partial<HeldBranch> = {}): HeldBranch => ({ branch: 'r', size, ...fields })
const meter = (branch: string, size: number, fields: Partial<HeldBranch> = {}): HeldBranch => ({ branch, size, ...fields })

describe('witness', () => {
  describe('what it signs', () => {
    it('W5: the record after a plan has its sequence, its leaves and all that were signed before', () => {
      const first = planAttestation(2, NEW_WITNESS, still, holding(registrar(1), meter('a', 3)))
      expect(first).to.include({ epoch: 0, sequence: 1, isClosing: false })
      const record = recordAfter(NEW_WITNESS, first as NonNullable<typeof first>)
      expect(record).to.deep.include({ epoch: 0, sequence: 1, isClosed: false })
      const second = planAttestation(2, record, still, holding(registrar(1), meter('a', 4), meter('b', 1)))
      expect(second?.sequence).to.equal(2)
      expect([...(second?.changed.keys() ?? [])]).to.deep.equal([1, 2])
      const after = recordAfter(record, second as NonNullable<typeof second>)
      expect([...after.leaves.values()]).to.deep.equal([leafOn('r', 1), leafOn('a', 4), leafOn('b', 1)])
    })

    it('W6: every chain that counts as it is held, in member order', () => {
      const chains = holding(registrar(1), meter('a', 3), meter('b', 0), meter('c', 9, { counts: 5 }))
      const plan = planAttestation(1, NEW_WITNESS, still, chains)
      expect(plan?.leaves).to.deep.equal([leafOn('r', 1), leafOn('a', 3), EMPTY_LEAF, leafOn('c', 5)])
      expect(plan?.frontier).to.deep.equal([1, 3, 0, 5])
      expect(plan?.named).to.deep.equal([])
    })

    it('W6: where another branch is held than was signed, what was signed again, named', () => {
      const record = signed({ leaves: new Map([[1, leafOn('a', 3)]]) })
      const plan = planAttestation(1, record, still, holding(registrar(1), meter('fork', 8)))
      expect(plan?.leaves[1]).to.deep.equal(leafOn('a', 3))
      expect(plan?.named).to.deep.equal([{ index: 1, ...leafOn('a', 3) }])
      expect([...(plan?.changed.keys() ?? [])]).to.deep.equal([0])
    })

    it('W6: never less than was signed, where blocks were lost', () => {
      const record = signed({ leaves: new Map([[1, leafOn('a', 3)]]) })
      const plan = planAttestation(1, record, still, holding(registrar(1), meter('a', 2)))
      expect(plan?.frontier).to.deep.equal([1, 3])
      expect(plan?.named).to.deep.equal([])
    })

    it('W6: nothing new, nothing signed', () => {
      const leaves = new Map([
        [0, leafOn('r', 1)],
        [1, leafOn('a', 3)],
      ])
      expect(planAttestation(1, signed({ leaves }), still, holding(registrar(1), meter('a', 3)))).to.equal(undefined)
    })

    it('W6: a leaf that was cosigned and not attested is attested, one that was taken over is not', () => {
      const record = signed({
        leaves: new Map([
          [0, leafOn('r', 2)],
          [1, leafOn('a', 3)],
        ]),
        epoch: 1,
        attested: [2, 2],
      })
      const chains = (epoch: number): HeldChains => holding(registrar(2), meter('a', 3, { epochs: { 3: epoch } }))
      const plan = planAttestation(1, record, changing, chains(1))
      expect(plan).to.deep.include({ sequence: 8, frontier: [2, 3], changed: new Map() })
      expect(planAttestation(1, record, changing, chains(0))).to.equal(undefined)
      expect(planAttestation(1, { ...record, attested: [2, 3] }, changing, chains(1))).to.equal(undefined)
    })

    it('W6: nothing by one who is no witness of its epoch, or whose epoch is not held', () => {
      const chains = holding(registrar(1), meter('a', 3))
      expect(planAttestation(5, NEW_WITNESS, still, chains)).to.equal(undefined)
      expect(planAttestation(1, signed({ epoch: 1 }), still, chains)).to.equal(undefined)
      expect(planAttestation(4, signed({ epoch: 1 }), changing, chains)).to.equal(undefined)
    })
  })

  describe('closing', () => {
    const before = new Map([[1, leafOn('a', 3)]])

    it('W7: the change and no more of the registrar’s chain, no growth of any other', () => {
      const chains = holding(registrar(3), meter('a', 4), meter('b', 2))
      const plan = planAttestation(1, signed({ leaves: before }), changing, chains)
      expect(plan?.leaves).to.deep.equal([leafOn('r', 2), leafOn('a', 3), EMPTY_LEAF])
      expect(plan?.isClosing).to.equal(true)
      expect(recordAfter(NEW_WITNESS, plan as NonNullable<typeof plan>).isClosed).to.equal(true)
    })

    it('W7: what was signed of a chain that is in dispute stays named in it', () => {
      const plan = planAttestation(1, signed({ leaves: before }), changing, holding(registrar(2), meter('fork', 4)))
      expect(plan?.named).to.deep.equal([{ index: 1, ...leafOn('a', 3) }])
    })

    it('W7: nothing after it in its epoch, also where the change is not held any more', () => {
      const record = signed({ isClosed: true, leaves: new Map([[0, leafOn('r', 2)], ...before]) })
      expect(planAttestation(1, record, changing, holding(registrar(3), meter('a', 9)))).to.equal(undefined)
      expect(planAttestation(1, record, still, holding(registrar(1), meter('a', 9)))).to.equal(undefined)
    })

    it('W7: no growth beside a larger leaf of another story of the registrar’s', () => {
      const record = signed({ leaves: new Map([[0, leafOn('fork', 3)]]) })
      expect(planAttestation(1, record, changing, holding(registrar(3), meter('a', 9)))).to.equal(undefined)
    })

    it('W7: it shows by the size of its registrar’s leaf', () => {
      expect(isClosing(changing, { epoch: 0, frontier: [1, 9] })).to.equal(false)
      expect(isClosing(changing, { epoch: 0, frontier: [2, 9] })).to.equal(true)
      expect(isClosing(changing, { epoch: 1, frontier: [3, 9] })).to.equal(false)
    })
  })

  describe('entering the next epoch', () => {
    const closing = (witness: number, ...leaves: ClosingLeaves['leaves']): ClosingLeaves => ({
      witness,
      leaves: [leafOn('r', 2), ...leaves],
    })
    const threeOf = (...leaves: ClosingLeaves['leaves']) => [1, 2, 3].map((witness) => closing(witness, ...leaves))
    const enter = (chains: HeldChains, closings: readonly ClosingLeaves[], record = NEW_WITNESS) =>
      enterNextEpoch(record, changing, chains, closings)

    it('W8: with the closings of a quorum of the old set, also by one who is not in it', () => {
      const chains = holding(registrar(3), meter('a', 3))
      const record = signed({ isClosed: true, leaves: new Map([[1, leafOn('a', 3)]]) })
      const entered = enter(chains, threeOf(leafOn('a', 3)), record)
      expect(entered).to.deep.include({ epoch: 1, sequence: 7, isClosed: false })
      expect(planAttestation(5, entered as WitnessRecord, changing, chains)?.epoch).to.equal(1)
    })

    it('W8: not with fewer, nor with those of others or the same twice', () => {
      const chains = holding(registrar(3))
      const [one, two] = threeOf() as [ClosingLeaves, ClosingLeaves]
      expect(enter(chains, [one, two])).to.equal(undefined)
      expect(enter(chains, [one, two, two, closing(5), closing(6)])).to.equal(undefined)
      expect(enter(chains, [one, two, closing(4)])?.epoch).to.equal(1)
    })

    it('W8: a closing ends with the change, as it is held here', () => {
      const chains = holding(registrar(3))
      const [one, two] = threeOf() as [ClosingLeaves, ClosingLeaves]
      for (const leaves of [[], [leafOn('r', 1)], [leafOn('r', 3)], [leafOn('fork', 2)]]) {
        expect(enter(chains, [one, two, { witness: 3, leaves }])).to.equal(undefined)
      }
    })

    it('W8: epochs in order, and none that is not held', () => {
      const epochs = epochsAfter(FOUR, FOUR, [1, 2, 3, 5], [1, 2, 3, 6])
      expect(enterNextEpoch(NEW_WITNESS, epochs, holding(registrar(3)), threeOf())?.epoch).to.equal(1)
      expect(enterNextEpoch(NEW_WITNESS, still, holding(registrar(3)), threeOf())).to.equal(undefined)
      expect(enterNextEpoch(signed({ epoch: 4 }), epochs, holding(registrar(3)), threeOf())).to.equal(undefined)
    })

    it('W8: each leaf is resolved, behind, or another story', () => {
      const chains = holding(registrar(3), meter('a', 3), meter('b', 3, { isQuarantined: true }))
      expect(resolutionOf(chains, 1, leafOn('a', 3))).to.equal('resolved')
      expect(resolutionOf(chains, 1, leafOn('a', 2))).to.equal('resolved')
      expect(resolutionOf(chains, 1, leafOn('a', 4))).to.equal('behind')
      expect(resolutionOf(chains, 1, leafOn('fork', 3))).to.equal('conflict')
      expect(resolutionOf(chains, 1, { size: 0, root: EMPTY_ROOT })).to.equal('resolved')
      expect(resolutionOf(chains, 2, leafOn('fork', 9))).to.equal('resolved')
      expect(resolutionOf(chains, 7, leafOn('new', 1))).to.equal('behind')
    })

    it('W8: not while one of the closings it takes is behind or another story', () => {
      for (const leaf of [leafOn('a', 4), leafOn('fork', 3)]) {
        const closings = [closing(1), closing(2), closing(3, leaf)]
        expect(enter(holding(registrar(3), meter('a', 3)), closings)).to.equal(undefined)
        expect(enter(holding(registrar(3), meter('a', 3)), [...closings, closing(4)])?.epoch).to.equal(1)
        expect(enter(holding(registrar(3), meter('a', 3, { isQuarantined: true })), closings)?.epoch).to.equal(1)
      }
    })

    it('W8: the record takes over what was resolved, and the change', () => {
      const entered = enter(holding(registrar(3), meter('a', 9)), [
        closing(1, leafOn('a', 3)),
        closing(2, leafOn('a', 5)),
        closing(3, leafOn('a', 4)),
      ])
      expect(entered?.leaves).to.deep.equal(
        new Map([
          [0, leafOn('r', 2)],
          [1, leafOn('a', 5)],
        ]),
      )
      const plan = planAttestation(1, entered as WitnessRecord, changing, holding(registrar(3), meter('fork', 9)))
      expect(plan?.leaves[1], 'it is bound by it').to.deep.equal(leafOn('a', 5))
    })

    it('W8: nothing is taken over of a quarantined chain, nor in place of another story that was signed', () => {
      const quarantined = holding(registrar(3), meter('a', 9, { isQuarantined: true }))
      expect(enter(quarantined, threeOf(leafOn('a', 5)))?.leaves.has(1)).to.equal(false)
      const own = signed({ leaves: new Map([[1, leafOn('fork', 4)]]) })
      expect(enter(holding(registrar(3), meter('a', 9)), threeOf(leafOn('a', 5)), own)?.leaves.get(1)).to.deep.equal(
        leafOn('fork', 4),
      )
    })

    it('W8: nor a leaf of a later epoch, which only a liar has closed with', () => {
      const chains = holding(registrar(3), meter('a', 9, { epochs: { 9: 1 } }))
      const closings = [closing(4, leafOn('a', 9)), ...threeOf(leafOn('a', 2))]
      expect(enter(chains, closings)?.leaves.get(1)).to.deep.equal(leafOn('a', 2))
    })

    it('W8: the change takes the place of another story of the registrar’s', () => {
      const own = signed({ isClosed: true, leaves: new Map([[0, leafOn('fork', 3)]]) })
      const chains = holding(registrar(3, { isQuarantined: true }), meter('a', 4))
      const entered = enter(chains, threeOf(EMPTY_LEAF), own)
      expect(entered?.leaves.get(0)).to.deep.equal(leafOn('r', 2))
      expect(planAttestation(1, entered as WitnessRecord, changing, chains)?.frontier).to.deep.equal([2, 4])
    })

    it('W8: out of an empty set once the change is held', () => {
      const epochs = epochsAfter([], [], [1])
      expect(enterNextEpoch(NEW_WITNESS, epochs, holding(registrar(2)), [])).to.deep.equal({
        epoch: 1,
        sequence: 0,
        isClosed: false,
        leaves: new Map([[0, leafOn('r', 2)]]),
      })
    })
  })

  it('W9: of a quarantined chain the leaf that was signed, or none, named', () => {
    const chains = holding(registrar(1), meter('a', 5, { isQuarantined: true }), meter('b', 5, { isQuarantined: true }))
    const plan = planAttestation(1, signed({ leaves: new Map([[1, leafOn('a', 3)]]) }), still, chains)
    expect(plan?.leaves.slice(1)).to.deep.equal([leafOn('a', 3), EMPTY_LEAF])
    expect(plan?.named).to.deep.equal([
      { index: 1, size: 3, root: rootOn('a', 3) },
      { index: 2, size: 0, root: EMPTY_ROOT },
    ])
  })

  it('W9: an attestation of its own with a higher sequence than the record’s', () => {
    expect([6, 7, 8].map((sequence) => isAheadOfRecord(signed({}), { sequence }))).to.deep.equal([false, false, true])
  })
})
