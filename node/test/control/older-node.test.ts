import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  askMembers,
  askStatus,
  type BlockLine,
  formatBlockLine,
  formatStatus,
  type StatusAnswer,
  unknownText,
} from '../../control/index.ts'

/** What a running node answered before there were witnesses, pruning and lists of what is lacking. */
const OLD_CHAIN = {
  index: 1,
  key: 'ab'.repeat(32),
  label: 'meter-1',
  roles: 'meter',
  admittedAt: 0,
  revoked: null,
  size: 12,
  head: 'cd'.repeat(32),
  sealedAt: '2026-01-01T00:00:00.000Z',
  quarantined: false,
}
const OLD_RUNNING = { pid: 7, addresses: [], peers: [], caughtUp: false, gossip: true, heldBack: null, sources: [] }
const OLD_STATUS = {
  network: { name: 'Elm Street', id: '00'.repeat(32) },
  self: { key: 'ab'.repeat(32), index: 1, label: 'meter-1', roles: 'meter' },
  running: OLD_RUNNING,
  chains: [OLD_CHAIN],
  frontier: [12],
  headsRoot: 'ef'.repeat(32),
  waiting: 3,
  damage: [],
}

describe('a running node of another version', () => {
  let dir: string
  let server: Server
  let answers: Readonly<Record<string, unknown>>
  const socket = (): string => join(dir, 'control.sock')

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wattness-older-'))
    server = createServer((request, response) => {
      const answer = answers[request.url ?? '']
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer ?? { code: 'NO_SUCH_ROUTE', message: `GET ${request.url}: nothing answers there` }))
    })
    await new Promise<void>((resolve) => server.listen(socket(), () => resolve()))
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(dir, { recursive: true })
  })

  const statusOf = async (answer: object): Promise<StatusAnswer> => {
    answers = { '/status': answer }
    const found = await askStatus(socket())
    if (found === undefined) throw new Error('nobody answered')
    return found
  }

  it('an older one: its state shows as far as it says, the rest as not known', async () => {
    const { value, unknown, answer } = await statusOf(OLD_STATUS)
    expect(answer).to.deep.equal(OLD_STATUS)
    expect(unknown).to.deep.equal([
      'running.version',
      'running.lacks',
      'running.refusedBy',
      'chains.replaces',
      'chains.final',
      'chains.contestedFrom',
      'chains.contradicted',
      'chains.pruned',
      'chains.valuesPruned',
      'finality',
      'setAside',
    ])
    const said = formatStatus(value)
    expect(said).to.match(/^state +running \(process 7\), 0 peers, nobody to compare with$/m)
    expect(said).to.match(/^finality +epoch \?: how many witnesses is not known; \? of 12 blocks are final$/m)
    expect(said).to.match(/^waiting +3 readings$/m)
    expect(said).to.match(/^1 +meter-1 +meter +12 +12 +\? +cdcdcdcdcdcd +2026-01-01T00:00:00.000Z$/m)
    expect(unknownText(unknown)).to.match(
      /^running\.version, running\.lacks, .* is of another version and does not say; this command/,
    )
    expect(unknownText(['setAside'], '0.0.9')).to.contain('setAside: the running node is of version 0.0.9')
  })

  it('a newer one: what it says besides is passed over', async () => {
    const { value } = await statusOf({ ...OLD_STATUS, weather: 'fine', running: { ...OLD_RUNNING, mood: 'good', lacks: [] } })
    expect(value.running).to.not.have.property('mood')
    expect(formatStatus(value)).to.not.contain('fine')
  })

  it('whatever it answers, the command ends in an orderly way', async () => {
    for (const answer of [{}, [], { chains: [7], running: 5, frontier: 'x', finality: [] }, { running: { sources: [null] } }]) {
      expect(formatStatus((await statusOf(answer)).value), JSON.stringify(answer)).to.contain('heads root')
    }
  })

  it('its list of members, too', async () => {
    answers = { '/members': [OLD_CHAIN] }
    const members = await askMembers(socket())
    expect(members?.value[0]).to.include({ index: 1, label: 'meter-1', replaces: null, counts: true })
    expect(members?.unknown).to.deep.equal(['replaces', 'counts'])
  })

  it('its blocks: whether one is final is not known, an operation of a later version goes by its own name', () => {
    const line = { label: null, key: 'ab', height: 1, kind: 'membership', hash: 'cd', sealedAt: 'then', bytes: 9 }
    const operations = [{ operation: 'knight', key: 'ef' }]
    const said = formatBlockLine({ ...line, operations } as unknown as BlockLine)
    expect(said).to.equal('ab 1  cd  then  membership  9 bytes  final or not: not known\n    knight ef')
  })

  it('NO_SUCH_ROUTE says what to do', async () => {
    answers = {}
    const error = await askStatus(socket()).catch((each: { code: string; message: string }) => each)
    expect(error).to.include({ code: 'NO_SUCH_ROUTE' })
    expect((error as { message: string }).message).to.equal(
      'the running node is of another version and cannot do this (GET /status: nothing answers there): ' +
        'use the wattness command that it was started with',
    )
  })
})
