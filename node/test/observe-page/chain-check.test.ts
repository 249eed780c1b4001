import { expect } from 'chai'
import { chainFault, entryTiles, splitEntries } from '../../observe/page/check/chain-check.ts'
import type { BlockHead, BlocksAnswer } from '../../observe/schemas/index.ts'
import { ObservedStreet } from '../observe/observed-street.ts'

describe('observe: a stretch of a chain checked in the page', () => {
  let street: ObservedStreet
  let rows: BlockHead[]
  const headers = new Map<number, Uint8Array>()

  before(async () => {
    street = await ObservedStreet.create({ rounds: 5, witnesses: 0 })
    const app = street.app()
    const { blocks, size } = (await app.inject('/v1/members/1/blocks?order=desc&content=no')).json<BlocksAnswer>()
    rows = blocks
    for (const { path, first } of entryTiles(0, size - 1)) {
      const bundle = (await app.inject(`/tlog/${blocks[0]?.key}/tile/${path}`)).rawPayload
      for (const [at, entry] of (splitEntries(bundle) ?? []).entries()) headers.set(first + at, entry)
    }
  })
  after(() => street.stop())

  it('honest rows pass', () => {
    expect(rows.length).to.be.above(3)
    expect(chainFault(rows, headers)).to.equal(undefined)
    expect(chainFault([], headers)).to.equal(undefined)
  })

  const zero = '0'.repeat(64)
  const faults: readonly (readonly [string, Partial<BlockHead>, string])[] = [
    ['hash', { hash: zero }, 'hash: found'],
    ['previous', { previous: zero }, 'previous: found'],
    ['member', { key: zero }, 'of member'],
    ['time', { sealedAt: '2020-01-01T00:00:00Z' }, 'sealed at'],
  ]
  for (const [what, change, words] of faults) {
    it(`another ${what} in a row is refused, with its height`, () => {
      const changed = rows.map((row, at) => (at === 1 ? { ...row, ...change } : row))
      expect(chainFault(changed, headers)).to.include(words)
      expect(chainFault(changed, headers)).to.include(`height ${rows[1]?.height}`)
    })
  }

  it('a row left out, a header that is missing, another one or none is refused', () => {
    expect(chainFault(rows.toSpliced(1, 1), headers)).to.include('the block above names')
    const height = rows[1]?.height ?? 0
    expect(chainFault(rows, new Map([...headers].filter(([at]) => at !== height)))).to.include('no header')
    expect(chainFault(rows, new Map(headers).set(height, Uint8Array.of(9)))).to.include('UNKNOWN_VERSION')
    const raised = rows.map((row, at) => (at === 0 ? { ...row, height: row.height + 1 } : row))
    const top = headers.get(rows[0]?.height ?? 0) as Uint8Array
    expect(chainFault(raised, new Map(headers).set((rows[0]?.height ?? 0) + 1, top))).to.include('its header says height')
  })

  it('rows that were told when the chain was shorter, or longer than the page knew, are checked all the same', async () => {
    const app = street.app()
    for (const top of rows) {
      const [tile, ...more] = entryTiles(0, top.height)
      const answer = await app.inject(`/tlog/${top.key}/tile/${tile?.path}`)
      expect([answer.statusCode, splitEntries(answer.rawPayload)?.length, more]).to.deep.equal([200, top.height + 1, []])
    }
  })

  it('tiles are named as C2SP names them, the last one by its width', () => {
    expect(entryTiles(250, 260)).to.deep.equal([
      { path: 'entries/000', first: 0 },
      { path: 'entries/001.p/5', first: 256 },
    ])
    expect(entryTiles(256_000, 256_001)).to.deep.equal([{ path: 'entries/x001/000.p/2', first: 256_000 }])
  })

  it('bytes that are no bundle of entries are none', () => {
    expect(splitEntries(Uint8Array.of(0, 1, 7, 0, 0))).to.deep.equal([Uint8Array.of(7), new Uint8Array(0)])
    expect(splitEntries(Uint8Array.of(0, 2, 7))).to.equal(undefined)
    expect(splitEntries(Uint8Array.of(0))).to.equal(undefined)
    expect(splitEntries(new Uint8Array(2 * 257))).to.equal(undefined)
  })
})
