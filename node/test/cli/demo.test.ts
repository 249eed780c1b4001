import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { DemoResult } from '../../demo/index.ts'
import { json, say } from './command-line.ts'

describe('wattness demo', () => {
  let dir = ''
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wattness-cli-'))
  })
  after(() => rm(dir, { recursive: true, force: true }))

  it('--json: one line on standard output, all else on standard error; --dir keeps each node', async () => {
    const said = await say(['demo', '--meters', '1', '--interval', '200ms', '--for', '1s', '--dir', dir, '--json'])
    expect(said.status, said.err).to.equal(0)
    expect(said.out.split('\n')).to.have.length(2)
    const result = json(said) as DemoResult
    expect(Object.keys(result)).to.deep.equal([
      'nodes',
      'meters',
      'blocks',
      'readings',
      'agreed',
      'frontier',
      'headsRoot',
      'page',
      'seconds',
      'final',
      'finalLagMs',
    ])
    expect(result).to.deep.include({ nodes: 3, meters: 1, agreed: true })
    expect(result.seconds).to.be.at.least(1)
    expect(result.page).to.match(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(said.err).to.include(`the neighbourhood is to be seen at ${result.page} in a browser`)
    expect(said.err).to.match(/^running 00:00: /m)
    expect(await readdir(dir)).to.have.members(['registrar', 'meter-01', 'observer'])
  })

  it('for people: what was agreed, and where to look', async () => {
    const said = await say(['demo', '--interval', '200ms', '--for', '200ms', '--dir', dir])
    expect(said.status, said.err).to.equal(0)
    expect(said.out).to.match(/^3 nodes agree: [\d,]+ blocks, [\d,]+ readings, [\d.]+ s, heads root [0-9a-f]{8}\n/)
    // On a busy machine nothing may have been sealed in so short a run: then no times stand before the witnesses.
    expect(said.out).to.match(/^final: ([\d,]+) of \1 blocks[,;] .*1 witness: fewer than four tolerate no liar$/m)
    expect(said.out).to.include(`wattness status --dir ${dir}/observer`)
  })

  const WRONG: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['a number of meters that is none', ['--meters', 'many'], /--meters many: expected a number from 1 to 255/],
    ['no meters', ['--meters', '0'], /1 to 255 meters, asked for 0/],
    ['an interval that is no duration', ['--interval', '2'], /--interval 2: expected a duration/],
    ['an interval that no node keeps', ['--interval', '50ms'], /--interval 50ms: expected 100ms to 1d/],
    ['a time that is none', ['--for', '0s'], /--for 0s: expected a duration/],
    ['a way to gossip that there is not', ['--gossip', 'maybe'], /--gossip maybe: expected on, off or auto/],
    ['an address that is none', ['--http', 'here'], /--http here: expected off, a port, or an IP address and a port/],
    ['data without a meter file', ['--data', import.meta.dirname], /holds no file that is recognised/],
  ]
  for (const [what, words, message] of WRONG) {
    it(`wrong usage: ${what}`, async () => {
      const said = await say(['demo', ...words])
      expect([said.status, said.out]).to.deep.equal([2, ''])
      expect(said.err).to.match(message)
    })
  }

  it('wrong usage: another number of meters than the directory holds', async () => {
    const said = await say(['demo', '--meters', '2', '--dir', dir])
    expect(said.status).to.equal(2)
    expect(said.err).to.match(/holds a network of 1 meters, asked for 2/)
  })

  it('data that is not there is found wrong, not asked wrongly', async () => {
    const said = await say(['demo', '--data', join(dir, 'nowhere')])
    expect(said.status).to.equal(1)
    expect(said.err).to.match(/nowhere cannot be read/)
  })
})
