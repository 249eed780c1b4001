import { PassThrough, Writable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { openDataDir } from '../../collect/data-dir.ts'
import { openSource } from '../../collect/formats.ts'
import { type ReadOptions, readFile, writeReadings } from '../../collect/read.ts'
import { MAX_STRETCH_FAULTS, Replay } from '../../collect/replay.ts'
import { systemPlatform } from '../../platform.ts'
import { all, bytes, pieces, stream, thrownCode, withFiles } from './inputs.ts'

const P1 = '/TST3\r\n\r\n0-0:1.0.0(250115120000W)\r\n1-0:1.8.1(000001.001*kWh)\r\n1-0:32.32.0(00004)\r\n!\r\n'
const WIDE = 'household,date,0000,0030\nA,2025-01-01,1,2\nB,2025-01-01,3,4\n'
const JSONL = '{"time":"2025-01-01T12:00:00Z","values":{"1-0:1.8.0":"1.5 kWh"}}\n'

async function written(
  path: string,
  options: ReadOptions = {},
  deps = systemPlatform,
): Promise<{ out: string[]; err: string[]; counts: unknown }> {
  const [out, err] = [new PassThrough(), new PassThrough()]
  const texts = Promise.all([out, err].map(async (one) => Buffer.concat(await all(one)).toString()))
  const counts = await writeReadings(path, deps, options, out, err)
  out.end()
  err.end()
  const [first = '', second = ''] = await texts
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')
  return { out: lines(first), err: lines(second), counts }
}

describe('wattness read', () => {
  it('prints one JSON line a value, and says what it counted', async () => {
    await withFiles({ 'a.txt': P1 + P1.slice(0, 20) }, async (dir) => {
      const { out, err, counts } = await written(`${dir}/a.txt`)
      const rest = '"quality":"good","timeSource":"meter-clock","crc":"none"'
      expect(out).to.deep.equal([
        `{"time":"2025-01-15T11:00:00Z","register":"1-0:1.8.1","value":"1.001","unit":"kWh",${rest}}`,
        `{"time":"2025-01-15T11:00:00Z","register":"1-0:32.32.0","value":"4","unit":"",${rest}}`,
      ])
      expect(err).to.have.length(1)
      expect(err[0]).to.match(/^P1_TELEGRAM_TRUNCATED: P1 telegram at byte \d+/)
      expect(counts).to.deep.equal({ readings: 1, values: 2, faults: 1, faultsByCode: { P1_TELEGRAM_TRUNCATED: 1 } })
    })
  })

  it('recognises the format, whatever the name, and reads .gz as it is', async () => {
    await withFiles({ a: P1, b: gzipSync(JSONL), c: WIDE }, async (dir) => {
      expect((await written(`${dir}/a`)).out).to.have.length(2)
      expect((await written(`${dir}/b`)).out).to.have.length(1)
      const homes = (await written(`${dir}/c`)).out.map((line) => JSON.parse(line).home)
      expect(homes).to.deep.equal(['A', 'A', 'A', 'A', 'B', 'B', 'B', 'B'])
    })
  })

  it('--format and a mapping say what it is; a source is read as it is written', async () => {
    const mapping = {
      layout: 'long',
      time: { column: 't', format: 'iso', names: 'end' },
      values: [{ column: 'v', register: '1-0:1.8.0', unit: 'kWh' }],
    }
    await withFiles(
      { 'a.csv': 't,v\n2025-01-01T00:00Z,7\n', 'm.json': JSON.stringify(mapping), 'a.txt': P1, 'w.csv': WIDE },
      async (dir) => {
        expect((await written(`${dir}/a.csv`, { map: `${dir}/m.json` })).out).to.have.length(1)
        expect((await written(`${dir}/a.csv`, { format: 'csv', map: `${dir}/m.json` })).out).to.have.length(1)
        expect((await written(`${dir}/a.txt`, { format: 'p1' })).out).to.have.length(2)
        expect((await written(`${dir}/w.csv`, { format: 'csv' })).out).to.have.length(8)
        expect((await written(`csv:${dir}/w.csv#B`)).out).to.have.length(4)
      },
    )
  })

  it('standard input needs a format', async () => {
    const deps = { ...systemPlatform, standardInput: () => stream(pieces(bytes(JSONL), 9)) }
    expect((await written('-', { format: 'jsonl' }, deps)).out).to.have.length(1)
    expect(await thrownCode(() => written('-', {}, deps))).to.equal('SOURCE_FORMAT_UNKNOWN')
  })

  it('SOURCE_FORMAT_UNKNOWN, SOURCE_KIND_UNKNOWN, SOURCE_UNREADABLE', async () => {
    await withFiles({ a: 'hello' }, async (dir) => {
      expect(await thrownCode(() => written(`${dir}/a`))).to.equal('SOURCE_FORMAT_UNKNOWN')
      expect(await thrownCode(() => written(`${dir}/a`, { format: 'morse' }))).to.equal('SOURCE_KIND_UNKNOWN')
      expect(await thrownCode(() => written(`${dir}/b`))).to.equal('SOURCE_UNREADABLE')
    })
  })

  it('a reader that goes away ends it with the stream’s error', async () => {
    const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) })
    await withFiles({ a: P1 }, async (dir) => {
      expect(await thrownCode(() => writeReadings(`${dir}/a`, systemPlatform, {}, gone, new PassThrough()))).to.equal(
        'Error: EPIPE',
      )
    })
  })

  it('readFile gives lines and faults as values', async () => {
    await withFiles({ a: P1 + P1.slice(0, 20) }, async (dir) => {
      const found = await all(readFile(`${dir}/a`, systemPlatform))
      expect(found.map((one) => ('type' in one ? one.code : one.register))).to.deep.equal([
        '1-0:1.8.1',
        '1-0:32.32.0',
        'P1_TELEGRAM_TRUNCATED',
      ])
    })
  })
})

