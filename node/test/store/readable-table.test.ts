import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from 'chai'
import { LedgerStore, openLevelKv } from '../../store/index.ts'
import { inspectStore } from '../../store/inspect.ts'
import { ledgerDirectory } from '../../store/layout.ts'
import { readableTable } from '../../store/readable-table.ts'
import { ChainMaker, NETWORK_ID } from './chain-maker.ts'
import { temporaryDirectories } from './temporary-directories.ts'

/** Footer of a table: the place of the index stands in it, and nothing but data is before that. */
const FOOTER_BYTES = 48
const BLOCKS = 60
/** Damaged tables that LevelDB is shown: each is a store of its own. */
const MOST_READ = 12

describe('a damaged table', () => {
  const directories = temporaryDirectories()
  let directory: string
  let file: string
  let whole: Buffer
  const maker = new ChainMaker(1)

  before(async () => {
    directory = await directories.make()
    const ledger = ledgerDirectory(directory)
    // What the first session wrote is in a table when the second has opened.
    for (let session = 0; session < 2; session++) {
      const store = await LedgerStore.open({ kv: await openLevelKv(ledger), networkId: NETWORK_ID })
      if (session === 0) for (let i = 0; i < BLOCKS; i++) await store.accept([maker.next(1)])
      await store.close()
    }
    const name = (await readdir(ledger)).find((each) => each.endsWith('.ldb')) as string
    file = path.join(ledger, name)
    whole = await readFile(file)
  })

  /** Reads all that can be read, as `verify` does. */
  async function entriesOf(damaged: Uint8Array): Promise<number> {
    const at = await directories.make()
    await cp(directory, at, { recursive: true })
    await writeFile(path.join(ledgerDirectory(at), path.basename(file)), damaged)
    const inspection = await inspectStore(at)
    const { kv, files } = inspection
    let count = 0
    try {
      expect(files.faults.length).to.be.above(0)
      const all = { gte: new Uint8Array(0), lt: new Uint8Array(80).fill(255) }
      for await (const entries of kv?.iterate(all) ?? []) count += entries.length
      for (const key of [Uint8Array.of(2), Uint8Array.of(2, 0, 0), Uint8Array.of(255)]) await kv?.get(key)
    } finally {
      await inspection.close()
    }
    return count
  }

  const changed = (at: number, byte: number): Buffer => {
    const bytes = Buffer.from(whole)
    bytes[at] = byte
    return bytes
  }

  it('that is whole, or has a flip in a value, is read as it stands', () => {
    expect(readableTable(whole)).to.equal(undefined)
    const value = whole.indexOf(maker.blocks[3]?.body as Uint8Array)
    expect(value).to.be.above(0)
    expect(readableTable(changed(value + 3, (whole[value + 3] as number) ^ 1))).to.equal(undefined)
    expect(readableTable(new Uint8Array(20))).to.equal(undefined)
  })

  it('with keys too short to be keys ends no process: the rest of it is read', async () => {
    // The first entry's numbers: bytes shared with the key before, bytes of its own, bytes of its value.
    expect(whole[0]).to.equal(0)
    for (const own of [0, 3, 7, 127]) {
      const damaged = changed(1, own)
      expect(readableTable(damaged)?.length).to.equal(whole.length)
      expect(await entriesOf(damaged), `${own} bytes`).to.be.above(BLOCKS / 2)
    }
  })

  it('with an index that points beyond all files is no error of the system', async () => {
    const places = Array.from({ length: 150 }, (_, i) => whole.length - FOOTER_BYTES - i - 12)
    const filled = places.map((at) => Buffer.from(whole).fill(255, at, at + 3))
    const mended = filled.filter((bytes) => readableTable(bytes) !== undefined)
    expect(mended.length).to.be.above(0)
    const step = Math.ceil(mended.length / MOST_READ)
    for (let at = 0; at < mended.length; at += step) await entriesOf(mended[at] as Buffer)
  })

  it('ends no process whichever byte of its index, or of the numbers of an entry, is another', async () => {
    const places = [0, 1, 2, 3, ...Array.from({ length: 60 }, (_, i) => whole.length - FOOTER_BYTES - 1 - i * 2)]
    const damaged = places.flatMap((at) => [0, 5, 255].map((byte) => changed(at, byte))).filter((bytes) => !bytes.equals(whole))
    // What is left as it stands is read by the tests of repair and verify, which flip bytes everywhere.
    const mended = damaged.filter((bytes) => readableTable(bytes) !== undefined)
    expect(mended.length).to.be.above(20)
    for (let at = 0; at < mended.length; at += Math.ceil(mended.length / MOST_READ)) await entriesOf(mended[at] as Buffer)
  }).timeout(20_000)
})
