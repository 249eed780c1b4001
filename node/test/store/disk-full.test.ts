import { execFileSync } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import { type Kv, LedgerStore, openLevelKv, openMemoryKv } from '../../store/index.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { FailingKv } from './failing-kv.ts'
import { sampleReading } from './sample-readings.ts'
import { temporaryDirectories } from './temporary-directories.ts'

const DISK_MEBIBYTES = 10
/** What stands on the disk besides the store, and is taken away to make room. */
const BALLAST_BYTES = 7 * 1024 * 1024
/** Opening writes the log, by then all that is left of the disk, once more. */
const REOPEN_FREE_BYTES = 6 * 1024 * 1024
const FRAME = new Uint8Array(4_000).fill(7)

/** A small disk of its own, where the machine lets us mount one; otherwise a kv that says it is full. */
function mountDisk(directory: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEBIBYTES}m`, 'tmpfs', directory], { stdio: 'ignore' })
    return true
  } catch {
    console.log('    (no right to mount a small disk here: an invented full disk stands in for it)')
    return false
  }
}

describe('a full disk', () => {
  let directory: string
  let mounted: boolean

  // Before the directories are removed: hooks run in the order they stand in.
  after(() => {
    if (mounted) execFileSync('umount', ['-l', directory])
  })
  const directories = temporaryDirectories()

  before(async () => {
    directory = await directories.make()
    mounted = mountDisk(directory)
  })

  it('DISK_FULL: readings are refused, nothing acknowledged is lost, and all goes on once there is room', async () => {
    const ballast = path.join(directory, 'ballast')
    let kv: Kv
    if (mounted) {
      await writeFile(ballast, new Uint8Array(BALLAST_BYTES))
      kv = await openLevelKv(path.join(directory, 'ledger'), { reopenFreeBytes: REOPEN_FREE_BYTES })
    } else {
      const failing = new FailingKv(await openMemoryKv(), 40, 'stored')
      failing.fullFor = 5
      kv = failing
    }
    const open = (): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })
    const store = await open()
    const maker = new ChainMaker(1)
    await store.accept([maker.next(5)])
    const acknowledged: number[] = []
    let refused = 0
    for (let number = 0; refused < 3; number++) {
      try {
        await store.spool.append([{ source: 'p1', reading: sampleReading(number), frame: FRAME }])
        acknowledged.push(number)
      } catch (error) {
        if (!isWattnessError(error, 'DISK_FULL')) throw error
        refused++
        number--
      }
    }
    expect(acknowledged.length).to.be.greaterThan(10)
    const blocks = maker.next(1)
    const full = await store.accept([blocks]).catch((error: unknown) => error)
    expect(isWattnessError(full, 'DISK_FULL')).to.equal(true)

    await rm(ballast, { force: true })
    await store.accept([blocks])
    await store.spool.append([{ source: 'p1', reading: sampleReading(acknowledged.length) }])
    acknowledged.push(acknowledged.length)

    const check = async (each: LedgerStore): Promise<void> => {
      expect(each.damage).to.deep.equal([])
      expect(each.head(maker.member)?.root).to.deep.equal(maker.state.root)
      const { rows, damaged } = await each.spool.peek(100_000)
      expect(damaged).to.deep.equal([])
      const times = rows.map(({ item }) => ('reading' in item ? item.reading.time : 0))
      expect(times).to.deep.equal(acknowledged.map((number) => sampleReading(number).time))
    }
    await check(store)
    if (mounted) {
      await store.close()
      kv = await openLevelKv(path.join(directory, 'ledger'))
    }
    const again = await open()
    await check(again)
    await again.close()
  }).timeout(60_000)
})