describe('data directory', () => {
  it('takes what it recognises, home by home, and names what it skips with the reason', async () => {
    const files = {
      'a.txt': P1,
      'b.csv.gz': gzipSync(WIDE),
      'c.csv': 'x,y\n1,2\n',
      'd.gz': gzipSync(WIDE).subarray(0, 40),
      'e.md': 'hello',
      'f.csv': WIDE.split('\n')[0] + '\n',
    }
    await withFiles(files, async (dir) => {
      const { sources, skipped } = await openDataDir(dir)
      expect(sources.map(({ spec }) => spec.replace(dir, ''))).to.deep.equal(['csv:/b.csv.gz#A', 'csv:/b.csv.gz#B', 'p1:/a.txt'])
      expect(skipped.map(({ path, reason }) => `${path.replace(dir, '')} ${reason.replace(dir, '')}`)).to.deep.equal([
        '/c.csv no built-in column mapping has its header: give it as csv:FILE?map=MAPPING.json',
        '/d.gz /d.gz cannot be read: unexpected end of file',
        '/e.md no format knows how it begins',
        '/f.csv csv: holds no home',
      ])
    })
  })

  it('a single file, a directory below, and nothing at all', async () => {
    await withFiles({ a: P1 }, async (dir) => {
      expect((await openDataDir(`${dir}/a`)).sources).to.deep.equal([{ spec: `p1:${dir}/a`, quality: 'good' }])
      const { mkdir } = await import('node:fs/promises')
      await mkdir(`${dir}/below`)
      expect((await openDataDir(dir)).skipped[0]?.reason).to.match(/a directory/)
      expect(await thrownCode(() => openDataDir(`${dir}/nothing`))).to.equal('SOURCE_UNREADABLE')
    })
  })
})

describe('replay', () => {
  it('the next rows on demand, to the end', async () => {
    await withFiles({ a: WIDE }, async (dir) => {
      const replay = new Replay(openSource(`csv:${dir}/a#B`, systemPlatform))
      const first = await replay.nextStretch(1)
      expect([first.items.length, first.done]).to.deep.equal([1, false])
      const last = await replay.nextStretch(5)
      expect([last.items.length, last.done]).to.deep.equal([1, true])
      expect((await replay.nextStretch(5)).items).to.deep.equal([])
      await replay.close()
    })
  })

  it('faults on the way are counted, and only so many are kept', async () => {
    await withFiles({ a: `${'x\n'.repeat(300)}${JSONL}` }, async (dir) => {
      const replay = new Replay(openSource(`jsonl:${dir}/a`, systemPlatform))
      const stretch = await replay.nextStretch(5)
      expect([stretch.items.length, stretch.faults.length, stretch.faultCount]).to.deep.equal([1, MAX_STRETCH_FAULTS, 300])
    })
  })

  it('closed in the middle, it reads no further', async () => {
    const replay = new Replay(openSource('household:a?from=2025-01-01', systemPlatform))
    expect((await replay.nextStretch(2)).items).to.have.length(2)
    await replay.close()
    expect((await replay.nextStretch(2)).items).to.deep.equal([])
  })
})
