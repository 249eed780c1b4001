import { expect } from 'chai'
import { Epochs, quorumOf, toleratedOf } from '../epochs.ts'
import { codeOf } from './codes.ts'
import { epochsAfter, membershipWith } from './witness-setting.ts'

describe('epochs', () => {
  it('W1: each registrar block that changes the witnesses begins an epoch, from its own height + 1 on', () => {
    const four = [1, 2, 3, 4]
    const epochs = epochsAfter(four, four, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 3, 5], [1, 2, 3, 6])
    expect(epochs.all.map(({ number, fromSize, witnesses }) => [number, fromSize, witnesses])).to.deep.equal([
      [0, 0, four],
      [1, 2, [1, 2, 3, 4, 5]],
      [2, 4, [1, 2, 3, 5]],
      [3, 5, [1, 2, 3, 6]],
    ])
    expect(epochs.size).to.equal(5)
    expect(epochs.latest).to.equal(epochs.get(3))
    expect(epochs.get(4)).to.equal(undefined)
  })

  it('W1: one more block leaves the epochs before as they were', () => {
    const before = epochsAfter([1])
    const after = before.extended(membershipWith(1, [2]))
    expect([before.all.length, before.size, after.all.length, after.size]).to.deep.equal([1, 0, 2, 1])
  })

  it('W1, OUT_OF_RANGE: epochs begin at registrar size 0 and take one block at a time', () => {
    expect(codeOf(() => Epochs.of(membershipWith(1, [1])))).to.equal('OUT_OF_RANGE')
    const epochs = epochsAfter([1], [1, 2])
    for (const size of [0, 1, 3]) expect(codeOf(() => epochs.extended(membershipWith(size, [1])))).to.equal('OUT_OF_RANGE')
  })

  it('W2: quorum and tolerated liars of up to 22 witnesses', () => {
    const numbers = [0, 1, 2, 3, 4, 5, 6, 7, 10, 16, 22]
    expect(numbers.map(toleratedOf)).to.deep.equal([0, 0, 0, 0, 1, 1, 1, 2, 3, 5, 7])
    expect(numbers.map(quorumOf)).to.deep.equal([undefined, 1, 2, 3, 3, 4, 5, 5, 7, 11, 15])
    for (let n = 1; n <= 22; n++) {
      const [quorum, f] = [quorumOf(n) as number, toleratedOf(n)]
      expect(2 * quorum - n, 'two quorums share an honest one').to.be.above(f)
      expect(n - f, 'the honest are a quorum').to.be.at.least(quorum)
    }
    expect(epochsAfter([1, 2, 3, 4]).latest).to.include({ quorum: 3, tolerated: 1 })
    expect(epochsAfter([]).latest).to.include({ quorum: undefined, tolerated: 0 })
  })

  it('W3: the epoch at a registrar size is the one that began last at or before it', () => {
    const epochs = epochsAfter([1], [1], [2], [2], [3], [4])
    expect([0, 1, 2, 3, 4, 5, 99].map((size) => epochs.at(size).number)).to.deep.equal([0, 0, 1, 1, 2, 3, 3])
  })

  it('W4: with witnesses, registrar blocks count once final, over one change after the other', () => {
    const epochs = epochsAfter([1], [1], [2], [3], [3])
    expect([0, 1, 2, 3, 4].map((final) => epochs.counted(4, final))).to.deep.equal([0, 1, 2, 3, 4])
    expect(epochs.counted(2, 4), 'no more than is held').to.equal(2)
  })

  it('W4: without witnesses they count once accepted, the change that ends the epoch included', () => {
    const beginning = epochsAfter([], [], [1], [1], [1])
    expect([0, 2, 3].map((final) => beginning.counted(4, final))).to.deep.equal([2, 2, 3])
    expect(epochsAfter([], [], []).counted(2, 0)).to.equal(2)
    const between = epochsAfter([1], [1], [], [], [2], [2])
    expect([0, 1, 2, 4, 5].map((final) => between.counted(5, final))).to.deep.equal([0, 1, 4, 4, 5])
    expect(between.counted(3, 2)).to.equal(3)
  })
})
