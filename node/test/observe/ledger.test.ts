import { expect } from 'chai'
import fc from 'fast-check'
import { type Member, toHex, WattnessError } from '../../../protocol/index.ts'
import { formatCursor, parseCursor } from '../../observe/ledger.ts'
import { type MergeQuery, type MergeStore, mergeChains } from '../../observe/ledger-merge.ts'
import { type BlockHead, LedgerAnswer } from '../../observe/schemas/index.ts'
import { OBSERVER, ObservedStreet, OTHER_OBSERVER, schemaFaults } from './observed-street.ts'

/** Chains of nothing but times; counts what is read. */
class Times {
  readonly members: readonly Member[]
  readonly chains: number[][]
  most = 0
  reads = 0
  searches = 0

  constructor(chains: readonly (readonly number[])[]) {
    this.chains = chains.map((times) => times.toSorted((a, b) => a - b))
    this.members = chains.map((_, index) => ({ index, key: Uint8Array.of(index) }) as unknown as Member)
  }

  of(key: Uint8Array): number[] {
    return this.chains[key[0] as number] as number[]
  }

  get store(): MergeStore {
    return {
      head: (key: Uint8Array) => {
        const times = this.of(key)
        return times.length === 0 ? undefined : { size: times.length, sealedAt: times.at(-1) }
      },
      findByTime: (key: Uint8Array, ms: number) => {
        this.searches++
        const at = this.of(key).findIndex((time) => time >= ms)
        return Promise.resolve(at === -1 ? this.of(key).length : at)
      },
      readHeld: (key: Uint8Array, from: number, count: number) => {
        this.reads++
        this.most = Math.max(this.most, count)
        const read = this.of(key).slice(from, from + count)
        return Promise.resolve(read.map((sealedAt, at) => ({ header: { sealedAt, height: from + at } })))
      },
    } as unknown as MergeStore
  }

  async all(query: MergeQuery, limit = Number.POSITIVE_INFINITY): Promise<[time: number, member: number, height: number][]> {
    const found: [number, number, number][] = []
    for await (const { member, block } of mergeChains(this.store, this.members, query)) {
      found.push([block.header.sealedAt, member.index, block.header.height])
      if (found.length >= limit) break
    }
    return found
  }

  /** The same by sorting everything. */
  sorted(): [time: number, member: number, height: number][] {
    const all = this.chains.flatMap((times, index) =>
      times.map((time, height): [number, number, number] => [time, index, height]),
    )
    return all.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
  }
}

const someChains = fc.array(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 }), { maxLength: 6 })

describe('all chains as one, by time', () => {
  it('is what sorting everything gives, in either order', async () => {
    await fc.assert(
      fc.asyncProperty(someChains, async (chains) => {
        const times = new Times(chains)
        expect(await times.all({ order: 'asc' })).to.deep.equal(times.sorted())
        expect(await times.all({ order: 'desc' })).to.deep.equal(times.sorted().toReversed())
      }),
      { numRuns: 60 },
    )
  })

  it('goes on behind any place, and keeps to its times', async () => {
    const bounds = fc.option(fc.integer({ min: -1, max: 41 }), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(someChains, fc.nat(), bounds, bounds, async (chains, pick, fromMs, toMs) => {
        const times = new Times(chains)
        const sorted = times.sorted()
        const place = sorted[sorted.length === 0 ? 0 : pick % sorted.length]
        const after = place === undefined ? undefined : { sealedAt: place[0], index: place[1], height: place[2] }
        const at = place === undefined ? -1 : sorted.indexOf(place)
        const within = ([time]: [number, number, number]): boolean => time >= (fromMs ?? -2) && time < (toMs ?? 99)
        const up = await times.all({ order: 'asc', fromMs, toMs, after })
        expect(up).to.deep.equal(sorted.slice(at + 1).filter(within))
        const down = await times.all({ order: 'desc', fromMs, toMs, after })
        expect(down).to.deep.equal((at === -1 ? sorted : sorted.slice(0, at)).filter(within).toReversed())
      }),
      { numRuns: 120 },
    )
  })

  it('reads no more of the chains than is wanted: eight blocks of one at most', async () => {
    const times = new Times(Array.from({ length: 200 }, (_, at) => Array.from({ length: 5_000 }, (_, i) => i * 1_000 + at)))
    expect(await times.all({ order: 'desc' }, 50)).to.have.length(50)
    expect([times.most, times.searches]).to.deep.equal([2, 0])
    expect(times.reads).to.be.at.most(51)
    await times.all({ order: 'asc', fromMs: 1_000_000 }, 2_000)
    expect(times.most).to.equal(8)
  })

  it('a chain that was cut or grew while it was read is taken as it is', async () => {
    const times = new Times([
      [1, 5, 9],
      [2, 6],
    ])
    const merged = mergeChains(times.store, times.members, { order: 'desc' })
    const first = await merged.next()
    expect(first.done === false && first.value.block.header.sealedAt).to.equal(9)
    times.chains[1] = []
    const rest: number[] = []
    for await (const { block } of merged) rest.push(block.header.sealedAt)
    expect(rest).to.deep.equal([5, 1])
  })
})

