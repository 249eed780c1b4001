import { expect } from 'chai'
import { decodeFrameNote, encodeFrameNote } from '../../store/frame-note.ts'
import { auditStore, type FrameNote, type Kv, LedgerStore, openMemoryKv, put } from '../../store/index.ts'
import { frameKey, frameNoteKey } from '../../store/keys.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { framesOf } from './frames-of.ts'
import { START_MS, sampleItem } from './sample-readings.ts'

const QUARTER_HOUR_MS = 900_000
const at = (number: number): number => START_MS + number * QUARTER_HOUR_MS
const FRAME = Uint8Array.of(1, 2, 3)

function noteOf(height: number, sealedAtMs: number, more: Partial<FrameNote> = {}): FrameNote {
  return { height, sealedAtMs, index: 0, count: 1, proof: [], source: 'p1', ...more }
}

describe('raw frames in the store', () => {
  let kv: Kv
  let store: LedgerStore

  beforeEach(async () => {
    kv = await openMemoryKv()
    store = await LedgerStore.open({ kv, networkId: NETWORK_ID })
  })

  const kept = async (fromMs = 0, toMs = at(1_000)): Promise<number[]> =>
    (await framesOf(store, fromMs, toMs)).map(({ id }) => id)

  it('are there with their readings, by time, waiting and sealed, and each says which block took it up', async () => {
    await store.spool.append([{ ...sampleItem(3), frame: FRAME }, sampleItem(2), { ...sampleItem(1), frame: FRAME }])
    const { rows } = await store.spool.peek(10)
    expect(rows.map(({ item }) => ('frame' in item ? item.frame : undefined))).to.deep.equal([FRAME, undefined, FRAME])
    const note = noteOf(0, at(4), { index: 2, count: 5, proof: [new Uint8Array(32).fill(7)], signed: { publicKey: 'ab cd' } })
    await store.accept([new ChainMaker(1).next(1)], { spoolTaken: [0, 1], framesSealed: [{ timeMs: at(3), id: 0, note }] })
    const found = await framesOf(store, 0, at(10))
    expect(found).to.deep.equal([
      { timeMs: at(1), id: 2, frame: FRAME, note: undefined, waiting: sampleItem(1) },
      { timeMs: at(3), id: 0, frame: FRAME, note, waiting: undefined },
    ])
    expect(await kept(at(1) + 1)).to.deep.equal([0])
    expect(await kept(-5, at(3))).to.deep.equal([2])
    expect(await kept(0, Number.POSITIVE_INFINITY)).to.deep.equal([2, 0])
    expect(await store.frames.span()).to.deep.equal({ firstMs: at(1), lastMs: at(3) })
  })

  it('an empty store has none', async () => {
    expect(await kept()).to.deep.equal([])
    expect(await store.frames.span()).to.equal(undefined)
    expect(await store.frames.prune(at(9))).to.equal(0)
  })

  it('go once reading and block are older than asked for; those that wait for a block stay, whatever their age', async () => {
    await store.spool.append([1, 2, 3, 4].map((number) => ({ ...sampleItem(number), frame: FRAME })))
    // The first was read at once, the second was filled in years later, of the third no block is noted.
    const framesSealed = [
      { timeMs: at(1), id: 0, note: noteOf(0, at(2)) },
      { timeMs: at(2), id: 1, note: noteOf(0, at(500)) },
    ]
    await store.accept([new ChainMaker(1).next(1)], { spoolTaken: [0, 1, 2], framesSealed })
    expect(await store.frames.prune(at(1))).to.equal(0)
    expect(await store.frames.prune(at(100))).to.equal(2)
    expect(await kept()).to.deep.equal([1, 3])
    expect(await kv.get(frameNoteKey(at(1), 0))).to.equal(undefined)
    expect(await store.frames.prune(at(501))).to.equal(1)
    expect(await kept()).to.deep.equal([3])
    const [waiting] = (await store.spool.peek(1)).rows
    expect(waiting?.item).to.deep.equal({ ...sampleItem(4), frame: FRAME })
  })

  it('signed records have a time of their own to stay', async () => {
    await store.spool.append([1, 2].map((number) => ({ ...sampleItem(number), frame: FRAME, signed: {} })))
    const framesSealed = [
      { timeMs: at(1), id: 0, note: noteOf(0, at(3), { signed: {} }) },
      { timeMs: at(2), id: 1, note: noteOf(0, at(3)) },
    ]
    await store.accept([new ChainMaker(1).next(1)], { spoolTaken: [0, 1], framesSealed })
    expect(await store.frames.prune(at(900), at(3))).to.equal(1)
    expect(await kept()).to.deep.equal([0])
    expect(await store.frames.prune(at(0), at(900))).to.equal(1)
  })

  it('a damaged frame, or note, is told and takes nothing else with it', async () => {
    await store.spool.append([1, 2].map((number) => ({ ...sampleItem(number), frame: FRAME })))
    await kv.batch([put(frameKey(at(1), 0), Uint8Array.of(9)), put(frameNoteKey(at(2), 1), Uint8Array.of(9))])
    const found = await framesOf(store, 0, at(9))
    expect(found.map(({ frame, note }) => [frame?.length, note])).to.deep.equal([
      [undefined, undefined],
      [3, undefined],
    ])
    expect(store.damage.map(({ what }) => what)).to.deep.equal(['note of a frame damaged', `frame of ${at(1)} damaged`])
    // The reading itself is whole.
    expect((await store.spool.peek(1)).rows[0]?.item).to.deep.equal(sampleItem(1))
    const audit = await auditStore({ kv, verifySigned: verifyFake, allSignatures: true })
    expect(audit.damage.map(({ what, kind }) => [what.split(' damaged')[0], kind])).to.deep.equal([
      ['frame', 'frame'],
      ['note of a frame', 'frame'],
    ])
  })

  it('a note that says other than notes do is refused at every byte that is cut off, and read back as it was', () => {
    const note = noteOf(7, at(1), { proof: [new Uint8Array(32).fill(1)], signed: { publicKey: '0' } })
    const bytes = encodeFrameNote(note)
    expect(decodeFrameNote(bytes)).to.deep.equal(note)
    for (const other of [noteOf(0, 0), noteOf(0, 0, { signed: {} })]) {
      expect(decodeFrameNote(encodeFrameNote(other))).to.deep.equal(other)
    }
    // A key that is cut off at its end is a key.
    for (let length = 0; length < bytes.length - 1; length++) {
      expect(() => decodeFrameNote(bytes.subarray(0, length)), String(length)).to.throw()
    }
    expect(() => decodeFrameNote(Uint8Array.of(...encodeFrameNote(noteOf(0, 0)), 0))).to.throw()
    expect(() => decodeFrameNote(Uint8Array.of(0, 0, 0, 1, 0, 0, 2))).to.throw('signed or not')
    expect(() => decodeFrameNote(Uint8Array.of(0, 0, 0, 1, 65))).to.throw('65 hashes')
  })
})
