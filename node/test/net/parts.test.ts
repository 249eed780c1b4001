import { expect } from 'chai'
import fc from 'fast-check'
import { backoffMs, randomFraction } from '../../net/backoff.ts'
import { FrameReader } from '../../net/frame-reader.ts'
import { FrameWriter } from '../../net/frame-writer.ts'
import { RejectLedger } from '../../net/reject-ledger.ts'
import { RequestGate } from '../../net/request-gate.ts'
import { SeenPayloads } from '../../net/seen-payloads.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

describe('frames', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 })

  it('come out as they went in, whatever the pieces of the writer and the chunks of the stream', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 97 }), fc.integer({ min: 1, max: 89 }), (sent, pieceBytes, chunkBytes) => {
        const writer = new FrameWriter(pieceBytes)
        for (const frame of sent) writer.push(frame)
        expect(writer.queuedBytes).to.equal(sent.reduce((sum, { length }) => sum + 4 + length, 0))
        const bytes: number[] = []
        for (let piece = writer.next(); piece !== undefined; piece = writer.next()) {
          expect(piece.length).to.be.at.most(pieceBytes)
          bytes.push(...piece)
        }
        const received: Uint8Array[] = []
        const reader = new FrameReader(300, 'peer', (frame) => received.push(frame))
        for (let at = 0; at < bytes.length; at += chunkBytes) reader.push(Uint8Array.from(bytes.slice(at, at + chunkBytes)))
        reader.end()
        expect(received).to.deep.equal(sent)
        expect(writer.queuedBytes).to.equal(0)
      }),
    )
  })

  it('are packed: many small ones make one piece', () => {
    const writer = new FrameWriter(65_507)
    for (let index = 0; index < 100; index++) writer.push(new Uint8Array(60))
    expect(writer.next()).to.have.length(6_400)
    expect(writer.next()).to.equal(undefined)
  })

  it('FRAME_TOO_LARGE: refused by their length, before a byte of them is held', () => {
    const reader = new FrameReader(1_000, 'peer', () => undefined)
    reader.push(Uint8Array.of(0, 0, 3))
    expect(() => reader.push(Uint8Array.of(0xe9)))
      .to.throw()
      .with.property('code', 'FRAME_TOO_LARGE')
  })

  it('take no room for what is only announced', () => {
    const reader = new FrameReader(1_000_000, 'peer', () => undefined)
    const before = process.memoryUsage().arrayBuffers
    for (let index = 0; index < 200; index++)
      new FrameReader(1_000_000, 'peer', () => undefined).push(Uint8Array.of(0, 15, 0, 0, 1))
    reader.push(Uint8Array.of(0, 15, 0, 0, 1))
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(201 * 70_000)
  })

  for (const [part, bytes] of [
    ['length', [0, 0]],
    ['frame', [0, 0, 0, 9, 1]],
  ] as const) {
    it(`FRAME_TRUNCATED: an end within the ${part}`, () => {
      const reader = new FrameReader(1_000, 'peer', () => undefined)
      reader.push(Uint8Array.from(bytes))
      expect(() => reader.end())
        .to.throw()
        .with.property('code', 'FRAME_TRUNCATED')
    })
  }
})

describe('reject ledger', () => {
  it('counts rejects and forgets them by half in ten minutes', async () => {
    const time = new VirtualTime()
    const ledger = new RejectLedger(time.clock)
    for (let index = 0; index < 8; index++) ledger.add('liar')
    expect(ledger.of('liar')).to.equal(8)
    expect(ledger.of('other')).to.equal(0)
    await time.advance(600_000)
    expect(ledger.of('liar')).to.be.closeTo(4, 0.001)
    await time.advance(7_200_000)
    expect(ledger.of('liar')).to.equal(0)
    expect(ledger.size).to.equal(0)
  })

  it('is bounded: the one that was quiet longest is forgotten', () => {
    const ledger = new RejectLedger(new VirtualTime().clock)
    for (let index = 0; index < 3_000; index++) ledger.add(`peer ${index}`)
    expect(ledger.size).to.equal(1_024)
    expect(ledger.of('peer 2999')).to.equal(1)
    expect(ledger.of('peer 0')).to.equal(0)
  })
})

describe('request gate', () => {
  it('lets in so many in all and so many of one peer, and again as they leave', () => {
    const gate = new RequestGate(3, 2)
    expect([gate.enter('a'), gate.enter('a'), gate.enter('a')]).to.deep.equal([true, true, false])
    expect([gate.enter('b'), gate.enter('c')]).to.deep.equal([true, false])
    gate.leave('a')
    expect([gate.enter('c'), gate.enter('c')]).to.deep.equal([true, false])
  })
})

describe('seen payloads', () => {
  it('remembers the newest and is bounded', () => {
    const seen = new SeenPayloads(3)
    expect(['a', 'b', 'a', 'c', 'd'].map((id) => seen.add(id))).to.deep.equal([true, true, false, true, true])
    expect(seen.size).to.equal(3)
    expect([seen.add('d'), seen.add('a')]).to.deep.equal([false, true])
  })
})

describe('back-off', () => {
  it('doubles up to its bound, with up to half of it taken off', () => {
    const random = seededRandom(1)
    for (let failures = 0; failures < 100; failures++) {
      const full = Math.min(60_000, 1_000 * 2 ** Math.min(failures, 30))
      expect(backoffMs(failures, 1_000, 60_000, random)).to.be.within(full / 2, full)
    }
  })

  it('draws fractions from 0 to below 1', () => {
    expect(randomFraction({ bytes: () => Uint8Array.of(0, 0, 0) })).to.equal(0)
    expect(randomFraction({ bytes: () => Uint8Array.of(255, 255, 255) })).to.be.below(1)
  })
})
