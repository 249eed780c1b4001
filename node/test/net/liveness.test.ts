import type { Connection } from '@libp2p/interface'
import { expect } from 'chai'
import { Liveness, proveAlive } from '../../net/liveness.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { codeOf } from './world.ts'

const TIMEOUT_MS = 1_000

/** A connection on which no stream ever opens, or each opens and echoes. */
function connectionThat(answers: () => boolean): { connection: Connection; pings: number; aborted: Error[] } {
  const seen = { pings: 0, aborted: [] as Error[] }
  const stream = () => {
    const target = new EventTarget()
    return Object.assign(target, {
      send: (data: Uint8Array) => void target.dispatchEvent(Object.assign(new Event('message'), { data })),
      close: async () => undefined,
      abort: () => undefined,
    })
  }
  const connection = {
    status: 'open',
    newStream: (_protocol: string, { signal }: { signal: AbortSignal }) => {
      seen.pings++
      if (answers()) return Promise.resolve(stream())
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
    abort: (error: Error) => void seen.aborted.push(error),
  }
  return Object.assign(seen, { connection: connection as unknown as Connection })
}

describe('liveness', () => {
  let time: VirtualTime

  beforeEach(() => {
    time = new VirtualTime()
  })

  it('LINK_LOST: nothing came back in time', async () => {
    const { connection } = connectionThat(() => false)
    const proof = codeOf(proveAlive(connection, time.platform(seededRandom(1)), TIMEOUT_MS))
    expect(await time.wait(proof)).to.equal('LINK_LOST')
    expect(time.clock.monotonicMs()).to.equal(TIMEOUT_MS)
  })

  it("fails once where the stream is closed before the ping goes out: its end is nobody else's to hear of", async () => {
    const target = new EventTarget()
    const closed = new Error('the stream is closed')
    const stream = Object.assign(target, {
      send: () => {
        throw closed
      },
      abort: (error: Error) => void target.dispatchEvent(Object.assign(new Event('close'), { error })),
    })
    const connection = { status: 'open', newStream: async () => stream } as unknown as Connection
    const unheard: unknown[] = []
    const hear = (error: unknown): void => void unheard.push(error)
    process.on('unhandledRejection', hear)
    try {
      const proof = proveAlive(connection, time.platform(seededRandom(1)), TIMEOUT_MS).catch((error: unknown) => error)
      expect(await proof).to.equal(closed)
      // Node tells of a rejection that nobody took once the microtasks are through.
      await new Promise((resolve) => setImmediate(resolve))
      expect(unheard).to.deep.equal([])
    } finally {
      process.off('unhandledRejection', hear)
    }
  })

  it('asks again when the process itself stood still: the answer may wait unread', async () => {
    const platform = time.platform(seededRandom(1))
    let stalledMs = 0
    const clock = { ...platform.clock, monotonicMs: () => time.clock.monotonicMs() + stalledMs }
    let isAwake = false
    const peer = connectionThat(() => isAwake)
    const proof = codeOf(proveAlive(peer.connection, { ...platform, clock }, TIMEOUT_MS))
    stalledMs = 21_000
    isAwake = true
    expect(await time.wait(proof)).to.equal(undefined)
    expect(peer.pings).to.equal(2)
  })

  const livenessOf = (
    connection: Connection,
    onAlive: () => void,
    heardMs: () => number = () => Number.NEGATIVE_INFINITY,
  ): Liveness => {
    const platform = time.platform(seededRandom(1))
    return new Liveness({ connection, platform, intervalMs: 10_000, timeoutMs: TIMEOUT_MS, heardMs, onAlive })
  }

  it('N9: does not ping while something comes over the channel, and no later than without it once nothing does', async () => {
    const peer = connectionThat(() => false)
    let heardMs = Number.NEGATIVE_INFINITY
    let alive = 0
    const liveness = livenessOf(
      peer.connection,
      () => alive++,
      () => heardMs,
    )
    liveness.start()
    for (let second = 0; second < 60; second++) {
      heardMs = time.clock.monotonicMs()
      await time.advance(1_000)
    }
    expect(peer.pings).to.equal(0)
    expect(alive).to.be.within(4, 8)
    await time.advance(12_500)
    expect(peer.aborted).to.have.length(1)
    liveness.stop()
    await time.run()
  })

  it('N9: pings again and again, and cuts a connection that falls silent', async () => {
    let answers = true
    const peer = connectionThat(() => answers)
    let alive = 0
    const liveness = livenessOf(peer.connection, () => alive++)
    liveness.start()
    await time.advance(60_000)
    expect(alive).to.be.within(4, 8)
    expect(peer.aborted).to.have.length(0)
    answers = false
    await time.advance(14_000)
    expect(peer.aborted).to.have.length(1)
    liveness.stop()
    await time.run()
  })
})
