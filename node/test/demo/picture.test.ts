import { expect } from 'chai'
import { isConnected } from '../../demo/picture.ts'
import { picture, report } from './pictures.ts'

describe('the picture of a demonstration', () => {
  const states = (each: ReturnType<typeof picture>): string[] => each.rows.map(({ state }) => state)

  it('agreed: all hold every block that anybody holds, under one heads root', () => {
    const all = picture(['a', 'b', 'c'].map((name) => report(name, { frontier: [0, 4, 3], readings: 5 })))
    expect(all).to.deep.include({ agreed: true, blocks: 7, readings: 15, frontier: [0, 4, 3], headsRoot: 'aaaaaaaaaaaa' })
    expect(states(all)).to.deep.equal(['equal', 'equal', 'equal'])
  })

  it('behind: each counts what it lacks of what is held anywhere', () => {
    const all = picture([report('a', { frontier: [0, 4] }), report('b', { frontier: [2, 3], headsRoot: 'b' })])
    expect(all.frontier).to.deep.equal([2, 4])
    expect(all.rows.map(({ behind }) => behind)).to.deep.equal([2, 1])
    expect([all.agreed, all.headsRoot]).to.deep.equal([false, undefined])
  })

  it('different: it holds as many blocks and has another heads root than most', () => {
    const all = picture([report('a', { headsRoot: 'b' }), report('b'), report('c')])
    expect(states(all)).to.deep.equal(['different', 'equal', 'equal'])
    expect(all).to.deep.include({ agreed: false, headsRoot: 'aaaaaaaaaaaa' })
  })

  it('different: a chain has another root than on most nodes that hold as much of it, whatever else is lacking', () => {
    const of = (name: string, size: number, root: string) =>
      report(name, { frontier: [0, size, name === 'd' ? 9 : 8], roots: ['', root, ''] })
    const all = picture([of('a', 4, 'x'), of('b', 4, 'x'), of('c', 4, 'y'), of('d', 3, 'z')])
    expect(states(all)).to.deep.equal(['behind', 'behind', 'different', 'behind'])
  })

  it('starting: a node that has not said a word is in the picture, and in the way of an agreement', () => {
    const all = picture([report('a')], { names: ['a', 'b'] })
    expect(states(all)).to.deep.equal(['equal', 'starting'])
    expect(all.agreed).to.equal(false)
  })

  it('ended: the blocks of a dead node count as known, and there is no agreement without it', () => {
    const all = picture([report('a', { frontier: [1] }), report('b', { frontier: [2] })], { dead: { b: 'signal SIGKILL' } })
    expect(states(all)).to.deep.equal(['behind', 'ended'])
    expect(all).to.deep.include({ agreed: false, isSettled: false, blocks: 2 })
  })

  it('silent: what a node said before does not count for an agreement', () => {
    const all = picture([report('a'), report('b')], { silent: ['b'] })
    expect(states(all)).to.deep.equal(['equal', 'silent'])
    expect(all).to.deep.include({ agreed: false, isSettled: false })
  })

  it('settled: all who live agree, and nothing comes of waiting for the dead', () => {
    const all = picture([report('a', { frontier: [2] }), report('b', { frontier: [1] })], { dead: { b: 'signal SIGKILL' } })
    expect(all).to.deep.include({ agreed: false, isSettled: true })
  })

  const final = (name: string, size: number, more = {}) =>
    report(name, { frontier: [0, 4], final: [0, size], finalRoots: ['', `root ${size}`], witnesses: 4, ...more })

  it('final: the most that any node knows, and each lacks what another knows', () => {
    const all = picture([final('a', 4), final('b', 3)])
    expect(all).to.deep.include({ final: [0, 4], finalBlocks: 4, witnesses: 4, agreed: false, isSettled: false })
    expect(all.rows.map((row) => [row.state, row.final, row.finalBehind])).to.deep.equal([
      ['equal', 4, 0],
      ['equal', 3, 1],
    ])
    expect(picture([final('a', 4), final('b', 4)])).to.deep.include({ agreed: true, isSettled: true })
  })

  it('different: it has another root for what is final', () => {
    expect(states(picture([final('a', 4), final('b', 4), final('c', 4, { finalRoots: ['', 'other'] })]))).to.deep.equal([
      'equal',
      'equal',
      'different',
    ])
  })

  it('not settled while something may still become final; settled where the witnesses for it have ended', () => {
    const some = ['a', 'b', 'c', 'd', 'e'].map((name) => final(name, 3, { isWitness: name !== 'e' }))
    expect(picture(some)).to.deep.include({ agreed: true, isSettled: false })
    expect(picture(some, { dead: { a: 'signal SIGKILL' } }).isSettled).to.equal(false)
    expect(picture(some, { dead: { a: 'signal SIGKILL', b: 'signal SIGKILL' } }).isSettled).to.equal(true)
    expect(picture(some.map((each) => ({ ...each, witnesses: 0 }))).isSettled).to.equal(true)
  })

  it('a node that knows of more members than another compares with it all the same', () => {
    expect(picture([report('a', { frontier: [0, 1, 0] }), report('b', { frontier: [0, 1] })]).frontier).to.deep.equal([0, 1, 0])
  })

  it('nothing is agreed by nobody, and gossip is unknown before any word', () => {
    expect(picture([])).to.deep.include({ agreed: false, gossipsBlocks: undefined })
    expect(picture([report('a', { gossipsBlocks: false })]).gossipsBlocks).to.equal(false)
  })
})

describe('all are connected', () => {
  const linked = (name: string, ...peers: string[]) => report(name, { peers: peers.map((peer) => `key of ${peer}`) })

  it('where everybody can be reached from everybody', () => {
    expect(isConnected(picture([linked('a', 'b'), linked('b', 'a', 'c'), linked('c', 'b')]))).to.equal(true)
    expect(isConnected(picture([linked('a')]))).to.equal(true)
  })

  it('not while there are two groups, or a node is alone or silent', () => {
    expect(isConnected(picture([linked('a', 'b'), linked('b', 'a'), linked('c', 'd'), linked('d', 'c')]))).to.equal(false)
    expect(isConnected(picture([linked('a', 'b'), linked('b', 'a'), linked('c')]))).to.equal(false)
    expect(isConnected(picture([linked('a', 'b'), linked('b', 'a')], { names: ['a', 'b', 'c'] }))).to.equal(false)
    expect(isConnected(picture([]))).to.equal(false)
  })

  it('not by a link that only one end knows of, nor to a stranger', () => {
    expect(isConnected(picture([linked('a', 'b', 'x'), linked('b')]))).to.equal(false)
  })

  it('not while a node may not seal', () => {
    const held = report('b', { peers: ['key of a'], heldBack: 'no neighbour has said yet' })
    expect(isConnected(picture([linked('a', 'b'), held]))).to.equal(false)
  })
})
