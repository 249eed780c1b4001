import { expect } from 'chai'
import { readThreeHosts } from './operations-page.ts'

describe('three meters on three hosts, as docs/operations.md has it', () => {
  it('is three blocks of commands, each of which a reader can type on any host', () => {
    const { registrar, member, look } = readThreeHosts()
    for (const line of [...registrar, ...member(1), ...look]) expect(line).to.match(/^(wattness|echo) /)
    for (const host of ['alpha', 'beta', 'gamma']) expect(registrar.join('\n')).to.include(`> ${host}.ticket`)
    const [join, run] = member(3)
    expect(join).to.include('"$(cat gamma.ticket)"').and.include('--label gamma')
    expect(run).to.include('/ip4/198.51.100.3/tcp/4001').and.include('household:3?')
    expect(member(1).join('\n')).not.to.equal(member(2).join('\n'))
  })

  it('another form of the page is told', () => {
    expect(() => readThreeHosts('## Three meters on three hosts\n\n    wattness run\n')).to.throw('found 1')
    expect(() => readThreeHosts('')).to.throw('found 0')
  })
})
