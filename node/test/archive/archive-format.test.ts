import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { expect } from 'chai'
import { type ArchiveHead, ArchiveWriter, MAX_FRAME_BYTES, readArchive } from '../../archive/archive-format.ts'
import { withoutSealAlone } from '../../archive/archived-files.ts'
import type { KvEntry } from '../../store/index.ts'
import { temporaryDirectories } from '../store/temporary-directories.ts'

const HEAD: ArchiveHead = {
  createdAt: '2026-11-23T00:00:00.000Z',
  network: { name: 'x', id: '00' },
  schema: 3,
  ownKey: null,
  hasPrivateKey: false,
  blocks: 0,
}

describe('the file of an archive', () => {
  const directories = temporaryDirectories()
  let path: string

  beforeEach(async () => {
    path = join(await directories.make(), 'archive')
  })

  async function write(work: (writer: ArchiveWriter) => Promise<unknown>, raw: readonly Uint8Array[] = []): Promise<void> {
    const file = await open(path, 'w')
    await work(new ArchiveWriter(file))
    for (const bytes of raw) await file.appendFile(bytes)
    await file.close()
  }

  /** The largest part that was in memory, and how many records there were. */
  async function read(): Promise<{ largest: number; records: number }> {
    const file = await open(path, 'r')
    const found = { largest: 0, records: 0 }
    try {
      for await (const part of readArchive(file)) {
        if (!('records' in part)) continue
        found.records += part.records.length
        found.largest = Math.max(
          found.largest,
          part.records.reduce((sum, [, value]) => sum + value.length, 0),
        )
      }
    } finally {
      await file.close()
    }
    return found
  }

  const refusal = (): Promise<string> =>
    read().then(
      () => 'none',
      (error: Error) => error.message,
    )

  const frame = (kind: number, payload: Uint8Array): Buffer => {
    const head = Buffer.alloc(5)
    head[0] = kind
    head.writeUInt32BE(payload.length, 1)
    const end = Buffer.alloc(4)
    end.writeUInt32BE(crc32(payload, crc32(head)))
    return Buffer.concat([head, payload, end])
  }

  it('holds a part of it in memory at a time, however much there is', async () => {
    const value = new Uint8Array(65_535)
    await write(async (writer) => {
      await writer.begin(HEAD)
      for (let i = 0; i < 64; i++) await writer.records([[Uint8Array.of(1, i), value]] as KvEntry[])
      await writer.end()
    })
    const { largest, records } = await read()
    expect(records).to.equal(64)
    expect(largest).to.be.below(MAX_FRAME_BYTES / 2)
  })

  it('ARCHIVE_INVALID: parts in another order, of unknown kinds, too large, or that cannot be read', async () => {
    const begin = (writer: ArchiveWriter): Promise<void> => writer.begin(HEAD)
    await write(begin, [frame(1, Buffer.from(JSON.stringify(HEAD)))])
    expect(await refusal()).to.match(/^archive, byte \d+: a second head$/)
    await write(begin, [frame(9, new Uint8Array(3))])
    expect(await refusal()).to.contain('a part of kind 9')
    await write(begin, [frame(3, Uint8Array.of(5, 1))])
    expect(await refusal()).to.contain('a part that cannot be read')
    const huge = Buffer.alloc(5)
    huge[0] = 3
    huge.writeUInt32BE(0xffff_ffff, 1)
    await write(begin, [huge])
    expect(await refusal()).to.contain(`at most ${MAX_FRAME_BYTES}`)
    await write(begin, [frame(4, Buffer.from(JSON.stringify({ files: 0, records: 0, sha256: '00' })))])
    expect(await refusal()).to.contain('SHA-256 of what comes before')
    await write((writer) => writer.begin({ ...HEAD, ownKey: 'no key' }))
    expect(await refusal()).to.contain('its head lacks a field')
    const file = await open(path, 'w')
    await file.appendFile(Buffer.from('wattness-archive/1\n'))
    await file.appendFile(frame(2, Uint8Array.of(1, 65)))
    await file.close()
    expect(await refusal()).to.contain('its head does not come first')
  })

  it('counts what it holds', async () => {
    await write(async (writer) => {
      await writer.begin(HEAD)
      await writer.file('genesis.json', Uint8Array.of(1))
      await writer.records([[Uint8Array.of(1), Uint8Array.of(2)]] as KvEntry[])
      expect(await writer.end()).to.deep.include({ files: 1, records: 1 })
    })
    expect((await read()).records).to.equal(1)
  })

  it('leaves the word "seal alone" out of a configuration, and nothing else', () => {
    const of = (text: string): string => Buffer.from(withoutSealAlone(Buffer.from(text))).toString()
    expect(of('{"interval":"1h","sealAlone":true}')).to.equal('{\n  "interval": "1h"\n}\n')
    expect(of('{"interval":"1h"}')).to.equal('{"interval":"1h"}')
    for (const text of ['', 'no json', '[1]', '3', 'null']) expect(of(text)).to.equal(text)
  })
})
