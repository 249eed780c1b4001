import { expect } from 'chai'
import { between, choose, FAULTS, LASTS_MS } from './faults.ts'
import { risesOf, Samples } from './soak.ts'

const HOUR_MS = 3_600_000
const STILL = { heap: 50, code: 10, memory: 100, handles: 33, disk: 1, lag: 0, finalLag: 3 }

describe('a soak', () => {
  it('finds a heap that rises, and not the chains’ own growth on the disk', () => {
    const samples = new Samples()
    for (let i = 0; i < 60; i++) samples.add(i * 60_000, { ...STILL, heap: 50 + i / 10, disk: i })
    const found = risesOf('meter-1', samples.trends(0), HOUR_MS)
    expect(found).to.have.length(1)
    expect(found[0]).to.match(/^meter-1: heap rises by 6\.\d+ an hour/)
  })

  it('finds a heap that rises by little, and surely, where a soak is long', () => {
    const samples = new Samples()
    const noise = [0, 0.1, 0.05, 0.12, 0.02]
    for (let i = 0; i < 120; i++) samples.add(i * 10_000, { ...STILL, heap: 45 + i / 100 + (noise[i % 5] as number) })
    expect(risesOf('meter-1', samples.trends(0), HOUR_MS / 3)).to.have.length(1)
    const still = new Samples()
    for (let i = 0; i < 120; i++) still.add(i * 10_000, { ...STILL, heap: 45 + (noise[i % 5] as number), code: 8 + i / 10 })
    expect(risesOf('meter-1', still.trends(0), HOUR_MS / 3)).to.deep.equal([])
  })

  it('takes a write buffer that fills for none', () => {
    const samples = new Samples()
    for (let i = 0; i < 60; i++) samples.add(i * 60_000, { ...STILL, memory: 100 + i / 8 })
    expect(risesOf('meter-1', samples.trends(0), HOUR_MS)).to.deep.equal([])
  })

  it('looks only at what came after the warm-up', () => {
    const samples = new Samples()
    for (let i = 0; i < 90; i++) samples.add(i * 60_000, { ...STILL, heap: Math.min(120, 20 + i * 2) })
    expect(risesOf('meter-1', samples.trends(0), 1.5 * HOUR_MS)).to.have.length(1)
    expect(risesOf('meter-1', samples.trends(50 * 60_000), HOUR_MS)).to.deep.equal([])
  })

  it('keeps a bounded number of samples', () => {
    const samples = new Samples()
    for (let i = 0; i < Samples.MOST; i++) samples.add(i, STILL)
    samples.add(Samples.MOST, { ...STILL, heap: 1 })
    expect(samples.trends(Samples.MOST - 1).heap).to.equal(undefined)
    expect(samples.trends(0).heap?.level).to.equal(50)
  }).timeout(20_000)

  it('draws every fault, each for a time within its bounds', () => {
    expect([0, 0.3, 0.6, 0.999].map((share) => choose(FAULTS, share))).to.deep.equal([...FAULTS])
    for (const fault of FAULTS) {
      const [least, most] = LASTS_MS[fault]
      expect([between(LASTS_MS[fault], 0), between(LASTS_MS[fault], 1)]).to.deep.equal([least, most])
    }
  })
})
