import { expect } from 'chai'
import { type FinalityStatus, formatStatus, type RunningNode, type Status } from '../../control/index.ts'

const PEER = { key: 'ab', name: 'meter-2', address: '/memory/ab', direction: 'inbound', agreement: 'equal' } as const
const RUNNING: RunningNode = {
  version: '1.2.3',
  pid: 7,
  addresses: [],
  peers: [PEER],
  caughtUp: true,
  lacks: [],
  refusedBy: [],
  gossip: false,
  heldBack: null,
  sources: [],
}

const FINALITY: FinalityStatus = {
  epoch: 0,
  fromSize: 0,
  witnesses: 0,
  quorum: null,
  tolerated: 0,
  attestations: [],
  isWitness: false,
  sequence: null,
  halted: null,
  waiting: null,
}

function textOf(running: Partial<RunningNode>): string {
  const status: Status = {
    network: { name: 'Elm Street', id: '00' },
    self: { key: 'cd', index: 1, label: 'meter-1', roles: 'meter' },
    running: { ...RUNNING, ...running },
    chains: [],
    frontier: [],
    headsRoot: '00',
    finality: FINALITY,
    waiting: 0,
    setAside: 0,
    damage: [],
  }
  return formatStatus(status)
}

function stateOf(running: Partial<RunningNode>): string | undefined {
  return /^state +(.*)$/m.exec(textOf(running))?.[1]
}

describe('the state of a running node', () => {
  it('says which blocks nobody gives any more', () => {
    const lacks = [{ member: 'meter-3', from: 12, size: 900 }]
    expect(textOf({ lacks })).to.match(/^lacks +blocks 12 to 899 of meter-3: every neighbour .* pruned/m)
    expect(textOf({})).not.to.match(/^lacks/m)
    expect(stateOf({ lacks, caughtUp: false })).to.equal('running (process 7), 1 peer, lacks what no neighbour gives')
  })

  it('is caught up only beside somebody to compare with', () => {
    expect(stateOf({})).to.equal('running (process 7), 1 peer, caught up')
    expect(stateOf({ caughtUp: false })).to.equal('running (process 7), 1 peer, catching up')
    expect(stateOf({ peers: [], caughtUp: false })).to.equal('running (process 7), 0 peers, nobody to compare with')
  })

  it('names who refuses it where nobody is left, three of them, and what that may mean', () => {
    const refusedBy = ['a', 'b', 'c', 'd', 'e']
    expect(stateOf({ peers: [], refusedBy })).to.contain('refused by a, b, c and 2 more: this node may have been revoked')
    expect(stateOf({ peers: [], refusedBy: ['a'] })).to.contain('refused by a: this node')
    expect(stateOf({ refusedBy })).to.not.contain('refused')
  })

  it('says why nothing is sealed', () => {
    expect(stateOf({ heldBack: 'sealing fails: no space' })).to.contain('; seals nothing: sealing fails: no space')
  })
})
