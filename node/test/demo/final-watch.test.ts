import { expect } from 'chai'
import { FinalWatch } from '../../demo/final-watch.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

describe('how long blocks take to become final', () => {
  let all: Neighbourhood

  beforeEach(async () => {
    all = await Neighbourhood.create({ meters: 2, witnesses: 1, settings: { attestDelayMs: 500, intervalMs: 1_000 } })
    await all.start()
  })
  afterEach(() => all.stop())

  async function seal(count: number): Promise<void> {
    const key = signerOf('meter-2').publicKey
    const { store } = all.get('registrar')
    for (let sealed = 0; sealed < count; sealed++) {
      const before = store.witness.final(key)?.size ?? 0
      await all.time.advance(60_000)
      await all.take('meter-2')
      await all.time.until(() => (store.witness.final(key)?.size ?? 0) > before, 60_000, 'one block more is final')
    }
  }

  it('each block counts once, from its sealing to its being final at this node', async () => {
    const watch = new FinalWatch(all.get('registrar').node, all.time.clock)
    await seal(2)
    await all.time.wait(watch.end())
    const lags = watch.take()
    expect(lags).to.have.length(2)
    for (const lag of lags) expect(lag).to.be.within(1, 2_000)
    expect(watch.take()).to.deep.equal([])
  })

  it('what was sealed before the start is left out', async () => {
    await all.take('meter-2')
    await all.time.until(() => all.get('meter-2').store.head(signerOf('meter-2').publicKey) !== undefined, 10_000, 'sealed')
    await all.time.advance(1)
    const watch = new FinalWatch(all.get('meter-1').node, all.time.clock)
    await all.time.advance(10_000)
    await all.time.wait(watch.end())
    expect(all.get('meter-1').store.witness.final(signerOf('meter-2').publicKey)?.size).to.equal(1)
    expect(watch.take()).to.deep.equal([])
  })

  it('no more are kept between two reports than the most', async () => {
    const watch = new FinalWatch(all.get('registrar').node, all.time.clock, 2)
    await seal(3)
    await all.time.wait(watch.end())
    expect(watch.take()).to.have.length(2)
  })
})
