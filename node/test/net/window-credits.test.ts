import { expect } from 'chai'
import { MAX_HELD_CREDIT_BYTES, WindowCredits } from '../../net/window-credits.ts'

/** A yamux header: version, type, flags, stream, length. */
function header(type: number, flags: number, stream: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  bytes[1] = type
  view.setUint16(2, flags)
  view.setUint32(4, stream)
  view.setUint32(8, length)
  return bytes
}

const DATA = 0
const WINDOW_UPDATE = 1
const PING = 2
const SYN = 1

describe('window credits', () => {
  it('of one stream are added up, and released as one update a stream', () => {
    const credits = new WindowCredits()
    for (const [stream, bytes] of [
      [1, 100],
      [3, 7],
      [1, 0xffff],
    ] as const) {
      expect(credits.take(header(WINDOW_UPDATE, 0, stream, bytes))).to.equal(true)
    }
    expect(credits.release()).to.deep.equal([header(WINDOW_UPDATE, 0, 1, 100 + 0xffff), header(WINDOW_UPDATE, 0, 3, 7)])
    expect(credits.release()).to.deep.equal([])
  })

  it('are due once they come to a quarter of the smallest window', () => {
    const credits = new WindowCredits()
    credits.take(header(WINDOW_UPDATE, 0, 1, MAX_HELD_CREDIT_BYTES - 1))
    expect(credits.isDue).to.equal(false)
    credits.take(header(WINDOW_UPDATE, 0, 3, 1))
    expect(credits.isDue).to.equal(true)
    credits.release()
    expect(credits.isDue).to.equal(false)
  })

  it('are nothing else: what opens a stream, carries data or asks for an answer goes on', () => {
    const credits = new WindowCredits()
    for (const frame of [
      header(WINDOW_UPDATE, SYN, 1, 0),
      header(WINDOW_UPDATE, 0x100, 1, 0),
      header(DATA, 0, 1, 0),
      header(PING, SYN, 0, 1),
      new Uint8Array(24),
      { byteLength: 12 },
    ]) {
      expect(credits.take(frame)).to.equal(false)
    }
    expect(credits.release()).to.deep.equal([])
  })
})
