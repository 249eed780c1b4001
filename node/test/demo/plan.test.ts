import { expect } from 'chai'
import { openSource } from '../../collect/index.ts'
import {
  fileOrders,
  hostsOf,
  householdOrders,
  MAX_METERS,
  MAX_METERS_ALONE,
  meterNames,
  NODES_PER_HOST,
} from '../../demo/plan.ts'
import { systemPlatform } from '../../platform.ts'

describe('the plan of a demonstration', () => {
  it('meters are numbered with two digits, from a hundred on with three', () => {
    expect(meterNames(8).at(-1)).to.equal('meter-08')
    expect(meterNames(99).at(0)).to.equal('meter-01')
    expect(meterNames(MAX_METERS).at(0)).to.equal('meter-001')
  })

  it(`up to ${MAX_METERS_ALONE} meters each node is a process of its own`, () => {
    const hosts = hostsOf(meterNames(MAX_METERS_ALONE))
    expect(hosts).to.have.length(MAX_METERS_ALONE + 2)
    expect(hosts.every((names) => names.length === 1)).to.equal(true)
  })

  it(`above, at most ${NODES_PER_HOST} meters share one; registrar and observer stay alone`, () => {
    const meters = meterNames(40)
    const hosts = hostsOf(meters)
    expect(hosts).to.have.length(7)
    expect(hosts[0]).to.deep.equal(['registrar'])
    expect(hosts.at(-1)).to.deep.equal(['observer'])
    expect(hosts.slice(1, -1).every((names) => names.length <= NODES_PER_HOST)).to.equal(true)
    expect(hosts.slice(1, -1).flat()).to.deep.equal(meters)
  })

  it('built-in homes can be opened, none is like another, and some have panels', () => {
    const specs = householdOrders(meterNames(10)).map(({ spec }) => spec)
    expect(new Set(specs).size).to.equal(10)
    expect(specs.filter((spec) => spec.includes('solar='))).to.have.length(4)
    for (const spec of specs) expect(openSource(spec, systemPlatform).intervalData).to.equal(true)
  })

  it('meters take the homes in the order they are offered, and again from the first where there are too few', () => {
    const offered = ['a', 'b', 'c'].map((home) => ({ spec: `csv:f#${home}`, quality: 'good' as const }))
    expect(fileOrders(meterNames(2), offered).map(({ spec }) => spec)).to.deep.equal(['csv:f#a', 'csv:f#b'])
    expect(fileOrders(meterNames(4), offered).map(({ spec }) => spec)).to.deep.equal(['csv:f#a', 'csv:f#b', 'csv:f#c', 'csv:f#a'])
  })
})
