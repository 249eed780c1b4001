import { expect } from 'chai'
import { Mesh, missing } from './mesh.ts'

describe('hosts in namespaces', () => {
  it('what is missing is said: root, and each package', () => {
    expect(missing(0, () => true)).to.deep.equal([])
    expect(missing(1_000, () => true)).to.have.length(1)
    expect(missing(undefined, () => false).join(' ')).to.match(/root.*iproute2.*iptables/)
    expect(missing(0, (tool) => tool !== 'iptables')).to.deep.equal(['iptables (package iptables)'])
  })

  it('only namespaces of runs that are over are taken away, and nobody else’s', () => {
    const names = [
      'wattness-17-1',
      'wattness-17-sw',
      'wattness-18-1',
      'lab1',
      'wattness-x-1',
      'my-wattness-17-1',
      'wattness-17-eth',
    ]
    const left = Mesh.leftBehind(names, (pid) => pid === 18)
    expect(left).to.deep.equal(['wattness-17-1', 'wattness-17-sw'])
  })

  it('several runs have namespaces of their own; addresses are those that nobody routes', () => {
    const [one, other] = [new Mesh(1, 5), new Mesh(2, 5)]
    expect(one.namespace(3)).not.to.equal(other.namespace(3))
    expect(one.place(3)).to.deep.equal(['ip', 'netns', 'exec', 'wattness-1-3'])
    expect(one.listening(3)).to.match(/^\/ip4\/198\.51\.100\.3\/tcp\/\d+$/)
  })
})
