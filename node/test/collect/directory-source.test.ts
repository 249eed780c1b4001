import { appendFile, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { Collector } from '../../collect/collector.ts'
import { MAX_FILES } from '../../collect/directory-source.ts'
import { openSource } from '../../collect/formats.ts'
import { fileMemory, type SourceMemory } from '../../collect/source-memory.ts'
import type { SourceFault } from '../../collect/source-watch.ts'
import { systemPlatform } from '../../platform.ts'
import { withFiles } from './inputs.ts'
import { telegram } from './p1-made.ts'

const line = (minute: number): string =>
  `{"time":"2026-01-15T11:${String(minute).padStart(2, '0')}:00Z","values":{"1-0:1.8.0":"${minute} Wh"}}\n`

async function untilTrue(what: string, isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 800 && !isTrue(); tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(isTrue(), what).to.equal(true)
}

/** Several looks of a directory that is looked at every 20 ms. */
const someLooks = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150))

class Reading {
  readonly minutes: number[] = []
  readonly faults: SourceFault[] = []
  readonly collector: Collector
  takes = true

  constructor(dir: string, options = '', memory: SourceMemory = fileMemory(join(dir, 'memory'))) {
    const deps = { ...systemPlatform, directory: dir, memory }
    this.collector = new Collector({
      ...systemPlatform,
      sources: [openSource(`dir:in?every=20ms${options}`, deps)],
      take: (items) => {
        if (!this.takes) return Promise.reject(new Error('full'))
        this.minutes.push(...items.map(({ reading }) => (reading.time / 60_000) % 60))
        return Promise.resolve()
      },
      onFault: (fault) => void this.faults.push(fault),
      backOff: { firstMs: 5, mostMs: 10 },
    })
    this.collector.start()
  }

  has(count: number): Promise<void> {
    return untilTrue(`${count} readings, found ${this.minutes.length}`, () => this.minutes.length >= count)
  }
}

