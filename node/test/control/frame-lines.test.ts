import { generateKeyPairSync, sign } from 'node:crypto'
import { expect } from 'chai'
import { encodeReadings, fromBase64, fromHex, leafHash, sha256, toHex, toUtf8, verifyInclusion } from '../../../protocol/index.ts'
import { frameOrderOf } from '../../control/frame-lines.ts'
import { type FrameAnswer, type FrameLine, type FrameOrder, frameParameters, readFrameLines } from '../../control/index.ts'
import { systemPlatform } from '../../platform.ts'
import { FrameLeaves, type Kv, LedgerStore, openMemoryKv, put, type SealedFrame, type SpoolReading } from '../../store/index.ts'
import { blockKey, frameKey, frameNoteKey } from '../../store/keys.ts'
import { sealRecord } from '../../store/record.ts'
import { ChainMaker, NETWORK_ID } from '../store/chain-maker.ts'
import { START_MS, sampleItem, sampleReading } from '../store/sample-readings.ts'
import { refusalCode } from '../store/temporary-directories.ts'

const QUARTER_HOUR_MS = 900_000
const at = (number: number): number => START_MS + number * QUARTER_HOUR_MS
const iso = (number: number): string => new Date(at(number)).toISOString().replace('.000Z', 'Z')
const TELEGRAM = toUtf8('/ISk5\\2MT382-1000\r\n\r\n1-0:1.8.1(000001.000*kWh)\r\n!\r\n')

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const KEY = publicKey.export({ format: 'der', type: 'spki' }).toString('hex')
const PAYLOAD = '{"FV":"1.0","RD":[{"TM":"2024-03-01T10:00:00,000+0100 S","RV":1.5,"RI":"1-0:1.8.0","RU":"kWh"}]}'
const RECORD = toUtf8(`OCMF|${PAYLOAD}|{"SD":"${sign('sha256', Buffer.from(PAYLOAD), privateKey).toString('hex')}"}`)

