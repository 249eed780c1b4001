import { expect } from 'chai'
import { Neighbourhood } from '../harness/neighbourhood.ts'

describe('replication', () => {
  let all: Neighbourhood | undefined

  afterEach(async () => {
    await all?.stop()
    all = undefined
  })

  it('a sealed block reaches every node by gossip', async () => {
    all = await Neighbourhood.create({ meters: 5, settings: { gossip: 'on' } })
    await all.start()
    await all.take('meter-1')
    await all.untilAgreed(1, 30_000)
    expect(all.frontier('meter-4')).to.deep.equal([0, 1, 0, 0, 0, 0])
  })

  it('a sealed block reaches every node with gossip switched off altogether', async () => {
    all = await Neighbourhood.create({ meters: 5, settings: { gossip: 'off' } })
    await all.start()
    await all.take('meter-1', 3)
    await all.take('meter-2')
    await all.untilAgreed(2, 60_000)
  })

  it('a node that was off catches up alone', async () => {
    all = await Neighbourhood.create({ meters: 4, settings: { gossip: 'off', rowsAtOnce: 1, maxRows: 1 } })
    await all.start(4)
    const away = all.get('meter-4')
    await all.time.wait(away.node.stop())
    for (let i = 0; i < 40; i++) {
      await all.take('meter-1')
      await all.take('meter-2')
      await all.time.advance(60_000)
    }
    expect(all.frontier('meter-3')).to.deep.equal([0, 40, 40, 0, 0])
    await all.restart('meter-4')
    await all.link(4, 1)
    await all.untilAgreed(80, 120_000)
  })
})
