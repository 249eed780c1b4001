import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { WattnessError } from '../../../protocol/errors.ts'
import { openLevelKv, openMemoryKv, put } from '../../store/index.ts'
import { storageError } from '../../store/kv.ts'
import { kvContract } from './kv-contract.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

const directories = temporaryDirectories()

kvContract('memory', openMemoryKv)
kvContract('LevelDB', async () => openLevelKv(await directories.make()))

describe('LevelDB behind the kv', () => {
  it('keeps what was written when it is opened again', async () => {
    const directory = await directories.make()
    const first = await openLevelKv(directory)
    await first.batch([put(Uint8Array.of(1), Uint8Array.of(2))], { sync: true })
    await first.close()
    const second = await openLevelKv(directory)
    expect(await second.get(Uint8Array.of(1))).to.deep.equal(Uint8Array.of(2))
    await second.close()
  })

  it('STORE_LOCKED: a directory that is open already', async () => {
    const directory = await directories.make()
    const first = await openLevelKv(directory)
    expect(await refusalCode(openLevelKv(directory))).to.equal('STORE_LOCKED')
    await first.close()
  })

  it('STORE_DAMAGED: names the file where LevelDB does', async () => {
    const directory = await directories.make()
    await (await openLevelKv(directory)).close()
    await writeFile(path.join(directory, 'CURRENT'), 'MANIFEST-999999')
    expect(await refusalCode(openLevelKv(directory))).to.equal('STORE_DAMAGED')
  })

  it('STORE_FAILED: a directory that is none', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'wattness-kv-'))
    const file = path.join(directory, 'file')
    await writeFile(file, '')
    expect(await refusalCode(openLevelKv(file, { createIfMissing: false }))).to.equal('STORE_FAILED')
    expect(await readdir(directory)).to.deep.equal(['file'])
    await rm(directory, { recursive: true })
  })

  it('a smaller write buffer: tables are written sooner', async () => {
    const tables = async (writeBufferBytes?: number): Promise<number> => {
      const directory = await directories.make()
      const kv = await openLevelKv(directory, writeBufferBytes === undefined ? {} : { writeBufferBytes })
      for (let i = 0; i < 24; i++) await kv.batch([put(Uint8Array.of(i), new Uint8Array(16_384).fill(i))])
      // Opening writes what is buffered as a table, closing does not.
      await kv.close()
      return (await readdir(directory)).filter((name) => name.endsWith('.ldb')).length
    }
    expect(await tables(65_536)).to.be.above(0)
    expect(await tables()).to.equal(0)
  })

  it('tells the errors of a storage library apart', () => {
    const codeOf = (message: string, code?: string): string => {
      const cause = Object.assign(new Error(message), { code })
      return storageError(new Error('Database failed', { cause }), '/there').code
    }
    expect(codeOf('IO error: /x/000005.log: No space left on device', 'LEVEL_IO_ERROR')).to.equal('DISK_FULL')
    expect(codeOf('write ENOSPC', 'ENOSPC')).to.equal('DISK_FULL')
    expect(codeOf('IO error: lock /x/LOCK: already held by process', 'LEVEL_LOCKED')).to.equal('STORE_LOCKED')
    expect(codeOf('Corruption: bad block', 'LEVEL_CORRUPTION')).to.equal('STORE_DAMAGED')
    expect(codeOf('IO error: Input/output error', 'LEVEL_IO_ERROR')).to.equal('STORE_FAILED')
    expect(storageError('what?', '/there').code).to.equal('STORE_FAILED')
    const damaged = storageError(new Error('Corruption: checksum mismatch: 000007.ldb'), '/there')
    expect(damaged.data.file).to.equal('000007.ldb')
    const ours = new WattnessError('DISK_FULL', 'full')
    expect(storageError(ours, '/there')).to.equal(ours)
  })
})
