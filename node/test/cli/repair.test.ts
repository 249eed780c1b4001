import { readdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import type { RepairResult } from '../../cli/repair.ts'
import { openNode } from '../../index.ts'
import { put } from '../../store/index.ts'
import { blockKey, evidenceKey, labelKey, metaKey, spoolKey, witnessEvidenceKey } from '../../store/keys.ts'
import { inspectionDirectory, ledgerDirectory } from '../../store/layout.ts'
import { sealRecord } from '../../store/record.ts'
import { event, json, type Said, say, start } from './command-line.ts'
import { BLOCKS, DamagedNode, flipByte, LISTEN, readingAt } from './damaged-node.ts'

const resultOf = (said: Said): RepairResult => json(said) as RepairResult

describe('wattness repair', () => {
  let node: DamagedNode
  let id: number

  before(async function () {
    this.timeout(60_000)
    node = await DamagedNode.make()
    id = await node.chainId()
  })
  after(() => node.close())

  /** Whole again, by its own word and by that of `verify`. */
  const expectWhole = async (dir: string, said: Said, what = ''): Promise<RepairResult> => {
    expect(said.status, `${what}: ${said.out}${said.err}`).to.equal(0)
    const result = resultOf(said)
    expect(result.ok).to.equal(true)
    expect(result.lost).to.deep.equal([])
    const sizes = result.chains.map(({ label, kept, fetched, missing }) => [label, kept + fetched, missing])
    expect(sizes, what).to.deep.equal([
      ['registrar', 1, 0],
      ['meter', BLOCKS, 0],
    ])
    const verified = await node.verify(dir, '--all-signatures')
    expect(verified.status, verified.out).to.equal(0)
    return result
  }

  it('of a store that is whole asks nobody and moves nothing', async () => {
    const dir = await node.copy()
    const said = await node.repair(dir)
    expect(said.status).to.equal(0)
    expect(resultOf(said)).to.include({ ok: true, movedTo: null, neighbours: null })
    expect((await say(['repair', '--dir', dir], { environment: { WATTNESS_LISTEN: LISTEN } })).out).to.equal(
      'nothing is damaged\n',
    )
    expect((await readdir(dir)).filter((name) => name.startsWith('ledger'))).to.deep.equal(['ledger'])
  })

  it('mends one flipped byte in any data file from a peer', async () => {
    for (const { name, bytes } of await node.dataFiles()) {
      for (const part of [0, 0.5, 1]) {
        const dir = await node.copy()
        const at = Math.floor((bytes.length - 1) * part)
        await flipByte(dir, name, bytes, at)
        const { damaged, neighbours, movedTo } = await expectWhole(dir, await node.repair(dir), `${name}, byte ${at}`)
        expect(damaged.files.map(({ file }) => file)).to.include(name)
        expect(neighbours).to.equal(1)
        expect(basename(movedTo ?? '')).to.equal('ledger.damaged-1')
        await rm(dir, { recursive: true })
      }
    }
  }).timeout(90_000)

  it('fetches what a missing file held', async () => {
    for (const pattern of [/\.ldb$/, /\.log$/, /^CURRENT$/]) {
      const dir = await node.copy()
      const name = (await node.dataFiles()).find((file) => pattern.test(file.name))?.name as string
      await rm(join(ledgerDirectory(dir), name))
      await expectWhole(dir, await node.repair(dir), name)
    }
  }).timeout(60_000)

  it('keeps the part of each chain that is whole, fetches the rest, and says how much of each', async () => {
    const dir = await node.copy()
    await node.tamper(dir, async (kv) => {
      const key = blockKey(id, 100)
      const value = ((await kv.get(key)) as Uint8Array).slice()
      value[90] = (value[90] as number) ^ 1
      await kv.batch([put(key, value)])
    })
    const { chains, damaged } = await expectWhole(dir, await node.repair(dir))
    const meter = chains.find(({ label }) => label === 'meter')
    expect(meter?.kept).to.be.within(100, 101)
    expect(meter?.fetched).to.equal(BLOCKS - (meter?.kept as number))
    expect(damaged.chains[0]?.fault?.height).to.be.within(100, 101)
  })

  it('throws out evidence that proves nothing and labels of nobody; fetches a damaged label again', async () => {
    const dir = await node.copy()
    const meter = node.signer.publicKey
    const nobody = labelKey(new Uint8Array(32).fill(3))
    await node.tamper(dir, async (kv) => {
      const text = new Uint8Array(20).fill(0x41)
      const evidence = evidenceKey(meter)
      await kv.batch([
        put(evidence, sealRecord(evidence, new Uint8Array(300).fill(1))),
        put(nobody, sealRecord(nobody, text)),
        put(labelKey(node.otherKey), text),
        put(metaKey('signed'), text),
      ])
    })
    const { damaged } = await expectWhole(dir, await node.repair(dir))
    expect(damaged.records.map(({ kind }) => kind)).to.have.members([null, 'evidence', 'label', 'label'])
    const status = json(await say(['status', '--dir', dir, '--json'])) as { chains: { label: string; quarantined: boolean }[] }
    expect(status.chains.map(({ label, quarantined }) => [label, quarantined])).to.deep.equal([
      ['registrar', false],
      ['meter', false],
      ['other', false],
    ])
  })

  it('says which evidence was lost, of each kind', async () => {
    const dir = await node.copy()
    const meter = node.signer.publicKey
    await node.tamper(dir, (kv) =>
      kv.batch([evidenceKey, witnessEvidenceKey].map((keyOf) => put(keyOf(meter), new Uint8Array(300).fill(1)))),
    )
    const said = await node.repair(dir)
    expect(said.status).to.equal(1)
    expect(resultOf(said).lost).to.deep.equal([
      'the evidence against member 1 "meter"',
      'the evidence against member 1 "meter" as a witness',
    ])
  })

  it('takes what was sealed out of a spool that a lost write had emptied, and never seals before it is whole', async () => {
    const dir = await node.copy()
    // The last block and the removal of its reading are one write: with the one lost, the other is.
    const opened = await openNode({ dir, listen: [LISTEN], settings: { bootstrap: [node.peerAddress], intervalMs: 3_600_000 } })
    await opened.store.spool.append([{ source: 'again', reading: readingAt(BLOCKS - 1) }])
    await opened.close()
    await node.tamper(dir, (kv) => kv.batch([{ type: 'del', key: blockKey(id, BLOCKS - 1) }]))
    const { spool } = await expectWhole(dir, await node.repair(dir))
    expect(spool).to.deep.equal({ kept: 0, setAside: 0 })
    const status = json(await say(['status', '--dir', dir, '--json'])) as { waiting: number; frontier: number[] }
    expect(status.waiting).to.equal(0)
    expect(status.frontier[1]).to.equal(BLOCKS)
  })

  it('says what could not be had: a reading that only this node had, and blocks without a peer that answers', async () => {
    const dir = await node.copy()
    const key = spoolKey(9_999)
    await node.tamper(dir, (kv) => kv.batch([put(key, new Uint8Array(40)), { type: 'del', key: blockKey(id, 200) }]))
    const offline = await node.repair(dir, '--offline')
    expect(offline.status).to.equal(1)
    const { chains, lost, spool, neighbours } = resultOf(offline)
    expect(neighbours).to.equal(null)
    expect(offline.err).to.contain('WARNING: no peer was asked, and 62 blocks are NO LONGER IN THIS STORE')
    expect(offline.err).to.contain(join(dir, 'ledger.damaged-1'))
    expect(spool).to.deep.equal({ kept: 0, setAside: 1 })
    expect(chains.find(({ label }) => label === 'meter')).to.include({ kept: 200, fetched: 0, missing: BLOCKS - 200 })
    expect(lost).to.have.length(3)
    expect(lost.join()).to.match(/62 blocks of member 1 "meter".*spool entry damaged.*no peer was asked/)
    // The own chain is short of what was signed, so the next repair knows; nobody answers where nobody is known.
    await rm(join(dir, 'neighbours.json'), { force: true })
    const alone = await say(['repair', '--dir', dir, '--timeout', '1s', '--bootstrap', '/ip4/127.0.0.1/tcp/9'], {
      environment: { WATTNESS_LISTEN: LISTEN },
    })
    expect(alone.status).to.equal(1)
    expect(alone.out).to.contain('could not be had: 62 blocks of member 1 "meter"').and.to.contain('0 peers answered')
    expect(alone.err).to.contain('WARNING: no peer answered, and 62 blocks are NO LONGER')
    const whole = await node.repair(dir)
    expect([whole.status, whole.err]).to.deep.equal([0, ''])
    expect((await node.verify(dir)).status).to.equal(0)
  })

  it('a store of which nothing can be read is moved aside, and everything comes from the peer', async () => {
    const dir = await node.copy()
    for (const { name } of await node.dataFiles()) await writeFile(join(ledgerDirectory(dir), name), 'fnord')
    const { chains } = await expectWhole(dir, await node.repair(dir))
    expect(chains.find(({ label }) => label === 'meter')).to.include({ kept: 0, fetched: BLOCKS })
  })

  it('USAGE for a time that is none; STORE_LOCKED while the node runs', async () => {
    const dir = await node.copy()
    expect((await node.repair(dir, '--timeout', 'fnord')).status).to.equal(2)
    const running = start(['run', '--dir', dir, '--listen', LISTEN, '--interval', '1h'])
    await running.line(event('listening'))
    const said = await node.repair(dir)
    expect(said.status).to.equal(1)
    expect(json(said)).to.have.nested.property('error.code', 'STORE_LOCKED')
    await running.stop()
    expect((await readdir(dir)).includes(basename(inspectionDirectory(dir)))).to.equal(false)
  })
})
