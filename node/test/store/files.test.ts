import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { checkFiles } from '../../store/files.ts'
import { LedgerStore, openLevelKv } from '../../store/index.ts'
import { ChainMaker, NETWORK_ID } from './chain-maker.ts'

/** Files beside these hold no data: LevelDB's chatter (LOG, LOG.old) and its empty LOCK. */
const DATA_FILE = /^(?:CURRENT|MANIFEST-\d+|\d+\.(?:log|ldb))$/

/** Above this size every seventh byte is flipped. */
const WHOLE_BELOW_BYTES = 4_096

describe('store files', () => {
  let directory: string

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'wattness-files-'))
    const makers = [new ChainMaker(1), new ChainMaker(2), new ChainMaker(3)]
    // Two sessions: what the first wrote is in a table when the second has opened, the rest is in the log. Small: each flip has
    // all of it read again.
    for (let session = 0; session < 2; session++) {
      const store = await LedgerStore.open({ kv: await openLevelKv(directory), networkId: NETWORK_ID })
      for (let i = 0; i < 6; i++) await store.accept(makers.map((maker) => maker.next(1)))
      await store.close()
    }
  })

  after(() => rm(directory, { recursive: true, force: true }))

  it('finds nothing in a store that is whole, and covers tables, log and manifest', async () => {
    const { faults, files } = await checkFiles(directory)
    expect(faults).to.deep.equal([])
    expect(files).to.equal((await readdir(directory)).filter((name) => DATA_FILE.test(name)).length)
    expect(files).to.be.greaterThan(3)
  })

  it('finds a flip of any byte of any data file, names the file, and takes none for the end that a crash leaves', async () => {
    const names = (await readdir(directory)).filter((name) => DATA_FILE.test(name))
    let flips = 0
    for (const name of names) {
      const file = path.join(directory, name)
      const original = await readFile(file)
      const step = original.length < WHOLE_BELOW_BYTES ? 1 : 7
      for (let at = 0; at < original.length; at += step) {
        const damaged = Buffer.from(original)
        damaged[at] = (damaged[at] as number) ^ (1 << (at % 8))
        await writeFile(file, damaged)
        const { faults } = await checkFiles(directory)
        expect(
          faults.some((fault) => fault.file === name && fault.torn !== true),
          `${name}, byte ${at} of ${original.length}`,
        ).to.equal(true)
        flips++
      }
      await writeFile(file, original)
    }
    expect(flips).to.be.greaterThan(1_000)
  }).timeout(120_000)

  it('tells a torn end of a log from damage', async () => {
    const copy = await mkdtemp(path.join(tmpdir(), 'wattness-torn-'))
    await cp(directory, copy, { recursive: true })
    const log = (await readdir(copy)).find((name) => name.endsWith('.log')) as string
    const whole = await readFile(path.join(copy, log))
    for (const cut of [1, 5, 100]) {
      await writeFile(path.join(copy, log), whole.subarray(0, whole.length - cut))
      const { faults } = await checkFiles(copy, 'logs')
      expect(faults.map(({ file, torn }) => ({ file, torn }))).to.deep.equal([{ file: log, torn: true }])
    }
    await writeFile(path.join(copy, log), Buffer.concat([whole, Buffer.alloc(5_000)]))
    expect((await checkFiles(copy, 'logs')).faults[0]?.torn).to.equal(true)
    await rm(copy, { recursive: true })
  })

  it('reports a missing table, log, manifest and CURRENT', async () => {
    const copy = await mkdtemp(path.join(tmpdir(), 'wattness-missing-'))
    for (const pattern of [/\.ldb$/, /\.log$/, /^MANIFEST/, /^CURRENT$/]) {
      await rm(copy, { recursive: true })
      await cp(directory, copy, { recursive: true })
      const name = (await readdir(copy)).find((each) => pattern.test(each)) as string
      await rm(path.join(copy, name))
      const { faults } = await checkFiles(copy)
      expect(faults.map(({ file }) => file)).to.deep.equal([name.startsWith('MANIFEST') ? 'CURRENT' : name])
    }
    await rm(copy, { recursive: true })
  })

  it('has nothing to say of a directory that holds no store yet', async () => {
    const empty = await mkdtemp(path.join(tmpdir(), 'wattness-empty-'))
    expect(await checkFiles(empty)).to.deep.equal({ faults: [], files: 0, bytes: 0 })
    await rm(empty, { recursive: true })
  })
})
