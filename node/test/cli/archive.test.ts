import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, chmod, mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { toHex } from '../../../protocol/index.ts'
import { type ArchivePart, ArchiveWriter, readArchive } from '../../archive/archive-format.ts'
import type { ArchiveReport, RestoreReport } from '../../archive/index.ts'
import { askControl, type Status } from '../../control/index.ts'
import { createMemoryHub, openNode, openStore, systemPlatform } from '../../index.ts'
import { type Kv, openLevelKv } from '../../store/index.ts'
import { ledgerDirectory } from '../../store/layout.ts'
import { event, json, type Said, say, start, until } from './command-line.ts'
import { BLOCKS, DamagedNode, LISTEN, readingAt } from './damaged-node.ts'

const COMMAND = join(import.meta.dirname, '..', '..', 'cli', 'wattness.ts')

describe('wattness archive', () => {
  let node: DamagedNode
  let root: string
  let whole: string
  let made: ArchiveReport
  let count = 0

  before(async function () {
    this.timeout(60_000)
    node = await DamagedNode.make()
    const dir = await node.copy()
    root = dirname(dir)
    whole = join(root, 'whole.archive')
    made = await createdAt(dir, whole)
  })
  after(() => node.close())

  const fresh = (): string => join(root, `fresh-${count++}`)
  const create = (dir: string, out: string, ...flags: string[]): Promise<Said> =>
    say(['archive', 'create', '--json', '--dir', dir, '--out', out, ...flags])
  const restore = (file: string, dir: string): Promise<Said> => say(['archive', 'restore', '--json', file, '--dir', dir])

  async function createdAt(dir: string, out: string, ...flags: string[]): Promise<ArchiveReport> {
    const said = await create(dir, out, ...flags)
    expect(said.status, said.err).to.equal(0)
    return json(said) as ArchiveReport
  }

  async function restored(file: string): Promise<{ dir: string; report: RestoreReport }> {
    const dir = fresh()
    const said = await restore(file, dir)
    expect(said.status, said.err).to.equal(0)
    return { dir, report: json(said) as RestoreReport }
  }

  const refusalOf = (said: Said): { code: string; message: string } => {
    expect(said.status).to.be.above(0)
    return (json(said) as { error: { code: string; message: string } }).error
  }

  async function recordsOf(dir: string): Promise<string[]> {
    const kv: Kv = await openLevelKv(ledgerDirectory(dir))
    const records: string[] = []
    for await (const entries of kv.iterate({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) })) {
      records.push(...entries.map(([key, value]) => `${toHex(key)} ${toHex(value)}`))
    }
    await kv.close()
    return records
  }

  const keyOf = async (dir: string): Promise<string> => (await readFile(join(dir, 'key'), 'utf8')).trim()

  it('of a stopped store holds all of it and never the private key; it is restored whole', async () => {
    expect(made).to.deep.include({
      blocks: BLOCKS + 1,
      hasPrivateKey: false,
      ownKey: toHex(node.signer.publicKey),
      archive: whole,
    })
    expect((await stat(whole)).mode & 0o777).to.equal(0o600)
    const bytes = await readFile(whole)
    expect(bytes.length).to.equal(made.bytes)
    const seed = await keyOf(await node.copy())
    expect([bytes.includes(seed), bytes.includes(Buffer.from(seed, 'hex'))]).to.deep.equal([false, false])
    const { dir, report } = await restored(whole)
    expect(report).to.deep.include({ blocks: BLOCKS + 1, records: made.records, directory: dir, sealAloneLeftOut: false })
    expect((await readdir(dir)).toSorted()).to.deep.equal([...report.files, 'guard', 'ledger'].toSorted())
    const isOfDisk = (record: string): boolean =>
      record.startsWith('01') && record.startsWith(`01${toHex(Buffer.from('durable'))}`)
    const original = (await recordsOf(await node.copy())).filter((record) => !isOfDisk(record))
    expect((await recordsOf(dir)).filter((record) => !isOfDisk(record))).to.deep.equal(original)
    expect((await node.verify(dir, '--all-signatures')).status).to.equal(0)
    const text = await say(['archive', 'restore', whole, '--dir', fresh()])
    expect(text.out).to.match(/263 blocks and \d+ records of repair as of .*, all of them checked\n/)
    expect(text.out).to.match(/without a private key: .*\n.*asks its neighbours/)
  }).timeout(20_000)

  it('has the private key only where it is asked for, and says so; it is restored with mode 0600', async () => {
    const dir = await node.copy()
    const out = join(root, 'secret.archive')
    const said = await say(['archive', 'create', '--dir', dir, '--out', out, '--with-private-key'])
    expect([said.status, said.err]).to.deep.equal([
      0,
      `WARNING: ${out} holds the private key: whoever reads it can be this node\n`,
    ])
    const { dir: again } = await restored(out)
    expect(await keyOf(again)).to.equal(await keyOf(dir))
    expect((await stat(join(again, 'key'))).mode & 0o777).to.equal(0o600)
    const opened = await openStore({ dir: again })
    expect(opened.store.damage).to.deep.equal([])
    await opened.close()
  })

  it('of a running node is its store as of one moment, the spool too', async () => {
    await node.whileRunning(async (dir) => {
      const out = join(root, 'running.archive')
      const report = await createdAt(dir, out)
      expect(report.blocks).to.equal(BLOCKS + 1)
      expect(refusalOf(await create(dir, out)).code).to.equal('FILE_EXISTS')
      for (const [path, order] of [
        ['/archive', { out: 'relative' }],
        ['/archive', {}],
        ['/prune', {}],
      ] as const) {
        const code = await askControl(join(dir, 'control.sock'), 'POST', path, order).catch(
          (error: { code: string }) => error.code,
        )
        expect(code, path).to.equal('QUERY_INVALID')
      }
      const { dir: again } = await restored(out)
      expect((await node.verify(again)).status).to.equal(0)
    })
  }).timeout(20_000)

  it('FILE_EXISTS: overwrites neither an archive nor a directory with anything in it', async () => {
    const dir = await node.copy()
    expect(refusalOf(await create(dir, whole)).code).to.equal('FILE_EXISTS')
    // What a process that is gone has left is taken away; what one that lives is writing is not.
    const [gone, own] = [2_147_483_646, process.ppid].map((pid) => join(root, `left.archive.${pid}.part`)) as [string, string]
    for (const path of [gone, own]) await writeFile(path, 'half')
    await createdAt(dir, join(root, 'left.archive'))
    expect([existsSync(gone), existsSync(own)]).to.deep.equal([false, true])
    expect(refusalOf(await restore(whole, dir)).code).to.equal('FILE_EXISTS')
    const empty = fresh()
    await mkdir(empty)
    expect((await restore(whole, empty)).status).to.equal(0)
    const other = fresh()
    await mkdir(`${other}.restoring`)
    await writeFile(join(`${other}.restoring`, 'mine'), 'mine')
    expect(refusalOf(await restore(whole, other)).code).to.equal('FILE_EXISTS')
    expect(await readFile(join(`${other}.restoring`, 'mine'), 'utf8')).to.equal('mine')
  })

  it('ARCHIVE_INVALID: one that is cut off or altered anywhere is refused, at its byte, and nothing is restored', async () => {
    const bytes = await readFile(whole)
    const bad = join(root, 'bad.archive')
    const refused = async (content: Uint8Array): Promise<string> => {
      await writeFile(bad, content)
      const dir = fresh()
      const { code, message } = refusalOf(await restore(bad, dir))
      expect(code).to.equal('ARCHIVE_INVALID')
      expect([existsSync(dir), existsSync(`${dir}.restoring`)]).to.deep.equal([false, false])
      return message
    }
    for (const at of [0, 5, 19, 40, 300, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const altered = Buffer.from(bytes)
      altered[at] = (altered[at] as number) ^ 0x20
      expect(await refused(altered), `byte ${at}`).to.match(/^archive, byte \d+: /)
      expect(await refused(bytes.subarray(0, at)), `cut at ${at}`).to.match(
        /byte \d+: it ends in the middle of .*: it was cut off$/,
      )
    }
    await writeFile(bad, bytes)
    await appendFile(bad, 'x')
    expect(refusalOf(await restore(bad, fresh())).message).to.contain('goes on behind its end')
    await truncate(bad, 0)
    expect(refusalOf(await restore(bad, fresh())).code).to.equal('ARCHIVE_INVALID')
    expect(refusalOf(await restore(join(root, 'nowhere'), fresh())).code).to.equal('DIRECTORY_UNUSABLE')
  }).timeout(20_000)

  it('ARCHIVE_INVALID: checksums that were made anew hide nothing', async () => {
    const refused = async (change: (part: ArchivePart) => ArchivePart | undefined): Promise<string> => {
      const dir = fresh()
      const { code, message } = refusalOf(await restore(await forged(change), dir))
      expect([code, existsSync(dir), existsSync(`${dir}.restoring`)]).to.deep.equal(['ARCHIVE_INVALID', false, false])
      return message
    }
    const changedBlock = await refused((part) => {
      if (!('records' in part)) return part
      return {
        records: part.records.map(([key, value]) =>
          key[0] === 4 && key[8] === 77 ? [key, value.with(98, (value[98] as number) ^ 1)] : [key, value],
        ),
      }
    })
    expect(changedBlock).to.match(/^archive: member 1 .* height 77: .*: nothing was restored$/)
    const without = await refused((part) =>
      'records' in part ? { records: part.records.filter(([key]) => key[0] !== 3) } : part,
    )
    expect(without).to.contain('head record missing')
    const named = (name: string) => (part: ArchivePart) => ('file' in part ? { ...part, file: name } : part)
    expect(await refused(named('../evil'))).to.contain('a file "../evil"')
    expect(await refused(named('key'))).to.contain('a file "key"')
    expect(await refused((part) => ('file' in part ? { ...part, content: new Uint8Array(600_000) } : part))).to.contain('600000')
    expect(await refused((part) => ('file' in part ? undefined : part))).to.contain('it has no genesis')
    const id = '00'.repeat(32)
    const other = (part: ArchivePart) => ('head' in part ? { head: { ...part.head, network: { name: 'x', id } } } : part)
    expect(await refused(other)).to.contain('of another network')
    expect(await refused((part) => ('head' in part ? { head: { ...part.head, blocks: 9 } } : part))).to.contain('its head says 9')
    expect((await restore(await forged((part) => part), fresh())).status).to.equal(0)
  }).timeout(20_000)

  /** The whole archive with its parts changed, under checksums that fit. */
  async function forged(change: (part: ArchivePart) => ArchivePart | undefined): Promise<string> {
    const to = join(root, `forged-${count++}.archive`)
    const [source, target] = [await open(whole, 'r'), await open(to, 'w')]
    const writer = new ArchiveWriter(target)
    for await (const found of readArchive(source)) {
      const part = change(found)
      if (part === undefined) continue
      if ('head' in part) await writer.begin(part.head)
      if ('file' in part) await writer.file(part.file, part.content)
      if ('records' in part) await writer.records(part.records)
      if ('end' in part) await writer.end()
    }
    await Promise.all([source.close(), target.close()])
    return to
  }

  it('STORE_DAMAGED: what verify finds is mended before it is archived', async () => {
    const dir = await node.copy()
    await node.tamper(dir, async (kv) => {
      for await (const entries of kv.iterate({ gte: Uint8Array.of(4), lt: Uint8Array.of(5) })) {
        const [key, value] = entries[100] as readonly [Uint8Array, Uint8Array]
        await kv.batch([{ type: 'put', key, value: value.with(88, (value[88] as number) ^ 1) }])
        break
      }
    })
    const out = join(root, 'damaged.archive')
    const { code, message } = refusalOf(await create(dir, out))
    expect(code).to.equal('STORE_DAMAGED')
    expect(message).to.match(/not archived: .*`wattness repair` first/)
    expect((await readdir(root)).filter((name) => name.startsWith('damaged.archive'))).to.deep.equal([])
    const empty = fresh()
    await say(['network', 'create', '--name', 'Empty', '--dir', empty])
    expect(refusalOf(await create(empty, join(root, 'empty.archive'))).code).to.equal('NO_STORE')
    expect(refusalOf(await say(['archive', 'create', '--json', '--dir', dir])).code).to.equal('USAGE')
  })

  it('restored from an old one, a meter asks its neighbours before it seals, and goes on behind what they hold', async () => {
    const dir = await node.copy()
    // What the store was some time ago: fewer blocks than the neighbours hold by now, and the operator's word of back then.
    const opened = await openStore({ dir })
    await opened.store.cutBack(node.signer.publicKey, 256, 'an older copy')
    await opened.close()
    await writeFile(join(dir, 'config.json'), JSON.stringify({ sealAlone: true, interval: '1h' }))
    const out = join(root, 'old.archive')
    await createdAt(dir, out, '--with-private-key')
    const { dir: again, report } = await restored(out)
    expect(report.sealAloneLeftOut).to.equal(true)
    expect(json({ status: 0, out: await readFile(join(again, 'config.json'), 'utf8'), err: '' })).to.deep.equal({
      interval: '1h',
    })
    // On a network of its own: over the real one it may find its neighbour before it is looked at.
    const hub = createMemoryHub(systemPlatform)
    const alone = await openNode({ dir: again, settings: { verifyThreads: 0 }, network: (key) => hub.network(key) })
    try {
      await alone.start()
      await alone.node.take([{ source: 'test', reading: readingAt(BLOCKS) }])
      expect(alone.node.heldBack()).to.be.a('string')
      const sealed = await alone.node.sealNow().catch((error: { code: string }) => error.code)
      expect(sealed).to.equal('SEAL_HELD_BACK')
    } finally {
      await alone.close()
    }
    const running = start(['run', '--dir', again, '--listen', LISTEN, '--bootstrap', node.peerAddress])
    try {
      await running.line(event('listening'))
      const status = await until(
        async () => json(await say(['status', '--json', '--dir', again])) as Status,
        ({ chains }) => (chains[1]?.size ?? 0) >= BLOCKS,
      )
      expect(status.chains[1]?.quarantined).to.equal(false)
      expect(status.damage).to.deep.equal([])
    } finally {
      await running.stop()
    }
  }).timeout(30_000)

  it('killed in the middle leaves nothing under the name, and nothing in the way', async () => {
    for (const words of [
      ['create', '--dir', await node.copy(), '--out', join(root, 'killed.archive')],
      ['restore', whole, '--dir', join(root, 'killed')],
    ]) {
      await killed(['archive', ...words], 350)
    }
    const left = (await readdir(root)).filter((name) => name.startsWith('killed'))
    const hasArchive = left.includes('killed.archive')
    if (!hasArchive) await createdAt(await node.copy(), join(root, 'killed.archive'))
    if (!left.includes('killed')) expect((await restore(whole, join(root, 'killed'))).status).to.equal(0)
    expect((await node.verify(join(root, 'killed'))).status).to.equal(0)
    expect((await readdir(root)).filter((name) => name.startsWith('killed')).toSorted()).to.deep.equal([
      'killed',
      'killed.archive',
    ])
    expect((await restored(join(root, 'killed.archive'))).report.blocks).to.equal(BLOCKS + 1)
  }).timeout(30_000)

  it('is refused where no file can be made', async function () {
    if (process.getuid?.() === 0) {
      expect(refusalOf(await create(await node.copy(), '/proc/archive')).code).to.be.oneOf(['DIRECTORY_UNUSABLE', 'FILE_EXISTS'])
      return
    }
    const closed = fresh()
    await mkdir(closed)
    await chmod(closed, 0o500)
    expect(refusalOf(await create(await node.copy(), join(closed, 'x'))).code).to.equal('DIRECTORY_UNUSABLE')
  })

  function killed(words: readonly string[], afterMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [COMMAND, ...words], { stdio: 'ignore' })
      const timer = setTimeout(() => child.kill('SIGKILL'), afterMs)
      child.on('error', reject)
      child.on('close', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
})