describe('a directory being filled', () => {
  const running: Reading[] = []
  const start = (dir: string, options?: string, memory?: SourceMemory): Reading => {
    const reading = new Reading(dir, options, memory)
    running.push(reading)
    return reading
  }
  const stopAll = async (): Promise<void> => {
    for (const each of running.splice(0)) await each.collector.stop()
  }
  afterEach(stopAll)

  const inDirectory = (run: (dir: string, put: (name: string, text: string) => Promise<void>) => Promise<void>): Promise<void> =>
    withFiles({}, async (dir) => {
      await mkdir(join(dir, 'in'))
      try {
        await run(dir, (name, text) => writeFile(join(dir, 'in', name), text))
      } finally {
        await stopAll()
      }
    })

  it('what is there and what comes is read, each by the format that recognises it', () =>
    inDirectory(async (dir, put) => {
      await put('a.jsonl', line(1) + line(2))
      const node = start(dir)
      await node.has(2)
      await put('b.txt', telegram('260115120500', 1_000))
      await node.has(3)
      expect(node.minutes).to.deep.equal([1, 2, 5])
      expect(node.faults).to.deep.equal([])
    }))

  it('a file that is being written is not read before it rests, nor one under an unfinished name', () =>
    inDirectory(async (dir, put) => {
      const node = start(dir)
      await put('b.jsonl.part', line(9))
      for (let minute = 1; minute <= 30; minute++) {
        await appendFile(join(dir, 'in', 'a.jsonl'), line(minute))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await node.has(30)
      await someLooks()
      expect(node.minutes).to.not.include(undefined)
      expect(new Set(node.minutes).size).to.equal(30)
      await rename(join(dir, 'in', 'b.jsonl.part'), join(dir, 'in', 'b.jsonl'))
      await untilTrue('renamed', () => node.minutes.filter((minute) => minute === 9).length === 2)
    }))

  it('each once, also over a restart; a file that has changed is another one', () =>
    inDirectory(async (dir, put) => {
      await put('a.jsonl', line(1))
      const before = start(dir)
      await before.has(1)
      await someLooks()
      await before.collector.stop()
      await put('b.jsonl', line(2))
      const after = start(dir)
      await after.has(1)
      await someLooks()
      expect(after.minutes).to.deep.equal([2])
      await appendFile(join(dir, 'in', 'a.jsonl'), line(3))
      await after.has(3)
      expect(after.minutes).to.deep.equal([2, 1, 3])
    }))

  it('what was read is written down in the order in which it was read, and a stop waits for it', () =>
    inDirectory(async (dir, put) => {
      const written: number[] = []
      const slowFirst: SourceMemory = {
        read: () => Promise.resolve(undefined),
        write: async (_, value) => {
          const { files } = value as { files: object }
          await new Promise((resolve) => setTimeout(resolve, written.length === 0 ? 100 : 0))
          written.push(Object.keys(files).length)
        },
      }
      await put('a.jsonl', line(1))
      await put('b.jsonl', line(2))
      const node = start(dir, '', slowFirst)
      await node.has(2)
      await node.collector.stop()
      expect(written).to.deep.equal([1, 2])
    }))

  it('a file whose readings were not durable is read again', () =>
    inDirectory(async (dir, put) => {
      await put('a.jsonl', line(1))
      const before = start(dir)
      before.takes = false
      await untilTrue('refused', () => before.faults.length > 0)
      await before.collector.stop()
      const after = start(dir)
      await after.has(1)
      expect(after.minutes).to.deep.equal([1])
    }))

  it('DIR_FILE_REFUSED: a file that nothing recognises is told once, and the others are read', () =>
    inDirectory(async (dir, put) => {
      await put('a.bin', 'what is this')
      await put('b.jsonl', `${line(1)}{\n`)
      const node = start(dir)
      await node.has(1)
      await untilTrue('told', () => node.faults.length === 2)
      await someLooks()
      expect(node.faults.map(({ code, where, count }) => `${code} ${where} ${count}`).toSorted()).to.deep.equal([
        'DIR_FILE_REFUSED a.bin 1',
        'JSONL_LINE_MALFORMED b.jsonl, line 2 1',
      ])
    }))

  it('DIR_FILE_REFUSED: a file of several homes is no source', () =>
    inDirectory(async (dir, put) => {
      const rows = ['A', 'B'].map((home) => `${home},Std,2012-10-12 00:30:00.0000000,0\n`)
      await put('london.csv', `LCLid,stdorToU,DateTime,KWH/hh (per half hour) \n${rows.join('')}`)
      const node = start(dir)
      await untilTrue('told', () => node.faults.length > 0)
      expect(node.faults[0]?.message).to.match(/2 homes|recognises/)
    }))

  it('DIR_UNREADABLE: no such directory; it is looked for again', () =>
    withFiles({}, async (dir) => {
      const node = start(dir)
      await untilTrue('told', () => node.faults.some(({ code }) => code === 'DIR_UNREADABLE'))
      await mkdir(join(dir, 'in'))
      await writeFile(join(dir, 'in', 'a.jsonl'), line(4))
      await node.has(1)
      await rm(join(dir, 'in'), { recursive: true })
      await someLooks()
      expect(node.minutes).to.deep.equal([4])
      expect(MAX_FILES).to.equal(10_000)
    }))

  it('format= is for files that do not say what they are, and SOURCE_OPTION_INVALID what it is not', () =>
    inDirectory(async (dir, put) => {
      await put('a.txt', `  ${line(1)}`)
      const node = start(dir, '&format=jsonl')
      await node.has(1)
      for (const options of ['format=dir', 'format=novel', 'every=soon', 'map=x']) {
        expect(() => openSource(`dir:in?${options}`, systemPlatform), options)
          .to.throw()
          .with.property('code', 'SOURCE_OPTION_INVALID')
      }
    }))
})
