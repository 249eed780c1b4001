import { expect } from 'chai'
import type { SignedAttestation } from '../../../protocol/index.ts'
import { MAX_WAITING, WaitingAttestations } from '../../witness/waiting-attestations.ts'

const LACKING_MS = 1_000

interface Word {
  readonly attestation: SignedAttestation
}

/** Only its sequence is looked at. */
const word = (sequence: number): Word => ({ attestation: { sequence } as SignedAttestation })
const sequences = (words: readonly Word[]): number[] => words.map(({ attestation }) => attestation.sequence)

describe('attestations that wait for blocks', () => {
  it('are not in want while a witness speaks on and its words find their blocks', () => {
    const room = new WaitingAttestations<Word>(LACKING_MS)
    expect([room.isEmpty, room.lackingInMs(0)]).to.deep.equal([true, undefined])
    for (let sequence = 1; sequence <= 20; sequence++) {
      const nowMs = sequence * 400
      room.add('w', word(sequence), nowMs)
      // Each finds its blocks when two more have been said.
      expect(sequences(room.takeReady(({ attestation }) => attestation.sequence <= sequence - 2))).to.deep.equal(
        sequence > 2 ? [sequence - 2] : [],
      )
      expect(room.takeLacking(nowMs)).to.deep.equal([])
      expect(room.lackingInMs(nowMs)).to.equal(LACKING_MS - (sequence > 1 ? 400 : 0))
    }
  })

  it('are in want once none has found its blocks for so long, however many were said: the newest stands for all', () => {
    const room = new WaitingAttestations<Word>(LACKING_MS)
    room.add('other', word(100), 600)
    for (let sequence = 1; sequence <= 3 * MAX_WAITING; sequence++) room.add('w', word(sequence), sequence * 50)
    const newest = 3 * MAX_WAITING
    expect([room.lackingInMs(700), room.lackingInMs(9_000)]).to.deep.equal([350, 0])
    expect(room.takeLacking(1_049)).to.deep.equal([])
    expect(sequences(room.takeLacking(1_050))).to.deep.equal([newest])
    expect(sequences(room.takeLacking(1_600))).to.deep.equal([100])
    expect(room.takeLacking(2_049)).to.deep.equal([])
    expect(sequences(room.takeLacking(2_050))).to.deep.equal([newest])
  })

  it('one that finds its blocks after another was given brings none forward, nor takes the time of one that waits', () => {
    const room = new WaitingAttestations<Word>(LACKING_MS)
    for (const [sequence, nowMs] of [
      [2, 0],
      [3, 400],
      [4, 800],
      // Late, and before all others by its number.
      [1, 900],
    ] as const) {
      room.add('w', word(sequence), nowMs)
    }
    expect(sequences(room.takeLacking(1_000))).to.deep.equal([4])
    room.takeReady(({ attestation }) => attestation.sequence === 2)
    expect([room.takeLacking(1_999), room.lackingInMs(1_999)]).to.deep.equal([[], 1])
    expect(sequences(room.takeLacking(2_000))).to.deep.equal([4])
    const other = new WaitingAttestations<Word>(LACKING_MS)
    other.add('w', word(2), 0)
    other.add('w', word(3), 100)
    other.add('w', word(1), 800)
    other.takeReady(({ attestation }) => attestation.sequence === 2)
    expect(sequences(other.takeLacking(1_100))).to.deep.equal([3])
  })

  it('one whose leaves were told is in want of nothing', () => {
    const room = new WaitingAttestations<Word>(LACKING_MS)
    const [one, two] = [word(1), word(2)]
    room.add('w', one, 0)
    room.add('w', two, 500)
    room.delete('w', one)
    room.delete('other', two)
    expect([sequences(room.all()), room.lackingInMs(500)]).to.deep.equal([[2], LACKING_MS])
    room.delete('w', two)
    expect(room.isEmpty).to.equal(true)
  })

  it('are given at the time that was told, whatever fractions a clock has', () => {
    for (const nowMs of [0.1, 1e9 + 1 / 3, 2 ** 40 + 0.7]) {
      const room = new WaitingAttestations<Word>(LACKING_MS / 3)
      room.add('w', word(1), nowMs)
      const later = nowMs + (room.lackingInMs(nowMs) as number)
      expect(sequences(room.takeLacking(later))).to.deep.equal([1])
      expect(room.lackingInMs(later)).to.be.above(0)
    }
  })

  it('stay a bounded number of each witness, the newest by sequence, each once', () => {
    const room = new WaitingAttestations<Word>(LACKING_MS)
    const last = word(9)
    for (const each of [last, word(3), word(7), word(1), last, word(8)]) room.add('w', each, 0)
    expect(sequences(room.all())).to.deep.equal([3, 7, 8, 9])
    expect(room.all()).to.have.length(MAX_WAITING)
    expect(sequences(room.takeReady(() => true))).to.deep.equal([3, 7, 8, 9])
    expect(room.isEmpty).to.equal(true)
    room.add('w', last, 0)
    room.clear()
    expect([room.isEmpty, room.takeLacking(5_000)]).to.deep.equal([true, []])
  })

  it('one that is ahead and finds its blocks takes nothing from one that does not', () => {
    const room = new WaitingAttestations<Word>(LACKING_MS)
    room.add('w', word(1), 0)
    room.add('w', word(2), 500)
    expect(sequences(room.takeReady(({ attestation }) => attestation.sequence === 2))).to.deep.equal([2])
    expect(sequences(room.takeLacking(1_000))).to.deep.equal([1])
  })
})
