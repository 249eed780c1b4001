import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  blockHash,
  CompactRange,
  encodeEvidence,
  encodeReadings,
  type Header,
  makeBlock,
  orderEvidence,
  signCheckpoint,
} from '../../../protocol/index.ts'
import type { VerifyReport } from '../../audit/index.ts'
import { decodeHead, encodeHead } from '../../store/head-record.ts'
import { del, type Kv, put } from '../../store/index.ts'
import { blockKey, chainKey, evidenceKey, headKey, labelKey, metaKey, tileKey } from '../../store/keys.ts'
import { inspectionDirectory, ledgerDirectory } from '../../store/layout.ts'
import { checkRecord, sealRecord } from '../../store/record.ts'
import { schemaOperation } from '../../store/schema.ts'
import { decodeStored, encodeStored, type StoredBlock } from '../../store/stored-block.ts'
import { json, type Said, say } from './command-line.ts'
import { BLOCKS, DamagedNode, flipByte, readingAt } from './damaged-node.ts'

interface Fault {
  readonly label: string | null
  readonly height: number
  readonly rule: string | null
  readonly what: string
}

const reportOf = (said: Said): VerifyReport => json(said) as VerifyReport

/** What a damaged store is said to have. */
const found = (said: Said): { readonly faults: readonly Fault[]; readonly damage: readonly string[] } => {
  expect(said.status, said.out + said.err).to.equal(1)
  const { ok, chains, damage } = reportOf(said)
  expect(ok).to.equal(false)
  const faults = chains.flatMap(({ label, fault }) => (fault === null ? [] : [{ label, ...fault }]))
  return { faults, damage: damage.map(({ what }) => what) }
}

