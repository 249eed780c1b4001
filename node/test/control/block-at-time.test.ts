import { expect } from 'chai'
import { encodeReadings, KIND_READINGS, sha256, toUtf8 } from '../../../protocol/index.ts'
import { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import { blockAtTime } from '../../control/block-at-time.ts'
import { createSigner } from '../../index.ts'
import { LedgerStore, openMemoryKv } from '../../store/index.ts'
import { testReading } from '../harness/neighbourhood.ts'

const NETWORK_ID = sha256(toUtf8('network of the times'))
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

describe('the block with the readings of a time', () => {
  const author = new ChainAuthor(createSigner(sha256(toUtf8('meter of the times'))), NETWORK_ID)
  const member = author.signer.publicKey
  let store: LedgerStore

  /** Each block has two readings of one day, at 0:00 and 0:01; every third block is an event instead. */
  before(async () => {
    store = await LedgerStore.open({ kv: await openMemoryKv(), networkId: NETWORK_ID })
    for (let day = 0; day < 20; day++) {
      const readings = [testReading(day * DAY_MS, day), testReading(day * DAY_MS + MINUTE_MS, day)]
      author.append(day % 3 === 2 ? {} : { kind: KIND_READINGS, content: encodeReadings(readings) })
    }
    const hashes = author.states.slice(1).map(({ lastHash }) => lastHash)
    await store.accept([{ member, from: 0, blocks: author.bytes(0, 20), hashes, state: author.state() }])
  })
  after(() => store.close())

  it('is the first with a reading of that time or later, whenever it was sealed', async () => {
    for (let day = 0; day < 20; day++) {
      const expected = day % 3 === 2 ? day + 1 : day
      if (expected === 20) continue
      expect(await blockAtTime(store, member, day * DAY_MS), `day ${day}`).to.equal(expected)
      expect(await blockAtTime(store, member, day * DAY_MS + MINUTE_MS)).to.equal(expected)
      expect(await blockAtTime(store, member, (day - 1) * DAY_MS + MINUTE_MS + 1)).to.equal(expected)
    }
  })

  it('BLOCK_UNKNOWN: after the last reading, and in a chain without any', async () => {
    const late: unknown = await blockAtTime(store, member, 19 * DAY_MS + MINUTE_MS + 1).catch((error: unknown) => error)
    expect(late).to.include({ code: 'BLOCK_UNKNOWN' })
    const nobody: unknown = await blockAtTime(store, new Uint8Array(32), 0).catch((error: unknown) => error)
    expect(nobody).to.include({ code: 'BLOCK_UNKNOWN' })
  })
})
