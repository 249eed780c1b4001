import { expect } from 'chai'
import type { Bytes } from '../../../protocol/index.ts'
import { Gatherer, MAX_GATHERED } from '../../sync/gatherer.ts'
import type { Outcome } from '../../validate/index.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

const GATHER_MS = 20

describe('the gatherer', () => {
  function stand() {
    const time = new VirtualTime()
    const submitted: number[] = []
    const submit = (run: Bytes): Promise<Outcome> => {
      submitted.push(run.length)
      return Promise.resolve({ verdict: 'ignore', code: `${run.length}`, message: '', data: {} })
    }
    return { time, submitted, gatherer: new Gatherer({ timers: time.timers, gatherMs: GATHER_MS, submit }) }
  }

  it('hands small runs over together, in order, and each its own answer', async () => {
    const { time, submitted, gatherer } = stand()
    const answers = Promise.all([100, 200, 300].map((size) => gatherer.submit(new Uint8Array(size))))
    await time.advance(GATHER_MS - 1)
    expect(submitted).to.deep.equal([])
    await time.advance(1)
    expect(submitted).to.deep.equal([100, 200, 300])
    expect((await answers).map((outcome) => outcome.verdict === 'ignore' && outcome.code)).to.deep.equal(['100', '200', '300'])
    expect(time.pending).to.equal(0)
  })

  it('holds up nothing that is large', () => {
    const { submitted, gatherer } = stand()
    void gatherer.submit(new Uint8Array(5_000))
    expect(submitted).to.deep.equal([5_000])
  })

  it('keeps a bounded number of runs', () => {
    const { time, submitted, gatherer } = stand()
    for (let i = 0; i < MAX_GATHERED + 1; i++) void gatherer.submit(new Uint8Array(100))
    expect(submitted).to.have.length(MAX_GATHERED)
    gatherer.flush()
    expect(submitted).to.have.length(MAX_GATHERED + 1)
    expect(time.pending).to.equal(0)
  })
})