describe('wattness verify', () => {
  let node: DamagedNode
  /** Of the meter's chain in the store of its own node. */
  let id: number

  before(async function () {
    this.timeout(60_000)
    node = await DamagedNode.make()
    id = await node.chainId()
  })
  after(() => node.close())

  const tampered = async (work: (kv: Kv) => Promise<void>, ...more: readonly string[]): Promise<Said> => {
    const dir = await node.copy()
    await node.tamper(dir, work)
    const said = await node.verify(dir, ...more)
    await rm(dir, { recursive: true })
    return said
  }
  const remove = (key: Uint8Array) => (kv: Kv) => kv.batch([del(key)])

  it('says of a store that is whole how much it holds, and nothing else', async () => {
    const dir = await node.copy()
    for (const more of [[], ['--all-signatures']]) {
      const said = await node.verify(dir, ...more)
      expect(said.status, said.err).to.equal(0)
      const { ok, chains, signatures, records, files } = reportOf(said)
      expect(ok).to.equal(true)
      expect(chains.map(({ label, size, blocks }) => [label, size, blocks])).to.deep.equal([
        ['registrar', 1, 1],
        ['meter', BLOCKS, BLOCKS],
      ])
      expect(signatures).to.equal(more.length === 0 ? 2 : BLOCKS + 1)
      expect(records).to.be.above(0)
      expect(files?.checked).to.be.above(3)
    }
    const text = await say(['verify', '--dir', dir], { isTerminal: true })
    expect(text.out)
      .to.contain(`${BLOCKS + 1} blocks in 2 chains`)
      .and.to.contain('everything is whole')
    expect(text.err).to.match(new RegExp(`\\[#*\\.*\\] \\d+ % \\d+ of ${BLOCKS + 1} blocks`))
  })

  it('finds one flipped byte in any data file, names file and byte, and leaves the store as it found it', async () => {
    const files = await node.dataFiles()
    expect(files.map(({ name }) => name.replace(/\d+/, 'N'))).to.include.members(['N.ldb', 'N.log', 'CURRENT', 'MANIFEST-N'])
    const dir = await node.copy()
    for (const { name, bytes } of files) {
      const last = bytes.length - 1
      for (const at of new Set([0, 1, last >> 3, last >> 1, (last * 7) >> 3, last - 1, last])) {
        await flipByte(dir, name, bytes, at)
        const said = await node.verify(dir)
        expect(said.status, `${name}, byte ${at}`).to.equal(1)
        expect(reportOf(said).files?.faults.map(({ file }) => file)).to.include(name)
        await writeFile(join(ledgerDirectory(dir), name), bytes)
      }
    }
    for (const { name, bytes } of await node.dataFiles(dir))
      expect(bytes.equals(files.find((file) => file.name === name)?.bytes as Buffer)).to.equal(true)
    expect((await node.verify(dir)).status).to.equal(0)
  }).timeout(60_000)

  it('names chain and height too, from a copy, where a flip in a table hits a block', async () => {
    const dir = await node.copy()
    // Behind the member, which is stored but once.
    const block = (await node.blockBytes(100)).subarray(34)
    const files = await node.dataFiles()
    const table = files.find(({ name, bytes }) => name.endsWith('.ldb') && bytes.includes(block))
    const { name, bytes } = table as { name: string; bytes: Buffer }
    await flipByte(dir, name, bytes, bytes.indexOf(block) + 66)
    const { faults } = found(await node.verify(dir))
    expect(faults.map(({ label }) => label)).to.deep.equal(['meter'])
    expect(faults[0]?.height).to.be.within(0, 101)
    const text = await say(['verify', '--dir', dir])
    expect(text.out).to.match(new RegExp(`damaged: ${name}, byte \\d+: `))
    expect(text.out).to.match(/damaged: member 1 "meter" \([0-9a-f]{12}\), height \d+: /)
    await rm(inspectionDirectory(dir)).then(
      () => expect.fail('the copy was left behind'),
      () => undefined,
    )
  })

  it('finds a missing file of each kind', async () => {
    for (const pattern of [/\.ldb$/, /\.log$/, /^MANIFEST/, /^CURRENT$/]) {
      const dir = await node.copy()
      const name = (await node.dataFiles()).find((file) => pattern.test(file.name))?.name as string
      await rm(join(ledgerDirectory(dir), name))
      const said = await node.verify(dir)
      expect(said.status, name).to.equal(1)
      const { faults } = reportOf(said).files as NonNullable<VerifyReport['files']>
      expect(faults.map(({ file }) => file)).to.include(name.startsWith('MANIFEST') ? 'CURRENT' : name)
    }
  })

  it('finds a record that is gone: block, head, tile, chain, and those that every store has', async () => {
    const meter = node.signer.publicKey
    const only = async (key: Uint8Array): Promise<Fault> => {
      const { faults, damage } = found(await tampered(remove(key)))
      expect(faults.length, damage.join()).to.equal(1)
      return faults[0] as Fault
    }
    expect(await only(blockKey(id, 17))).to.include({ label: 'meter', height: 17, what: 'missing', rule: 'V2' })
    expect(await only(blockKey(id, BLOCKS - 1))).to.include({ label: 'meter', height: BLOCKS - 1, what: 'missing' })
    expect(await only(headKey(id))).to.include({ label: 'meter', height: 0, what: 'head record missing' })
    expect(await only(tileKey(id, 0, 0))).to.include({ height: 255, what: 'tile 0/0 of the tree does not match the blocks' })
    expect(await only(tileKey(id, 1, 0))).to.include({ height: 255, what: 'tile 1/0 of the tree does not match the blocks' })
    expect(found(await tampered(remove(chainKey(meter)))).damage).to.deep.equal(['chain record: missing'])
    expect(found(await tampered(remove(metaKey('schema')))).damage).to.deep.equal(['record schema: missing'])
    expect(found(await tampered(remove(metaKey('network')))).damage).to.deep.equal(['record network: missing'])
    expect(found(await tampered(remove(metaKey('signed')))).damage).to.deep.equal([
      'record of what this node signed last: missing',
    ])
  })

  it('V17: a block replaced by a forgery that links, with the tree made anew, at the height where it begins', async () => {
    for (const more of [[], ['--all-signatures']]) {
      const said = await tampered((kv) => forge(kv, id, 258), ...more)
      expect(found(said).faults).to.deep.equal([
        { label: 'meter', height: 258, rule: 'V17', what: "signature over size 259 is not the member's" },
      ])
    }
  })

  it('V13, V18 and V4: blocks that are linked and signed, and break a rule', async () => {
    const signed = async (fields: Partial<Header>, content?: Uint8Array): Promise<Fault> => {
      const { faults } = found(await tampered((kv) => append(kv, id, node, fields, content)))
      return faults[0] as Fault
    }
    expect(await signed({ sealedAt: 1 })).to.include({ height: BLOCKS, rule: 'V13' })
    expect((await signed({ sealedAt: 1 })).what).to.match(/^TIME_REVERSED: sealed \d+ ms before its parent$/)
    expect((await signed({}, Uint8Array.of(9, 9))).rule).to.equal('V18')
    expect((await signed({ kind: 2 }, Uint8Array.of(0))).what).to.match(/^WRONG_KIND: /)
    expect(await signed({ registrarSize: 9 })).to.include({ rule: 'V4', what: 'REGISTRAR_AHEAD: names registrar size 9, 1 held' })
  })

  it('a chain that was cut short, head and all, is short of what this node signed', async () => {
    const said = await tampered((kv) => shorten(kv, id, 200))
    expect(found(said)).to.deep.equal({ faults: [], damage: [`${BLOCKS} blocks were signed, 200 are held`] })
  })

  it('checks evidence and labels again', async () => {
    const meter = node.signer.publicKey
    const { networkId } = node.genesis
    const side = (root: number) => {
      const hash = new Uint8Array(32).fill(root)
      return { checkpoint: signCheckpoint(node.signer, networkId, 5, hash), root: hash, proof: [] }
    }
    const real = encodeEvidence(orderEvidence(5, side(1), side(2)))
    const forged = real.slice()
    forged[60] = (forged[60] as number) ^ 1
    const store = (key: Uint8Array, value: Uint8Array) => (kv: Kv) => kv.batch([put(key, sealRecord(key, value))])
    expect((await tampered(store(evidenceKey(meter), real))).status).to.equal(0)
    expect(found(await tampered(store(evidenceKey(meter), forged))).damage[0]).to.match(/^evidence damaged: INVALID_EVIDENCE/)
    const against = evidenceKey(node.peer.node.key)
    expect(found(await tampered(store(against, real))).damage).to.deep.equal(['evidence damaged: it is against another member'])
    const label = labelKey(new Uint8Array(32).fill(3))
    const text = new Uint8Array(20).fill(0x41)
    expect(found(await tampered(store(label, text))).damage[0]).to.match(/^label damaged: NOT_A_MEMBER/)
  })

  it('STORE_NEWER: a store of a newer schema is refused and not touched', async () => {
    const dir = await node.copy()
    await node.tamper(dir, (kv) => kv.batch([schemaOperation(99)]))
    const said = await node.verify(dir)
    expect(said.status).to.equal(1)
    expect(json(said)).to.have.nested.property('error.code', 'STORE_NEWER')
    expect((await node.repair(dir, '--offline')).status).to.equal(1)
    await node.tamper(dir, async (kv) => void expect(await kv.get(blockKey(id, 0))).to.not.equal(undefined))
  })

  it('STORE_OTHER_NETWORK, and a genesis or key that is none any more, are damage and no wrong usage', async () => {
    const dir = await node.copy()
    const code = async (): Promise<string> => {
      const said = await node.verify(dir)
      expect(said.status).to.equal(1)
      return (json(said) as { error: { code: string } }).error.code
    }
    const { bytes } = node.genesis
    const flipped = bytes.slice()
    flipped[bytes.length - 3] = 0x20
    await writeFile(join(dir, 'genesis.json'), flipped)
    expect(await code()).to.be.oneOf(['STORE_OTHER_NETWORK', 'STORE_DAMAGED'])
    await writeFile(join(dir, 'genesis.json'), bytes.subarray(1))
    expect(await code()).to.equal('STORE_DAMAGED')
    await writeFile(join(dir, 'genesis.json'), bytes)
    await writeFile(join(dir, 'key'), 'fnord')
    expect(await code()).to.equal('KEY_MALFORMED')
    await writeFile(join(dir, 'key'), '25'.repeat(32))
    expect(found(await node.verify(dir)).damage).to.deep.equal([
      'record of what this node signed last: not signed by the key in this directory',
    ])
  })

  it('a running node is asked, and answers of its own open store', async () => {
    const said = await node.whileRunning(async (dir) => [await node.verify(dir), await say(['verify', '--dir', dir])])
    for (const { status, err } of said) expect(status, err).to.equal(0)
    const { files, blocks } = reportOf(said[0] as Said)
    expect(files).to.equal(null)
    expect(blocks).to.equal(BLOCKS + 1)
  })

  it('STORE_LOCKED: a directory in use whose node cannot be asked', async () => {
    const said = await say(['verify', '--dir', node.peer.files.dir, '--json'])
    expect(said.status).to.equal(1)
    expect(json(said)).to.have.nested.property('error.code', 'STORE_LOCKED')
  })
})

