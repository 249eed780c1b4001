import { expect } from 'chai'
import { type Kv, systemPlatform } from '../../node/index.ts'
import { kvContract } from '../../node/test/store/kv-contract.ts'
import { LEAST_SHARED_BYTES, ValuePool } from '../disk/value-pool.ts'
import { VirtualDisk, type WriteFate } from '../disk/virtual-disk.ts'

const { timers } = systemPlatform
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const put = (key: number, value: number) => ({ type: 'put' as const, key: bytes(key), value: bytes(value) })
const del = (key: number) => ({ type: 'del' as const, key: bytes(key) })
const newDisk = (): VirtualDisk => new VirtualDisk({ pool: new ValuePool(), syncMs: 0 })

async function valuesOf(kv: Kv): Promise<number[]> {
  const values: number[] = []
  for await (const entries of kv.iterate({ gte: bytes(0), lt: bytes(255) })) {
    for (const [, value] of entries) values.push(value[0] as number)
  }
  return values
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (error as { code: string }).code,
  )
}

kvContract('virtual disk', async () => newDisk().mount(timers))

describe('virtual disk', () => {
  it('disks of one pool hold the same block once, and never what the writer may change', async () => {
    const pool = new ValuePool()
    const disks = [1, 2].map(() => new VirtualDisk({ pool, syncMs: 0 }))
    const key = bytes(1)
    const readAfter = async (length: number): Promise<(Uint8Array | undefined)[]> => {
      for (const disk of disks) {
        const value = new Uint8Array(length).fill(7)
        await disk.mount(timers).batch([{ type: 'put', key, value }])
        value.fill(0)
      }
      return disks.map((disk) => disk.read(key))
    }
    for (const length of [LEAST_SHARED_BYTES, LEAST_SHARED_BYTES - 1]) {
      const [one, two] = await readAfter(length)
      expect(one).to.deep.equal(new Uint8Array(length).fill(7))
      expect(two).to.deep.equal(one)
      expect(one === two).to.equal(length >= LEAST_SHARED_BYTES)
    }
  })

  it('a power cut takes unsynced writes back, the newest first, and no synced one', async () => {
    const disk = newDisk()
    const kv = disk.mount(timers)
    await kv.batch([put(1, 1), put(2, 2)])
    await kv.batch([put(3, 3)], { sync: true })
    await kv.batch([put(1, 10), del(2)])
    await kv.batch([put(3, 30), put(4, 40)])
    disk.powerCut((unsynced) => unsynced - 1)
    expect(await valuesOf(disk.mount(timers))).to.deep.equal([10, 3])
    disk.powerCut(() => 0)
    expect(await valuesOf(disk.mount(timers))).to.deep.equal([10, 3])
  })

  it('a lying disk loses what it said was synced', async () => {
    const disk = newDisk()
    disk.isLying = true
    await disk.mount(timers).batch([put(1, 1)], { sync: true })
    disk.powerCut(() => 0)
    expect(await valuesOf(disk.mount(timers))).to.deep.equal([])
  })

  for (const [fate, kept] of [
    ['lost', []],
    ['stored', [1]],
  ] as const) {
    it(`a write that fails '${fate}' refuses others until recovery`, async () => {
      const disk = newDisk()
      const kv = disk.mount(timers)
      disk.fate = (write): WriteFate => (write === 1 ? fate : 'ok')
      expect(await codeOf(kv.batch([put(1, 1)]))).to.equal('DISK_FULL')
      expect(await codeOf(kv.batch([put(2, 2)]))).to.equal('DISK_FULL')
      await kv.recover()
      expect(await valuesOf(kv)).to.deep.equal(kept)
      await kv.batch([put(2, 2)])
    })
  }

  for (const [fate, kept] of [
    ['crash-before', []],
    ['crash-after', [1]],
  ] as const) {
    it(`a crash at a write ('${fate}') leaves the write without an answer`, async () => {
      const disk = newDisk()
      let crashes = 0
      disk.onCrash = () => void crashes++
      disk.fate = () => fate
      let isAnswered = false
      void disk
        .mount(timers)
        .batch([put(1, 1)], { sync: true })
        .finally(() => {
          isAnswered = true
        })
      await systemPlatform.turn()
      expect([crashes, isAnswered]).to.deep.equal([1, false])
      disk.powerCut(() => 0)
      expect(await valuesOf(disk.mount(timers))).to.deep.equal(kept)
    })
  }

  it('DISK_FULL: fills up, and takes writes again once there is room', async () => {
    const disk = newDisk()
    disk.capacityBytes = 3
    const kv = disk.mount(timers)
    await kv.batch([put(1, 1)])
    expect(await codeOf(kv.batch([put(2, 2)]))).to.equal('DISK_FULL')
    disk.capacityBytes = 100
    await kv.recover()
    await kv.batch([put(2, 2)])
    expect(disk.usedBytes).to.equal(4)
    // Without a bound nothing is counted as it is written, and counted all the same.
    disk.capacityBytes = Number.POSITIVE_INFINITY
    await kv.batch([put(3, 3), del(1)])
    await kv.batch([put(4, 4)])
    expect(disk.usedBytes).to.equal(6)
    disk.capacityBytes = 7
    expect(await codeOf(kv.batch([put(5, 5)]))).to.equal('DISK_FULL')
    expect(disk.usedBytes).to.equal(6)
  })

  it('an earlier start gets no answer any more', async () => {
    const disk = newDisk()
    const before = disk.mount(timers)
    disk.mount(timers)
    let isAnswered = false
    const mark = (): void => {
      isAnswered = true
    }
    void before.get(bytes(1)).then(mark, mark)
    await systemPlatform.turn()
    expect(isAnswered).to.equal(false)
  })

  it('restores a backup', async () => {
    const disk = newDisk()
    await disk.mount(timers).batch([put(1, 1)], { sync: true })
    const image = disk.image()
    await disk.mount(timers).batch([put(1, 2), put(2, 2)], { sync: true })
    disk.restore(image)
    expect(await valuesOf(disk.mount(timers))).to.deep.equal([1])
  })
})