describe('/v1/ledger', () => {
  let street: ObservedStreet
  let app: ReturnType<ObservedStreet['app']>

  before(async () => {
    street = await ObservedStreet.create({ rounds: 3 })
    app = street.app()
  })
  after(() => street.stop())

  const page = async (url: string, from = app): Promise<LedgerAnswer> => {
    const answer = await from.inject({ url })
    expect(answer.statusCode, answer.body).to.equal(200)
    const ledger = answer.json<LedgerAnswer>()
    expect(schemaFaults(LedgerAnswer, ledger)).to.deep.equal([])
    return ledger
  }
  const pages = async (first: string, apps = [app]): Promise<BlockHead[]> => {
    const found: BlockHead[] = []
    let at = 0
    for (let url: string | undefined = first; url !== undefined; ) {
      const { blocks, next }: LedgerAnswer = await page(url, apps[at++ % apps.length])
      found.push(...blocks)
      url = next
    }
    return found
  }
  const hashes = (blocks: readonly BlockHead[]): string[] => blocks.map(({ hash }) => hash)

  it('is every block, newest first unless asked otherwise', async () => {
    const { blocks, next } = await page('/v1/ledger')
    expect([blocks.length, next]).to.deep.equal([12, undefined])
    const times = blocks.map(({ sealedAt }) => Date.parse(sealedAt))
    expect(times).to.deep.equal(times.toSorted((a, b) => b - a))
    const held = [...street.node().store.chains()].map(({ state }) => toHex(state.lastHash))
    expect(hashes(blocks)).to.include.members(held)
    expect(hashes((await page('/v1/ledger?order=asc')).blocks)).to.deep.equal(hashes(blocks).toReversed())
  })

  for (const order of ['asc', 'desc']) {
    it(`pages do not overlap and leave nothing out, from one observer or another (${order})`, async () => {
      const all = hashes((await page(`/v1/ledger?order=${order}`)).blocks)
      const both = [app, street.app(OTHER_OBSERVER)]
      for (const limit of [1, 5, 11, 12, 13]) {
        expect(hashes(await pages(`/v1/ledger?order=${order}&limit=${limit}`, both)), String(limit)).to.deep.equal(all)
      }
    })
  }

  it('keeps to the times that are asked for, on further pages too', async () => {
    const { blocks } = await page('/v1/ledger?order=asc')
    const [from, to] = [blocks[4]?.sealedAt, blocks[8]?.sealedAt] as [string, string]
    const within = blocks.filter(({ sealedAt }) => sealedAt >= from && sealedAt < to)
    expect(within.length).to.be.above(0)
    expect(hashes(await pages(`/v1/ledger?order=asc&limit=2&from=${from}&to=${to}`))).to.deep.equal(hashes(within))
    expect(hashes(await pages(`/v1/ledger?limit=3&from=${from}&to=${to}`))).to.deep.equal(hashes(within).toReversed())
    expect((await page('/v1/ledger?from=2030-01-01')).blocks).to.deep.equal([])
  })

  it('pages stand still while blocks come', async () => {
    const first = await page('/v1/ledger?limit=4')
    const second = await page(first.next as string)
    await street.round()
    expect(await page(first.next as string)).to.deep.equal(second)
    expect((await page('/v1/ledger?limit=4')).blocks[0]?.hash).not.to.equal(first.blocks[0]?.hash)
    expect(street.node(OBSERVER).store.head(street.node('meter-1').signer.publicKey)?.size).to.equal(4)
  })

  it('CURSOR_INVALID: a cursor is a place, and nothing else', () => {
    const place = { sealedAt: 1_767_225_600_000, index: 255, height: 17 }
    expect(parseCursor(formatCursor(place))).to.deep.equal(place)
    for (const text of ['', '1.2', '1.2.3.4', '-1.2.3', 'a.b.c', '1.1000.1', `${'9'.repeat(16)}.1.1`]) {
      expect(() => parseCursor(text), text)
        .to.throw(WattnessError)
        .with.property('code', 'CURSOR_INVALID')
    }
  })
})