/** Other readings from `height` on: each block names the one before it, and the head the last; only signatures are old. */
async function forge(kv: Kv, id: number, height: number): Promise<void> {
  await rewrite(kv, id, height, (header, i) => ({ ...header, content: encodeReadings([readingAt(1_000 + i)]) }))
}

/** One more block of the meter's own, which no door has seen. */
async function append(kv: Kv, id: number, node: DamagedNode, fields: Partial<Header>, content?: Uint8Array): Promise<void> {
  const key = headKey(id)
  const head = decodeHead(checkRecord(key, (await kv.get(key)) as Uint8Array) as Uint8Array)
  const range = await rangeOf(kv, id, head.size)
  const block = makeBlock({
    kind: 0,
    member: node.signer.publicKey,
    height: head.size,
    previous: head.lastHash,
    sealedAt: head.sealedAt,
    registrarSize: head.registrarSize,
    salt: new Uint8Array(16),
    content: content ?? encodeReadings([readingAt(5_000)]),
    ...fields,
  })
  const hash = blockHash(block.headerBytes)
  range.append(hash)
  const size = head.size + 1
  const { root, signature, member } = signCheckpoint(node.signer, node.genesis.networkId, size, range.root())
  const { sealedAt, registrarSize } = block.header
  const checkpoint = { member, size, root, signature }
  const state = { size, range, root, lastHash: hash, sealedAt, registrarSize, checkpoint }
  const value = encodeStored(block.bytes, head.size, signature)
  await kv.batch([put(blockKey(id, head.size), value), put(key, encodeHead(key, state))])
}

