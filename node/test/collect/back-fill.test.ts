import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type BackFillCounts, type BackFillRow, backFill, MAX_OPEN_MONTHS } from '../../collect/back-fill.ts'
import { systemPlatform } from '../../platform.ts'

const HOUR_MS = 3_600_000
const T0 = Date.UTC(2023, 0, 31, 12)

const line = (hours: number, register = '1-0:1.29.0'): string =>
  `${JSON.stringify({ time: T0 + hours * HOUR_MS, intervalMs: HOUR_MS, values: { [register]: `${hours} Wh` } })}\n`

describe('back-fill of a file', () => {
  let folder: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'back-fill-'))
  })
  after(() => rm(folder, { recursive: true }))

  async function fill(name: string, text: string): Promise<{ rows: BackFillRow[]; counts: BackFillCounts; faults: string[] }> {
    const path = join(folder, name)
    await writeFile(path, text)
    const rows: BackFillRow[] = []
    const faults: string[] = []
    let counts: BackFillCounts | undefined
    const take = (part: readonly BackFillRow[]): Promise<{ taken: number; duplicates: number }> => {
      rows.push(...part)
      return Promise.resolve({ taken: part.length, duplicates: 0 })
    }
    const init = {
      path,
      options: {},
      deps: systemPlatform,
      take,
      onFault: ({ code }: { code: string }) => void faults.push(code),
    }
    for await (const each of backFill(init)) counts = each
    return { rows, counts: counts as BackFillCounts, faults }
  }

  it('gives each register and month in order of time, whatever the order of the file', async () => {
    const hours = Array.from({ length: 48 }, (_, index) => index)
    const forward = await fill('a.jsonl', hours.map((hour) => line(hour)).join(''))
    const backward = await fill(
      'b.jsonl',
      hours
        .toReversed()
        .map((hour) => line(hour))
        .join(''),
    )
    for (const { rows, counts } of [forward, backward]) {
      expect(counts).to.include({ taken: 48, known: 0, refused: 0, firstMs: T0, lastMs: T0 + 47 * HOUR_MS })
      for (const month of new Set(rows.map(({ source }) => source))) {
        const times = rows.filter(({ source }) => source === month).map(({ reading }) => reading.time)
        expect(times).to.deep.equal(times.toSorted((x, y) => x - y))
      }
    }
    expect(new Set(forward.rows.map(({ source }) => source))).to.deep.equal(new Set(backward.rows.map(({ source }) => source)))
  })

  it('names sources by format, home, register and month, not by where the file lies', async () => {
    const { rows } = await fill('c.jsonl', line(0) + line(24) + line(0, '1-0:2.29.0'))
    expect(rows.map(({ source }) => source)).to.have.members([
      'import:jsonl/1-0:1.29.0/30/0/3600000/2023-01',
      'import:jsonl/1-0:1.29.0/30/0/3600000/2023-02',
      'import:jsonl/1-0:2.29.0/30/0/3600000/2023-01',
    ])
  })

  it('counts what is refused by code, and tells it', async () => {
    const { counts, faults } = await fill('d.jsonl', `${line(0)}no JSON\n${line(1)}`)
    expect(counts).to.deep.include({ taken: 2, refused: 1, refusedByCode: { JSONL_LINE_MALFORMED: 1 } })
    expect(faults).to.deep.equal(['JSONL_LINE_MALFORMED'])
  })

  it('IMPORT_TIME_MISSING: a telegram without a time of its own is refused; others are sampled like a meter', async () => {
    const timeless = '/ABC5\r\n\r\n1-0:1.8.1(000001.000*kWh)\r\n!\r\n'
    const { counts } = await fill('e.txt', timeless)
    expect(counts.refusedByCode).to.deep.equal({ IMPORT_TIME_MISSING: 1 })
    const telegram = (second: string): string => {
      return `/ABC5\r\n\r\n0-0:1.0.0(2301311200${second}W)\r\n1-0:1.8.1(000001.000*kWh)\r\n1-0:32.7.0(230.0*V)\r\n!\r\n`
    }
    const sampled = await fill('f.txt', telegram('01') + telegram('02') + telegram('03'))
    expect(sampled.counts.taken).to.equal(1)
    expect(sampled.rows[0]?.reading.values).to.have.length(1)
    expect(sampled.rows[0]?.frame?.length).to.be.above(50)
  })

  it('IMPORT_HOME_NEEDED: a file of several homes is no meter of one node', async () => {
    const day = (nmi: string): string => `200,${nmi},E1,1,E1,N1,M,kWh,30,\n300,20240101,${'1,'.repeat(48)}A,,,20240102000000,\n`
    const path = join(folder, 'homes.csv')
    await writeFile(path, `100,NEM12,202401021200,A,B\n${day('AAA')}${day('BBB')}900\n`)
    const run = async (name: string): Promise<number> => {
      let taken = 0
      const take = (rows: readonly BackFillRow[]): Promise<{ taken: number; duplicates: number }> => {
        expect(rows[0]?.source).to.contain('import:nem12#BBB/')
        return Promise.resolve({ taken: rows.length, duplicates: 0 })
      }
      for await (const counts of backFill({ path: name, options: {}, deps: systemPlatform, take })) taken = counts.taken
      return taken
    }
    const code = await run(path).then(
      () => '',
      (error: { code: string }) => error.code,
    )
    expect(code).to.equal('IMPORT_HOME_NEEDED')
    expect(await run(`nem12:${path}#BBB`)).to.equal(48)
  })

  it('holds so many months open and no more', async () => {
    const registers = Array.from({ length: MAX_OPEN_MONTHS + 4 }, (_, index) => `1-${index % 60}:1.29.${Math.floor(index / 60)}`)
    const { counts } = await fill('g.jsonl', registers.map((register) => line(0, register)).join(''))
    expect(counts.taken).to.equal(registers.length)
  })
})
