import { expect } from 'chai'
import fc from 'fast-check'
import { type Bytes, concat, toHex } from '../bytes.ts'
import { encodeRun, peekRun } from '../run.ts'
import { VERDICTS } from '../verdict.ts'
import { branch, meter, show } from './door-setting.ts'

/** Two stories of one author: the door may take either, from wherever it stands, and nothing else. */
const other = branch(2, 3)
const stories = [meter, other]

const valid: readonly Bytes[] = [
  meter.run(0, 1),
  meter.run(0, 5),
  meter.run(2, 4),
  meter.run(4, 5),
  other.run(0, 5),
  other.run(3, 5),
  await meter.coveredRun(0, 2),
  await meter.coveredRun(2, 4),
  await other.coveredRun(1, 3),
]

const anyRun = fc.constantFrom(...valid)
const anyHeld = fc.nat({ max: 5 })
/** Index into `stories`. */
const anyStory = fc.nat({ max: 1 })

type Change = (run: Bytes) => Bytes

const spliceOf =
  (at: number, drop: number, added: Bytes): Change =>
  (run) => {
    const from = at % (run.length + 1)
    return concat(run.subarray(0, from), added, run.subarray(Math.min(from + drop, run.length)))
  }

const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })).map(
    ([at, bit]): Change =>
      (run) => {
        const out = run.slice()
        if (out.length > 0) out[at % out.length] = (out[at % out.length] as number) ^ (1 << bit)
        return out
      },
  ),
  fc.tuple(fc.nat(), fc.nat({ max: 40 }), fc.uint8Array({ maxLength: 40 })).map(([at, drop, added]) => spliceOf(at, drop, added)),
  fc.nat().map(
    (length): Change =>
      (run) =>
        run.subarray(0, length % (run.length + 1)),
  ),
  // A piece of another valid run in its place: every part is genuine, the whole is not.
  fc.tuple(anyRun, fc.nat(), fc.nat({ max: 300 })).map(
    ([source, at, length]): Change =>
      (run) => {
        const from = at % Math.min(source.length, run.length)
        return concat(run.subarray(0, from), source.subarray(from, from + length), run.subarray(from + length))
      },
  ),
)

/** Shows `run` to a node that holds `held` blocks of `holder`: whatever it takes is one of the two stories. */
function isTaken(run: Bytes, held: number, holder = meter): boolean {
  const known = held > 0 ? holder.known(held) : undefined
  const { result } = show(run, { chain: holder.state(held), known })
  if (result.verdict !== 'accept') {
    expect(result.code).to.not.equal('UNEXPECTED')
    expect(Object.keys(VERDICTS)).to.include(result.code)
    return false
  }
  const { state, blocks, from } = result
  const { size, checkpoint } = state
  if (checkpoint === undefined) return expect.fail('accepted without a checkpoint')
  const story = stories.find((each) => toHex(each.checkpoint(checkpoint.size).root) === toHex(checkpoint.root))
  if (story === undefined) return expect.fail('accepted a root that the author never signed')
  expect(from).to.equal(held)
  expect(blocks.map(({ bytes }) => toHex(bytes))).to.deep.equal(story.bytes(held, size).map(toHex))
  expect({ ...state, checkpoint }).to.deep.equal({ ...story.state(size), checkpoint })
  expect(checkpoint).to.deep.equal(story.checkpoint(checkpoint.size))
  expectNobodyPays(run)
  return true
}

/** Rule V21: whatever another honest node holds, it does not reject what one of them passes on. */
function expectNobodyPays(run: Bytes): void {
  const { end } = peekRun(run)
  for (const story of stories) {
    for (let held = 0; held <= story.size; held++) {
      const known = end <= held ? story.known(end) : undefined
      const { result } = show(run, { chain: story.state(held), known })
      expect(result.verdict, `${held} held`).to.not.equal('reject')
    }
  }
}

describe('the door, made-up input', () => {
  it('V21: the runs that are changed here are accepted unchanged', () => {
    const taken = valid.map((run) => stories.some((holder) => [0, 2, 3, 4].some((held) => isTaken(run, held, holder))))
    expect(taken).to.deep.equal(valid.map(() => true))
  })

  it('V20, V21: changed runs are never more than refused, and what is accepted is what the author signed', () => {
    const changes = fc.array(anyChange, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(anyRun, anyHeld, anyStory, changes, (run, held, story, changes) => {
        let bytes = run
        for (const change of changes) bytes = change(bytes)
        isTaken(bytes, held, stories[story])
      }),
      { numRuns: 1_500 },
    )
  })

  it('every byte of a run counts, those of blocks that are held too: none can be another', async () => {
    for (const [run, held] of [
      [meter.run(2, 4), 2],
      [meter.run(2, 5), 4],
      [await meter.coveredRun(2, 4), 3],
    ] as const) {
      expect(isTaken(run, held)).to.equal(true)
      for (let at = 0; at < run.length; at++) {
        const changed = run.slice()
        changed[at] = (changed[at] as number) ^ (1 << (at % 8))
        expect(isTaken(changed, held), `byte ${at}`).to.equal(false)
      }
    }
  })

  it('V21: genuine blocks in any order and number under any genuine end', async () => {
    const blocks = [...meter.bytes(0, 5), ...other.bytes(2, 5)]
    const ends = [1, 3, 5].flatMap((size) => stories.map((story) => ({ type: 'signed' as const, ...story.checkpoint(size) })))
    const covered = await Promise.all([1, 2, 4].flatMap((end) => stories.map((story) => story.coveredEnd(end))))
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...blocks), { minLength: 1, maxLength: 6 }),
        fc.constantFrom(...ends, ...covered),
        anyHeld,
        anyStory,
        (chosen, end, held, story) => void isTaken(encodeRun(chosen, end), held, stories[story]),
      ),
      { numRuns: 1_500 },
    )
  })
})
