import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { FrameFiles } from '../../cli/frame-files.ts'
import { FrameCounts, formatFrameLine } from '../../cli/frame-text.ts'
import type { FrameLine } from '../../control/index.ts'

const LINE: FrameLine = {
  time: '2026-01-01T00:00:00Z',
  source: null,
  format: null,
  bytes: 3,
  sha256: 'ab'.repeat(32),
  state: 'matches',
  block: { height: 5, hash: 'cd'.repeat(32), sealedAt: '2026-01-01T00:15:00.000Z', final: true },
  proof: null,
  registers: [],
  signature: null,
}
const DAMAGED: FrameLine = { ...LINE, bytes: null, sha256: null, state: 'damaged' }

function counted(...lines: readonly FrameLine[]): FrameCounts {
  const counts = new FrameCounts()
  for (const line of lines) counts.add(line)
  return counts
}

describe('what is said of raw frames', () => {
  it('a line for each: what it is, where it is, whether it is what was sealed', () => {
    const head = '2026-01-01T00:00:00Z  unknown format  3 bytes  sha256 abababababababab  block 5 final  '
    for (const [more, text] of [
      [{}, `${head}matches`],
      [{ state: 'differs' }, `${head}DIFFERS: the block holds other frames`],
      [{ state: 'pruned' }, `${head}not provable: what the block said is pruned`],
      [{ signature: { state: 'no-key' } }, `${head}matches  signature not checked: no key`],
      [{ signature: { state: 'wrong', words: 'why' } }, `${head}matches  SIGNATURE WRONG: why`],
    ] as const) {
      expect(formatFrameLine({ ...LINE, ...more })).to.equal(text)
    }
    expect(formatFrameLine({ ...DAMAGED, block: null, source: 'p1:x' })).to.equal(
      '2026-01-01T00:00:00Z  unknown format  DAMAGED in the store  p1:x',
    )
  })

  it('a sum of all, wrong where one is', () => {
    expect(counted(LINE, LINE).text).to.equal('2 frames: 2 in their blocks as they are')
    const sum = counted(
      LINE,
      { ...LINE, state: 'unknown', signature: { state: 'no-key' } },
      { ...LINE, state: 'waits', signature: { state: 'no-key' } },
    )
    expect(sum.text).to.equal(
      '3 frames: 1 in its block as it is, 1 not provable: its block is not known, 1 waiting for a block, ' +
        '2 signatures not checked for want of a key',
    )
    expect([sum.wrong, counted(DAMAGED).wrong, counted({ ...LINE, state: 'differs' }).wrong]).to.deep.equal([false, true, true])
    expect(counted({ ...LINE, signature: { state: 'wrong' } }).wrong).to.equal(true)
    const lost = counted({ ...LINE, state: 'no-block' })
    expect([lost.text, lost.wrong]).to.deep.equal(['1 frame: 1 not provable: ITS BLOCK IS DAMAGED OR NOT HELD', true])
  })

  it('what cannot be read becomes no file, and is told', async () => {
    const directory = join(tmpdir(), `wattness-frames-${process.pid}`)
    try {
      const files = new FrameFiles(directory)
      await files.take(DAMAGED)
      await files.take({ ...LINE, frame: 'AQID' })
      expect(files.text).to.equal(`${directory}: 1 written, 1 CANNOT BE READ`)
      await files.take({ ...LINE, frame: 'AQID' })
      expect(files.text).to.equal(`${directory}: 1 written, 1 there already, 1 CANNOT BE READ`)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
