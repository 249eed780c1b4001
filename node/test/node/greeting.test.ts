import { expect } from 'chai'
import { Neighbourhood } from '../harness/neighbourhood.ts'

describe('greeting again', () => {
  it('W14: ends every channel, and each neighbour greets on another one', async () => {
    const all = await Neighbourhood.create({ meters: 2 })
    await all.start(2)
    await all.time.advance(10_000)
    const { sync } = all.get('meter-1').node
    const before = [...sync.sessions]
    expect(before.map(({ hello }) => hello?.agent)).to.deep.equal(before.map(() => 'test'))
    expect(before).to.have.length(2)
    sync.greetAgain()
    expect([...sync.sessions]).to.deep.equal([])
    await all.time.advance(10_000)
    const after = [...sync.sessions]
    expect(after.map(({ peerHex }) => peerHex).toSorted()).to.deep.equal(before.map(({ peerHex }) => peerHex).toSorted())
    expect(after.every((session) => session.hello !== undefined && !before.includes(session))).to.equal(true)
    await all.stop()
  })
})