async function shorten(kv: Kv, id: number, size: number): Promise<void> {
  const range = await rangeOf(kv, id, size)
  const { header, hash, signature } = await storedAt(kv, id, size - 1)
  const root = range.root()
  const { sealedAt, registrarSize, member } = header
  const checkpoint = { member, size, root, signature: signature as Uint8Array }
  const key = headKey(id)
  const gone = [tileKey(id, 0, 0), tileKey(id, 1, 0)].map(del)
  for (let height = size; height < BLOCKS; height++) gone.push(del(blockKey(id, height)))
  const state = { size, range, root, lastHash: hash, sealedAt, registrarSize, checkpoint }
  await kv.batch([...gone, put(key, encodeHead(key, state))])
}

async function storedAt(kv: Kv, id: number, height: number): Promise<StoredBlock> {
  const first = decodeStored((await kv.get(blockKey(id, 0))) as Uint8Array, new Uint8Array(0), 0)
  return decodeStored((await kv.get(blockKey(id, height))) as Uint8Array, first.header.member, height)
}

async function rangeOf(kv: Kv, id: number, size: number): Promise<CompactRange> {
  const range = CompactRange.empty()
  for (let height = 0; height < size; height++) {
    range.append((await storedAt(kv, id, height)).hash)
  }
  return range
}

async function rewrite(
  kv: Kv,
  id: number,
  from: number,
  change: (header: Header, i: number) => Header & { readonly content: Uint8Array },
): Promise<void> {
  const range = await rangeOf(kv, id, from)
  let previous = (await storedAt(kv, id, from - 1)).hash
  const operations = []
  for (let height = from; height < BLOCKS; height++) {
    const { header, signature } = await storedAt(kv, id, height)
    const block = makeBlock({ ...change(header, height), previous, salt: new Uint8Array(16) })
    previous = blockHash(block.headerBytes)
    range.append(previous)
    operations.push(put(blockKey(id, height), encodeStored(block.bytes, height, signature)))
    if (height < BLOCKS - 1) continue
    const key = headKey(id)
    const { sealedAt, registrarSize, member } = header
    const root = range.root()
    const checkpoint = { member, size: BLOCKS, root, signature: signature as Uint8Array }
    operations.push(
      put(key, encodeHead(key, { size: BLOCKS, range, root, lastHash: previous, sealedAt, registrarSize, checkpoint })),
    )
  }
  await kv.batch(operations)
}