describe('raw frames, as they are asked for', () => {
  let kv: Kv
  let store: LedgerStore
  let maker: ChainMaker

  beforeEach(async () => {
    kv = await openMemoryKv()
    maker = new ChainMaker(1)
    store = await LedgerStore.open({ kv, networkId: NETWORK_ID, ownKey: maker.member })
  })

  const framed = (number: number, frame: Uint8Array = Uint8Array.of(number), source = 'p1:meter'): SpoolReading => ({
    ...sampleItem(number, undefined, source),
    frame,
  })

  /** Takes the readings and seals all that waits into one block, as the sealer does; `noted`: with notes. */
  async function seal(items: readonly SpoolReading[], noted = true): Promise<void> {
    await store.spool.append(items)
    const { rows } = await store.spool.peek(100)
    const leaves = new FrameLeaves()
    const taken = rows.flatMap(({ id, item }) => {
      if (!('reading' in item) || item.frame === undefined) return []
      leaves.add(leafHash(item.frame))
      return [{ id, item }]
    })
    const readings = rows.flatMap(({ item }) => ('reading' in item ? [item.reading] : []))
    const acceptance = maker.holding([encodeReadings(readings, leaves.root)])
    const framesSealed: SealedFrame[] = []
    for (const [index, { id, item }] of taken.entries()) {
      const note = {
        height: acceptance.from,
        sealedAtMs: at(acceptance.from),
        index,
        count: leaves.size,
        proof: await leaves.proof(index),
        source: item.source,
        ...(item.signed === undefined ? {} : { signed: item.signed }),
      }
      framesSealed.push({ timeMs: item.reading.time, id, note })
    }
    await store.accept([acceptance], { spoolTaken: rows.map(({ id }) => id), ...(noted ? { framesSealed } : {}) })
  }

  const answers = async (order: FrameOrder = {}): Promise<FrameAnswer[]> => {
    const found: FrameAnswer[] = []
    for await (const answer of readFrameLines({ key: maker.member, store }, systemPlatform, order)) found.push(answer)
    return found
  }
  const lines = async (order: FrameOrder = {}): Promise<FrameLine[]> =>
    (await answers(order)).flatMap((answer) => ('frame' in answer ? [answer.frame] : []))
  const states = async (order: FrameOrder = {}): Promise<string[]> =>
    (await lines(order)).map(({ time, state, block }) => `${time} ${state} ${block?.height ?? '-'}`)

  it('says of each what it is, where it came from and which block holds it, with a proof that anyone can check', async () => {
    await seal([framed(0, TELEGRAM), framed(1), framed(2)])
    await store.spool.append([framed(3)])
    const [first, , , last] = await lines({ bytes: true })
    const { proof, ...said } = first as FrameLine
    expect(said).to.deep.equal({
      time: iso(0),
      source: 'p1:meter',
      format: 'p1',
      bytes: TELEGRAM.length,
      sha256: toHex(sha256(TELEGRAM)),
      state: 'matches',
      block: { height: 0, hash: toHex(maker.state.lastHash), sealedAt: new Date(at(0)).toISOString(), final: false },
      registers: ['1-0:1.8.0', '1-2:96.9.0'],
      signature: null,
      frame: Buffer.from(TELEGRAM).toString('base64'),
    })
    const hashes = (proof?.hashes ?? []).map((hash) => fromHex(hash))
    expect(verifyInclusion(leafHash(TELEGRAM), 0, 3, hashes, fromHex(proof?.root ?? ''))).to.equal(true)
    expect(last).to.deep.include({ time: iso(3), source: 'p1:meter', state: 'waits', block: null, proof: null })
    expect(last?.registers).to.deep.equal(['1-0:1.8.0', '1-2:96.9.0'])
    expect((await answers())[0]).to.deep.equal({ kept: { first: iso(0), last: iso(3) } })
    expect((await lines())[0]).to.not.have.property('frame')
  })

  it('by time, block, format and hash, and nothing where there is nothing', async () => {
    expect(await answers()).to.deep.equal([{ kept: null }])
    await seal([framed(0, TELEGRAM), framed(1)])
    await seal([framed(2, RECORD, 'ocmf:FILE'), framed(1, Uint8Array.of(9), 'dir:folder')])
    expect(await states()).to.deep.equal([
      `${iso(0)} matches 0`,
      `${iso(1)} matches 0`,
      `${iso(1)} matches 1`,
      `${iso(2)} matches 1`,
    ])
    expect(await states({ from: iso(1), to: iso(2) })).to.deep.equal([`${iso(1)} matches 0`, `${iso(1)} matches 1`])
    expect(await states({ from: '2023-11-14T23:13:20', tz: 'Europe/Berlin', to: iso(1) })).to.deep.equal([`${iso(0)} matches 0`])
    expect(await states({ height: '1' })).to.deep.equal([`${iso(1)} matches 1`, `${iso(2)} matches 1`])
    expect(await states({ height: '1', to: iso(2) })).to.deep.equal([`${iso(1)} matches 1`])
    expect(await states({ format: 'ocmf' })).to.deep.equal([`${iso(2)} matches 1`])
    expect(await states({ sha256: toHex(sha256(TELEGRAM)).slice(0, 6).toUpperCase() })).to.deep.equal([`${iso(0)} matches 0`])
    expect(await states({ sha256: '0'.repeat(64) })).to.deep.equal([])
    expect((await lines()).map(({ format }) => format)).to.deep.equal(['p1', 'p1', null, 'ocmf'])
  })

  it('QUERY_INVALID, BLOCK_UNKNOWN: what was asked for cannot be', async () => {
    await seal([framed(0)])
    for (const order of [{ height: '-1' }, { format: 'fax' }, { sha256: 'abc' }, { sha256: 'g'.repeat(8) }, { from: 'noon' }]) {
      expect(await refusalCode(answers(order)), JSON.stringify(order)).to.equal('QUERY_INVALID')
    }
    expect(await refusalCode(answers({ height: '1' }))).to.equal('BLOCK_UNKNOWN')
    const order: FrameOrder = { from: '2026', height: '3', key: 'ab', bytes: true }
    expect(frameOrderOf(frameParameters(order))).to.deep.equal(order)
    expect(frameOrderOf(new URLSearchParams({ other: 'x' }))).to.deep.equal({ bytes: false })
  })

  it('a frame that was changed in the store differs from its block, whatever its own checksum says', async () => {
    await seal([framed(0), framed(1)])
    const key = frameKey(at(0), 0)
    await kv.batch([put(key, sealRecord(key, Uint8Array.of(99)))])
    expect(await states()).to.deep.equal([`${iso(0)} differs 0`, `${iso(1)} matches 0`])
    await kv.batch([put(key, Uint8Array.of(1, 2, 3, 4, 5))])
    expect(await states()).to.deep.equal([`${iso(0)} damaged 0`, `${iso(1)} matches 0`])
    expect((await lines({ bytes: true }))[0]).to.include({ bytes: null, sha256: null, format: null })
  })

  it('frames of a block that is damaged, or not held any more, are shown with the others', async () => {
    await seal([framed(0)])
    await seal([framed(1)])
    await seal([framed(2), framed(3)])
    const key = blockKey(0, 1)
    const bytes = ((await kv.get(key)) as Uint8Array).slice()
    bytes[60] = (bytes[60] as number) ^ 1
    await kv.batch([put(key, bytes)])
    expect(await states()).to.deep.equal([
      `${iso(0)} matches 0`,
      `${iso(1)} no-block -`,
      `${iso(2)} matches 2`,
      `${iso(3)} matches 2`,
    ])
    expect(await states({ height: '2' })).to.deep.equal([`${iso(2)} matches 2`, `${iso(3)} matches 2`])
    expect(await refusalCode(answers({ height: '1' }))).to.equal('STORE_DAMAGED')
    await store.cutBack(maker.member, 1, 'a test')
    expect((await states()).slice(1)).to.deep.equal([`${iso(1)} no-block -`, `${iso(2)} no-block -`, `${iso(3)} no-block -`])
  })

  it('the others of a block are proven where some are gone', async () => {
    await seal([0, 1, 2].map((number) => framed(number)))
    expect(await store.frames.prune(at(1))).to.equal(1)
    expect(await states()).to.deep.equal([`${iso(1)} matches 0`, `${iso(2)} matches 0`])
  })

  it('of a pruned block nothing can be proven any more', async () => {
    for (let height = 0; height < 128; height++) await seal([framed(height)])
    await store.prune(maker.member, 128, { unfinal: true })
    const pruned = store.pruned(maker.member).to
    expect(pruned).to.be.above(1)
    // The first block of a chain of readings goes too.
    const [first] = await states({ height: '1' })
    expect(first).to.equal(`${iso(1)} pruned 1`)
  })

  it('frames without a note are found by what the blocks of their time say', async () => {
    await seal([framed(-1), framed(0, Uint8Array.of(7), 'sml:other'), framed(0)], false)
    await seal([framed(1)])
    await seal([framed(2)], false)
    expect(await states()).to.deep.equal([
      `${iso(-1)} matches 0`,
      `${iso(0)} matches 0`,
      `${iso(0)} matches 0`,
      `${iso(1)} matches 1`,
      `${iso(2)} matches 2`,
    ])
    const [first, , third] = await lines()
    expect(first).to.deep.include({ source: null, registers: ['1-0:1.8.0', '1-2:96.9.0'] })
    expect([third?.proof?.index, third?.proof?.count, third?.proof?.hashes.length]).to.deep.equal([2, 3, 1])
    expect(await states({ height: '2' })).to.deep.equal([`${iso(2)} matches 2`])
    // One that no block took up: what there is of that time makes no root any more.
    const stray = frameKey(at(2), 77)
    await kv.batch([put(stray, sealRecord(stray, Uint8Array.of(5)))])
    expect((await states()).slice(4)).to.deep.equal([`${iso(2)} unknown -`, `${iso(2)} unknown -`])
    await kv.batch([put(frameKey(at(-1), 0), Uint8Array.of(1)), put(frameNoteKey(at(1), 3), Uint8Array.of(1))])
    expect((await states()).slice(0, 4)).to.deep.equal([
      `${iso(-1)} damaged -`,
      `${iso(0)} unknown -`,
      `${iso(0)} unknown -`,
      // Its note cannot be read, and its block is found all the same.
      `${iso(1)} matches 1`,
    ])
  })

  it('more frames without a note than a block has rows are no block’s', async () => {
    await seal([framed(0)], false)
    const frames = Array.from({ length: 4_096 }, (_, i) => frameKey(at(0), 100 + i))
    await kv.batch(frames.map((key) => put(key, sealRecord(key, Uint8Array.of(1)))))
    expect(new Set(await states())).to.deep.equal(new Set([`${iso(0)} unknown -`]))
  })

  it('signed records are checked with the key beside them, or with the one that is given', async () => {
    const record = (number: number, bytes: Uint8Array, key?: string): SpoolReading => ({
      ...framed(number, bytes, 'import:ocmf/1-0:1.8.0/2024-03'),
      signed: key === undefined ? {} : { publicKey: key },
    })
    const lied = toUtf8(Buffer.from(RECORD).toString().replace('1.5', '9.5'))
    await seal([record(0, RECORD, KEY), record(1, RECORD), record(2, lied, KEY)])
    await store.spool.append([record(3, RECORD, KEY)])
    const signatures = async (order: FrameOrder): Promise<unknown[]> =>
      (await lines(order)).map(({ signature }) => signature?.state)
    expect(await signatures({})).to.deep.equal(['valid', 'no-key', 'wrong', 'valid'])
    expect(await signatures({ key: KEY })).to.deep.equal(['valid', 'valid', 'wrong', 'valid'])
    const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey.export({ format: 'der', type: 'spki' })
    expect(await signatures({ key: other.toString('hex') })).to.deep.equal(['wrong', 'wrong', 'wrong', 'wrong'])
    expect((await lines())[0]?.signature).to.deep.equal({ state: 'valid', publicKey: KEY })
    expect((await lines())[2]?.signature?.words).to.contain('the signature is wrong')
    const [, unchecked] = await lines({ bytes: true })
    expect(fromBase64(unchecked?.frame ?? '')).to.deep.equal(RECORD)
  })

  it('holds a chunk of frames at a time, however many there are', async () => {
    const items = Array.from({ length: 600 }, (_, i) => ({
      source: 's',
      reading: sampleReading(i),
      frame: new Uint8Array(60_000),
    }))
    for (let from = 0; from < items.length; from += 100) await store.spool.append(items.slice(from, from + 100))
    let turns = 0
    const platform = {
      turn: () => {
        turns++
        return systemPlatform.turn()
      },
    }
    let count = 0
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    for await (const answer of readFrameLines({ key: maker.member, store }, platform, { bytes: false })) {
      if ('frame' in answer) count++
      most = Math.max(most, process.memoryUsage().arrayBuffers)
    }
    expect([count, turns]).to.deep.equal([600, 18])
    expect(most - before).to.be.below(20_000_000)
  })
})
