import { expect } from 'chai'
import { LEAST_CARRIED_CREDIT_BYTES, MAX_HELD_CREDIT_BYTES, MAX_HELD_STREAMS, WindowCredits } from '../../net/window-credits.ts'

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
      [1, MAX_HELD_CREDIT_BYTES],
    ] as const) {
      expect(credits.take(header(WINDOW_UPDATE, 0, stream, bytes))).to.equal(true)
    }
    const sum = 100 + MAX_HELD_CREDIT_BYTES
    expect(credits.release()).to.deep.equal([header(WINDOW_UPDATE, 0, 1, sum), header(WINDOW_UPDATE, 0, 3, 7)])
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

  it('go with what is sent anyway once a stream has some size of them, and no sooner', () => {
    const credits = new WindowCredits()
    credits.take(header(WINDOW_UPDATE, 0, 1, LEAST_CARRIED_CREDIT_BYTES - 1))
    credits.take(header(WINDOW_UPDATE, 0, 3, LEAST_CARRIED_CREDIT_BYTES - 1))
    expect(credits.release()).to.deep.equal([])
    credits.take(header(WINDOW_UPDATE, 0, 3, 1))
    expect(credits.release()).to.deep.equal([header(WINDOW_UPDATE, 0, 3, LEAST_CARRIED_CREDIT_BYTES)])
    expect(credits.release()).to.deep.equal([])
    credits.take(header(WINDOW_UPDATE, 0, 1, 1))
    expect(credits.release()).to.deep.equal([header(WINDOW_UPDATE, 0, 1, LEAST_CARRIED_CREDIT_BYTES)])
  })

  it('are held of a bounded number of streams', () => {
    const credits = new WindowCredits()
    for (let stream = 1; stream < MAX_HELD_STREAMS; stream++) credits.take(header(WINDOW_UPDATE, 0, stream, 1))
    expect([credits.isDue, credits.release()]).to.deep.equal([false, []])
    credits.take(header(WINDOW_UPDATE, 0, MAX_HELD_STREAMS, 1))
    expect([credits.isDue, credits.release().length, credits.isDue]).to.deep.equal([true, MAX_HELD_STREAMS, false])
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
