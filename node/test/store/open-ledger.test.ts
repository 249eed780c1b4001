import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import { type LedgerStore, openLedger, openLevelKv } from '../../store/index.ts'
import { ledgerDirectory } from '../../store/layout.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { sampleItem } from './sample-readings.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

describe("a node's directory", () => {
  const directories = temporaryDirectories()
  const openIn = (directory: string): Promise<LedgerStore> =>
    openLedger({ directory, networkId: NETWORK_ID, verifySigned: verifyFake })

  it('is made, locked while it is open, and free once it is closed', async () => {
    const directory = path.join(await directories.make(), 'a', 'b')
    const store = await openIn(directory)
    const refused = await openIn(directory).catch((error: unknown) => error)
    expect(isWattnessError(refused, 'STORE_LOCKED') && refused.message).to.contain('in use by this process')
    await store.close()
    await store.close()
    await (await openIn(directory)).close()
    expect(await readdir(directory)).to.deep.equal(['guard', 'ledger'])
  })

  it('STORE_LOCKED: also where LevelDB was opened past the lock', async () => {
    const directory = await directories.make()
    const kv = await openLevelKv(ledgerDirectory(directory))
    expect(await refusalCode(openIn(directory))).to.equal('STORE_LOCKED')
    await kv.close()
    await (await openIn(directory)).close()
  })

  it('gives the lock back when the store is refused', async () => {
    const directory = await directories.make()
    await (await openIn(directory)).close()
    const other = openLedger({ directory, networkId: new Uint8Array(32) })
    expect(await refusalCode(other)).to.equal('STORE_OTHER_NETWORK')
    await (await openIn(directory)).close()
  })

  const logOf = async (directory: string): Promise<string> => {
    const name = (await readdir(ledgerDirectory(directory))).find((each) => each.endsWith('.log')) as string
    return path.join(ledgerDirectory(directory), name)
  }

  it('opens after a crash in mid-write: the torn end of the log is nothing to report', async () => {
    const directory = await directories.make()
    const store = await openIn(directory)
    const maker = new ChainMaker(1)
    await store.accept([maker.next(1)])
    await store.accept([maker.next(1)])
    await store.close()
    const log = await logOf(directory)
    const bytes = await readFile(log)
    await writeFile(log, bytes.subarray(0, bytes.length - 10))
    const again = await openIn(directory)
    expect(again.damage).to.deep.equal([])
    expect(again.head(maker.member)?.size).to.equal(1)
    await again.close()
  })

  it('keeps a copy of a damaged log before LevelDB drops part of it, four at most, and reports it', async () => {
    const directory = await directories.make()
    const store = await openIn(directory)
    const maker = new ChainMaker(1)
    for (let i = 0; i < 300; i++) await store.accept([maker.next(1)])
    for (let i = 0; i < 100; i++) await store.spool.append([sampleItem(i)])
    await store.close()
    const pristine = await directories.make()
    await cp(directory, pristine, { recursive: true })
    for (let round = 1; round <= 6; round++) {
      await cp(ledgerDirectory(pristine), ledgerDirectory(directory), { recursive: true, force: true })
      const log = await logOf(directory)
      const bytes = await readFile(log)
      bytes[50_000] = (bytes[50_000] as number) ^ 1
      await writeFile(log, bytes)
      const opened = await openIn(directory)
      const [first] = opened.damage
      expect(first?.file).to.match(/\.log$/)
      expect(opened.damage.length).to.be.greaterThan(1)
      expect(opened.head(maker.member)?.size).to.be.below(300)
      expect((await opened.readBlocks(maker.member, 0, 1_000)).length).to.equal(opened.head(maker.member)?.size)
      await opened.close()
      const copies = (await readdir(directory)).filter((name) => name.endsWith('.damaged'))
      expect(copies.length).to.equal(Math.min(round, 4))
    }
  }).timeout(20_000)
})
