import { expect } from 'chai'
import type { Static, TSchema } from 'typebox'
import {
  blockHash,
  bodyHash,
  decodeHeader,
  fromBase64,
  fromHex,
  sha256,
  toHex,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from '../../../protocol/index.ts'
import { type BlockLine, describeMembers, describeStatus, readBlockLines } from '../../control/index.ts'
import {
  BlockAnswer,
  BlocksAnswer,
  EvidenceAnswer,
  HealthAnswer,
  MemberAnswer,
  MembersAnswer,
  PeersAnswer,
  Problem,
  StatusAnswer,
} from '../../observe/schemas/index.ts'
import { verifySignature } from '../../signature.ts'
import { keyHexOf, ObservedStreet, schemaFaults } from './observed-street.ts'

describe('the API of an observer', () => {
  let street: ObservedStreet
  let app: ReturnType<ObservedStreet['app']>

  before(async () => {
    street = await ObservedStreet.create()
    app = street.app()
  })
  after(async () => {
    expect(street.errors).to.deep.equal([])
    await street.stop()
  })

  const ask = async <S extends TSchema>(url: string, schema: S): Promise<Static<S>> => {
    const answer = await app.inject({ url })
    expect(answer.statusCode, `${url}: ${answer.body}`).to.equal(200)
    const value = answer.json<Static<S>>()
    expect(schemaFaults(schema, value), url).to.deep.equal([])
    return value
  }
  const refusal = async (url: string): Promise<[number, string]> => {
    const answer = await app.inject({ url })
    expect(answer.headers['content-type'], url).to.equal('application/problem+json')
    const problem = answer.json<Problem>()
    expect(schemaFaults(Problem, problem), url).to.deep.equal([])
    return [answer.statusCode, problem.code]
  }
  type Problem = { readonly code: string; readonly detail: string }

  it('status says what the command says', async () => {
    const answer = await ask('/v1/status', StatusAnswer)
    const { node } = street.node()
    const { network, self, frontier, headsRoot, finality, chains } = await describeStatus(node, null)
    expect(answer).to.deep.include({ network, self, frontier, headsRoot, finality, version: '1.2.3' })
    expect(answer.blocks)
      .to.equal(12)
      .and.equal(frontier.reduce((a, b) => a + b, 0))
    expect(answer.final).to.equal(chains.reduce((sum, { final }) => sum + final, 0))
    expect(answer.running).to.deep.include({ peers: node.network.links().length, caughtUp: true })
  })

  it('genesis is served byte by byte', async () => {
    const { rawPayload } = await app.inject({ url: '/v1/genesis' })
    expect(toHex(sha256(rawPayload))).to.equal(toHex(street.all.genesis.networkId))
  })

  it('members are the chains of the status, with the newest reading of each', async () => {
    const { members } = await ask('/v1/members', MembersAnswer)
    const { node } = street.node()
    const { chains, frontier } = await describeStatus(node, null)
    const listed = describeMembers(node)
    expect(members).to.have.length(5)
    for (const [at, member] of members.entries()) {
      expect(member).to.deep.include({ ...chains[at], ...listed[at], counted: frontier[at] })
    }
    expect(members[0]).to.include({ health: 'new', lastReadingAt: null, lateAfter: null })
    const meter = members[1]
    expect(meter).to.include({ health: 'fine', size: 3, final: 3, label: 'meter-1' })
    const last = (await linesOf(1)).at(-1)?.readings?.[0]?.time as string
    expect(Date.parse(meter?.lastReadingAt as string)).to.equal(Date.parse(last))
    expect(Date.parse(meter?.lateAfter as string)).to.be.above(Date.parse(meter?.sealedAt as string) + 120_000)
  })

  it('a member is named by index, label, or digits of its key', async () => {
    const keyHex = keyHexOf('meter-2')
    const texts = await Promise.all(
      ['2', 'meter-2', keyHex, keyHex.slice(0, 8)].map(async (id) => (await app.inject({ url: `/v1/members/${id}` })).body),
    )
    expect(new Set(texts).size).to.equal(1)
    const member = await ask('/v1/members/2', MemberAnswer)
    expect(member).to.deep.include({ index: 2, key: keyHex, registers: [{ register: '1-0:1.8.0', unit: 'kWh', scaler: 0 }] })
    expect(member.root).to.equal(toHex(street.node().store.head(fromHex(keyHex))?.root as Uint8Array))
    expect(member.lastReadings).to.have.length(1)
  })

  it('MEMBER_UNKNOWN, MEMBER_AMBIGUOUS', async () => {
    expect(await refusal('/v1/members/17')).to.deep.equal([404, 'MEMBER_UNKNOWN'])
    expect(await refusal('/v1/members/nobody/blocks')).to.deep.equal([404, 'MEMBER_UNKNOWN'])
    const twins = await ObservedStreet.create({ meters: 2, witnesses: 0, rounds: 0, absent: ['2'] })
    const answer = await twins.app().inject({ url: '/v1/members/2' })
    expect([answer.statusCode, answer.json<Problem>().code]).to.deep.equal([400, 'MEMBER_AMBIGUOUS'])
    await twins.stop()
  })

  const linesOf = async (member: number): Promise<BlockLine[]> => {
    const lines: BlockLine[] = []
    for await (const line of readBlockLines(street.node().node, { member: String(member) })) lines.push(line)
    return lines
  }
  const withoutTimes = (blocks: BlocksAnswer['blocks']): unknown[] =>
    blocks.map((line) => Object.fromEntries(Object.entries(line).filter(([name]) => name !== 'finalSince')))

  it('blocks are the lines of the command, in either order, page by page', async () => {
    const lines = await linesOf(3)
    const up = await ask('/v1/members/3/blocks', BlocksAnswer)
    expect(withoutTimes(up.blocks)).to.deep.equal(lines)
    expect(up).to.deep.include({ size: 3, final: 3, member: { index: 3, key: keyHexOf('meter-3'), label: 'meter-3' } })
    expect(up).not.to.have.property('next')
    const down = await ask('/v1/members/3/blocks?order=desc', BlocksAnswer)
    expect(withoutTimes(down.blocks)).to.deep.equal(lines.toReversed())
    for (const order of ['asc', 'desc']) {
      const found: unknown[] = []
      for (let url: string | undefined = `/v1/members/3/blocks?order=${order}&limit=1`; url !== undefined; ) {
        const page: BlocksAnswer = await ask(url, BlocksAnswer)
        expect(page.blocks).to.have.length(1)
        found.push(...withoutTimes(page.blocks))
        url = page.next
      }
      expect(found).to.deep.equal(order === 'asc' ? lines : lines.toReversed())
    }
  })

  it('blocks begin at a height or a time, and leave out what they say where asked to', async () => {
    const lines = await linesOf(1)
    const heights = async (query: string): Promise<number[]> =>
      (await ask(`/v1/members/1/blocks?${query}`, BlocksAnswer)).blocks.map(({ height }) => height)
    expect(await heights('from=1')).to.deep.equal([1, 2])
    expect(await heights('from=1&order=desc')).to.deep.equal([1, 0])
    expect(await heights('from=9')).to.deep.equal([])
    expect(await heights('from=9&order=desc')).to.deep.equal([2, 1, 0])
    const { sealedAt } = lines[1] as BlockLine
    expect(await heights(`time=${sealedAt}`)).to.deep.equal([1, 2])
    expect(await heights(`time=${sealedAt}&order=desc`)).to.deep.equal([0])
    const { blocks } = await ask('/v1/members/1/blocks?content=no', BlocksAnswer)
    expect(blocks).to.have.length(3)
    for (const block of blocks) expect(block).not.to.have.property('readings')
    expect(await heights('from=0&limit=3')).to.deep.equal([0, 1, 2])
    const { blocks: none } = await ask('/v1/members/0/blocks?order=desc', BlocksAnswer)
    expect(none).to.deep.equal([])
  })

  it('since when a block is final is said where this node saw it', async () => {
    const fresh = await ObservedStreet.create({ rounds: 1 })
    const early = fresh.app()
    await early.ready()
    await fresh.round()
    const answer = (await early.inject({ url: '/v1/members/1/blocks' })).json<BlocksAnswer>()
    const [before, seen] = answer.blocks
    expect([before?.final, before?.finalSince, seen?.final]).to.deep.equal([true, null, true])
    expect(Date.parse(seen?.finalSince as string)).to.be.above(Date.parse(seen?.sealedAt as string))
    await fresh.stop()
  })

  it('a block comes with all that proves it', async () => {
    const [line] = await linesOf(2)
    const { networkId } = street.all.genesis
    const member = fromHex(keyHexOf('meter-2'))
    const block = await ask(`/v1/blocks/${line?.hash}`, BlockAnswer)
    expect(block).to.deep.include({ ...line, pruned: false, epoch: 0, quorum: 3, witnesses: 4 })
    const header = fromBase64(block.header)
    expect(toHex(blockHash(header))).to.equal(block.hash)
    expect(toHex(bodyHash(fromBase64(block.body as string)))).to.equal(toHex(decodeHeader(header).bodyHash))
    const { checkpoint, inclusion, newest, consistency } = block
    if (checkpoint === null || inclusion === null || newest === null || consistency === null) throw new Error('not proven')
    for (const { size, root, signature } of [checkpoint, newest]) {
      const signed = { member, size, root: fromHex(root), signature: fromBase64(signature) }
      expect(verifyCheckpoint(verifySignature, networkId, signed)).to.equal(true)
    }
    expect(checkpoint).to.deep.include({ size: 1, root: block.root, signature: block.signature })
    const hashes = inclusion.hashes.map((hash) => fromHex(hash))
    expect(verifyInclusion(fromHex(block.hash), 0, inclusion.size, hashes, fromHex(inclusion.root))).to.equal(true)
    const { fromSize, fromRoot, toSize, toRoot } = consistency
    const proof = consistency.hashes.map((hash) => fromHex(hash))
    expect(verifyConsistency(fromSize, fromHex(fromRoot), toSize, fromHex(toRoot), proof)).to.equal(true)
    expect([toSize, toRoot]).to.deep.equal([newest.size, newest.root])
    expect(block.next).to.equal((await linesOf(2))[1]?.hash)
    expect(block.attestedBy.map(({ index }) => index)).to.deep.equal([1, 2, 3, 4])
    const last = await ask(`/v1/blocks/${(await linesOf(2)).at(-1)?.hash}`, BlockAnswer)
    expect([last.next, last.consistency]).to.deep.equal([null, null])
  })

  it('BLOCK_UNKNOWN, and QUERY_INVALID for what is no hash', async () => {
    expect(await refusal(`/v1/blocks/${'ab'.repeat(32)}`)).to.deep.equal([404, 'BLOCK_UNKNOWN'])
    for (const hash of ['abc', 'x'.repeat(64), 'ab'.repeat(33)])
      expect(await refusal(`/v1/blocks/${hash}`), hash).to.deep.equal([400, 'QUERY_INVALID'])
  })

  it('peers are the neighbours that are linked', async () => {
    const { peers } = await ask('/v1/peers', PeersAnswer)
    const { node } = street.node()
    expect(peers.map(({ key }) => key)).to.have.members(node.network.links().map(({ keyHex }) => keyHex))
    expect(peers.filter(({ index }) => index !== null).map(({ name }) => name)).to.satisfy((names: string[]) =>
      names.every((name) => name.startsWith('meter-') || name === 'registrar'),
    )
    expect(new Set(peers.map(({ agreement }) => agreement))).to.deep.equal(new Set(['equal']))
  })

  it('no evidence is an empty list', async () => {
    expect(await ask('/v1/evidence', EvidenceAnswer)).to.deep.equal({ evidence: [] })
  })

  it('healthz answers, readyz knows whether it is up to date', async () => {
    expect(await ask('/healthz', HealthAnswer)).to.deep.equal({ ok: true, reasons: [] })
    expect(await ask('/readyz', HealthAnswer)).to.deep.equal({ ok: true, reasons: [] })
    const alone = await ObservedStreet.create({ meters: 1, witnesses: 0, rounds: 0 })
    await alone.all.time.wait(alone.node().node.stop())
    const answer = await alone.app().inject({ url: '/readyz' })
    expect([answer.statusCode, answer.json()]).to.deep.equal([503, { ok: false, reasons: ['no neighbour is connected'] }])
    await alone.stop()
  })

  it('readyz waits for what a neighbour can give, and not for what everybody has pruned', async () => {
    const { node } = street.node()
    const lacking = async (...lacks: readonly { readonly isPruned: boolean }[]): Promise<readonly string[]> => {
      const sync = { sessions: [...node.sync.sessions], isCaughtUp: false, lacks: () => lacks.values() }
      const observed = new Proxy(node, {
        get(target, name) {
          const value = name === 'sync' ? sync : (Reflect.get(target, name, target) as unknown)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      const answer = await street.app(undefined, { node: observed }).inject({ url: '/readyz' })
      const { ok, reasons } = answer.json<HealthAnswer>()
      expect([answer.statusCode, ok]).to.deep.equal(reasons.length === 0 ? [200, true] : [503, false])
      return reasons
    }
    const behind = ['a neighbour holds more than this node']
    expect(await lacking({ isPruned: true }, { isPruned: true })).to.deep.equal([])
    expect(await lacking({ isPruned: true }, { isPruned: false })).to.deep.equal(behind)
    // Blocks that came are being checked.
    expect(await lacking()).to.deep.equal(behind)
  })

  it('QUERY_INVALID: a parameter that is unknown, or not as it must be, is named', async () => {
    const detailOf = async (url: string): Promise<string> => (await app.inject({ url })).json<Problem>().detail
    for (const url of [
      '/v1/status?verbose=1',
      '/v1/members?limit=1',
      '/v1/members/1/blocks?limit=0',
      '/v1/members/1/blocks?limit=101',
      '/v1/members/1/blocks?limit=many',
      '/v1/members/1/blocks?from=-1',
      '/v1/members/1/blocks?order=up',
      '/v1/members/1/blocks?time=yesterday',
      '/v1/members/1/blocks?content=maybe',
      '/v1/ledger?limit=501',
      '/v1/ledger?from=2026-13-01T00:00:00Z',
      '/v1/ledger?to=1',
    ])
      expect(await refusal(url), url).to.deep.equal([400, 'QUERY_INVALID'])
    expect(await detailOf('/v1/status?verbose=1')).to.equal('querystring: unknown parameter "verbose"')
    expect(await detailOf('/v1/members/1/blocks?order=up'))
      .to.include('order')
      .and.include('asc, desc')
    expect(await refusal('/v1/ledger?cursor=here')).to.deep.equal([400, 'CURSOR_INVALID'])
  })

  it('an answer that is held already costs its header alone', async () => {
    for (const url of ['/v1/status', '/v1/members', '/v1/members/1', '/v1/ledger', '/openapi.json']) {
      const first = await app.inject({ url })
      const etag = first.headers.etag as string
      expect(etag, url).to.match(/^W\/"[0-9a-f]{24}"$/)
      const again = await app.inject({ url, headers: { 'if-none-match': `"x", ${etag.slice(2)}` } })
      expect([again.statusCode, again.body, again.headers.etag], url).to.deep.equal([304, '', etag])
      expect((await app.inject({ url, headers: { 'if-none-match': '"other"' } })).statusCode, url).to.equal(200)
    }
  })

  it('long answers are in gzip for who takes it', async () => {
    const { gunzipSync } = await import('node:zlib')
    const plain = await app.inject({ url: '/v1/members' })
    const zipped = await app.inject({ url: '/v1/members', headers: { 'accept-encoding': 'gzip' } })
    expect(zipped.headers['content-encoding']).to.equal('gzip')
    expect(gunzipSync(zipped.rawPayload).toString()).to.equal(plain.body)
    expect(zipped.rawPayload.length).to.be.below(plain.rawPayload.length)
    expect((await app.inject({ url: '/v1/peers', headers: { 'accept-encoding': 'br' } })).headers).not.to.have.property(
      'content-encoding',
    )
  })

  it('every answer forbids others what the page does not need', async () => {
    for (const url of ['/', '/v1/status', '/v1/members/77', '/healthz']) {
      const { headers } = await app.inject({ url })
      expect(headers['content-security-policy'], url).to.match(/^default-src 'self';.*frame-ancestors 'none'/)
      expect(headers, url).to.include({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
      expect(headers, url).not.to.have.property('strict-transport-security')
    }
  })
})
