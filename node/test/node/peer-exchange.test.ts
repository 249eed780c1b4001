import { expect } from 'chai'
import { Neighbourhood } from '../harness/neighbourhood.ts'

describe('peer exchange', () => {
  let all: Neighbourhood | undefined

  afterEach(async () => {
    await all?.stop()
    all = undefined
  })

  it('who came first learns of who came later by the next cross-check, and everybody links to everybody', async () => {
    all = await Neighbourhood.create({ meters: 4 })
    const { nodes, time } = all
    for (const { node } of nodes) await time.wait(node.start())
    for (let late = 1; late < nodes.length; late++) {
      await all.link(late, 0)
      await time.advance(5_000)
    }
    await time.until(() => nodes.every(({ node }) => node.network.links().length === nodes.length - 1), 120_000, 'a full mesh')
    expect(nodes.map(({ node }) => node.knownAddresses().length)).to.deep.equal(nodes.map(() => nodes.length - 1))
  })
})
