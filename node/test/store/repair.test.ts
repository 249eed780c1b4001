import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from 'chai'
import { toHex } from '../../../protocol/bytes.ts'
import { auditStore, checkFiles, type LedgerStore, openLedger, openLevelKv, put, repairLedger } from '../../store/index.ts'
import { blockKey, evidenceKey, signedLeafKey, spoolKey } from '../../store/keys.ts'
import { ledgerDirectory } from '../../store/layout.ts'
import { ChainMaker, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { sampleItem } from './sample-readings.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

const SIZES = [300, 40, 12]

interface Made {
  readonly directory: string
  readonly makers: readonly ChainMaker[]
}

describe('repair', () => {
  const directories = temporaryDirectories()
  let pristine: Made

  const openIn = (directory: string): Promise<LedgerStore> =>
    openLedger({ directory, networkId: NETWORK_ID, ownKey: memberKey(0), verifySigned: verifyFake })
  const repairIn = (directory: string, onStep?: (step: string) => void) =>
    repairLedger({ directory, networkId: NETWORK_ID, verifySigned: verifyFake, ...(onStep === undefined ? {} : { onStep }) })

  before(async () => {
    const directory = await directories.make()
    const makers = SIZES.map((_, i) => new ChainMaker(i))
    for (let session = 0; session < 2; session++) {
      const store = await openIn(directory)
      for (const [i, maker] of makers.entries()) {
        for (let done = 0; done < (SIZES[i] as number) / 2; done += 2) await store.accept([maker.next(2, 10)])
      }
      await store.spool.append([sampleItem(session * 10 + 1), sampleItem(session * 10 + 2)])
      await store.evidence.put(memberKey(20 + session), Uint8Array.of(session))
      await store.labels.put(memberKey(30 + session), Uint8Array.of(session))
      await store.close()
    }
    pristine = { directory, makers }
  })

  const copyOf = async (): Promise<string> => {
    const directory = await directories.make()
    await cp(pristine.directory, directory, { recursive: true })
    return directory
  }

  /** Every chain as long as said, intact, and able to take the rest again. */
  const expectMended = async (directory: string, kept: readonly number[]): Promise<void> => {
    expect((await checkFiles(ledgerDirectory(directory))).faults).to.deep.equal([])
    const store = await openIn(directory)
    expect(store.damage).to.deep.equal([])
    for (const [i, maker] of pristine.makers.entries()) {
      const size = kept[i] as number
      expect(store.head(maker.member)?.size ?? 0).to.equal(size)
      expect((await store.readBlocks(maker.member, 0, 1_000)).length).to.equal(size)
      const total = maker.state.size
      if (size === total) continue
      const again = new ChainMaker(i)
      if (size > 0) again.next(size, 10, maker.state.checkpoint)
      await store.accept([again.next(total - size, 10)])
      expect(store.head(maker.member)?.root).to.deep.equal(maker.state.root)
    }
    await store.close()
    const kv = await openLevelKv(ledgerDirectory(directory))
    const audit = await auditStore({ kv, verifySigned: verifyFake, allSignatures: true })
    expect(audit.damage).to.deep.equal([])
    expect(audit.chains.filter((chain) => chain.fault !== undefined)).to.deep.equal([])
    await kv.close()
  }

  it('of a store that is whole keeps everything', async () => {
    const directory = await copyOf()
    const report = await repairIn(directory)
    expect(report.files).to.deep.equal([])
    expect(report.damage).to.deep.equal([])
    expect(report.chains.map((chain) => [chain.kept, chain.missing])).to.have.deep.members(SIZES.map((size) => [size, 0]))
    expect(report.spool).to.deep.equal({ kept: 4, setAside: 0 })
    expect(report.movedTo).to.equal(path.join(directory, 'ledger.damaged-1'))
    expect((await readdir(directory)).toSorted()).to.deep.equal(['guard', 'ledger', 'ledger.damaged-1'])
    await expectMended(directory, SIZES)
    const store = await openIn(directory)
    expect(store.signedRecord()?.size).to.equal(300)
    expect(store.quarantined(memberKey(21))).to.equal(true)
    expect(await store.labels.get(memberKey(30))).to.deep.equal(Uint8Array.of(0))
    expect((await store.spool.append([sampleItem(2)])).duplicates).to.equal(1)
    await store.close()
  })

  it('takes a damaged signature off a block that later ones vouch for', async () => {
    const directory = await copyOf()
    const kv = await openLevelKv(ledgerDirectory(directory))
    for (const [height, fromEnd] of [
      [21, 1],
      [101, 64],
    ] as const) {
      const key = blockKey(0, height)
      const value = ((await kv.get(key)) as Uint8Array).slice()
      value[value.length - fromEnd] = (value[value.length - fromEnd] as number) ^ 4
      await kv.batch([put(key, value)])
    }
    await kv.close()
    const report = await repairIn(directory)
    expect(report.chains.map((chain) => [chain.kept, chain.missing])).to.have.deep.members(SIZES.map((size) => [size, 0]))
    const member = toHex(memberKey(0))
    expect(report.damage).to.deep.equal([22, 102].map((size) => `${member}: signature over size ${size} damaged, taken off`))
    await expectMended(directory, SIZES)
  })

  it('cuts damaged chains at their longest intact prefix, sets spool entries aside, leaves out what is false', async () => {
    const directory = await copyOf()
    const kv = await openLevelKv(ledgerDirectory(directory))
    const flip = async (key: Uint8Array, at: number): Promise<void> => {
      const value = ((await kv.get(key)) as Uint8Array).slice()
      value[at] = (value[at] as number) ^ 4
      await kv.batch([put(key, value)])
    }
    await flip(blockKey(0, 222), 50)
    await flip(blockKey(1, 0), 50)
    await flip(spoolKey(1), 9)
    await flip(evidenceKey(memberKey(20)), 0)
    await kv.close()
    const report = await repairIn(directory)
    const byMember = new Map(report.chains.map((chain) => [chain.member, chain]))
    expect(byMember.get(toHex(memberKey(0)))).to.include({ kept: 222, missing: 78 })
    expect(byMember.get(toHex(memberKey(1)))).to.include({ kept: 0, missing: 40 })
    expect(byMember.get(toHex(memberKey(2)))).to.include({ kept: 12, missing: 0 })
    expect(report.spool).to.deep.equal({ kept: 3, setAside: 1 })
    expect(report.records.lost).to.equal(1)
    expect(report.damage.length).to.equal(2)
    await expectMended(directory, [222, 0, 12])
    const store = await openIn(directory)
    expect(store.signedRecord()?.size).to.equal(300)
    expect([store.spool.size, store.spool.setAside]).to.deep.equal([3, 1])
    await store.close()
  })

  it('keeps what was signed as a witness and what is final; a record of that which is lost is remembered as lost', async () => {
    const directory = await copyOf()
    const [, maker] = pristine.makers as [ChainMaker, ChainMaker]
    const leaf = { member: maker.member, size: 30, root: maker.roots[29] as Uint8Array, epoch: 2 }
    let store = await openIn(directory)
    const attestations = [{ epoch: 2, witness: memberKey(0), bytes: Uint8Array.of(1) }]
    const record = { epoch: 2, sequence: 7, closing: false, attestation: Uint8Array.of(1) }
    await store.witness.sign({ leaves: [leaf], record, attestations, closings: attestations })
    await store.witness.setFinal([leaf])
    await store.close()
    expect((await repairIn(directory)).damage).to.deep.equal([])
    store = await openIn(directory)
    expect(store.witness.signedLeaf(maker.member)?.size).to.equal(30)
    expect(store.witness.final(maker.member)?.size).to.equal(30)
    expect(store.witness.record).to.deep.include(record)
    expect([store.witness.attestations.size, store.witness.closings.size]).to.deep.equal([1, 1])
    await store.close()

    const kv = await openLevelKv(ledgerDirectory(directory))
    await kv.batch([put(signedLeafKey(maker.member), Uint8Array.of(1, 2, 3, 4, 5))])
    await kv.close()
    expect((await repairIn(directory)).damage).to.deep.equal([`${toHex(maker.member)}: record of a signed leaf damaged`])
    store = await openIn(directory)
    expect(store.damage).to.deep.equal([])
    expect(store.witness.halted).to.match(/cannot be told/)
    expect(store.witness.record.sequence).to.equal(7)
    await store.close()
  })

  it('mends a store in which any byte of any data file was flipped', async () => {
    const names = (await readdir(ledgerDirectory(pristine.directory))).filter((name) =>
      /^(?:CURRENT|MANIFEST-.*|.*\.(?:log|ldb))$/.test(name),
    )
    for (const name of names) {
      const { length } = await readFile(path.join(ledgerDirectory(pristine.directory), name))
      for (const part of [0.02, 0.4, 0.8, 0.999]) {
        const directory = await copyOf()
        const file = path.join(ledgerDirectory(directory), name)
        const bytes = await readFile(file)
        const at = Math.floor(length * part)
        bytes[at] = (bytes[at] as number) ^ 0x20
        await writeFile(file, bytes)
        const report = await repairIn(directory)
        expect(report.files.length, `${name} byte ${at}`).to.be.greaterThan(0)
        const kept = pristine.makers.map(({ member }) => report.chains.find((chain) => chain.member === toHex(member))?.kept ?? 0)
        await expectMended(directory, kept)
        await rm(directory, { recursive: true })
      }
    }
  }).timeout(60_000)

  it('mends a store whose CURRENT or manifest is gone', async () => {
    for (const pattern of [/^CURRENT$/, /^MANIFEST/]) {
      const directory = await copyOf()
      const name = (await readdir(ledgerDirectory(directory))).find((each) => pattern.test(each)) as string
      await rm(path.join(ledgerDirectory(directory), name))
      expect(await refusalCode(openIn(directory))).to.equal('STORE_DAMAGED')
      const report = await repairIn(directory)
      expect(report.files.length).to.be.greaterThan(0)
      await expectMended(directory, SIZES)
    }
  })

  it('goes on after being killed at any step, and never leaves a node without its store', async () => {
    const steps: string[] = []
    await repairIn(await copyOf(), (step) => steps.push(step))
    expect(steps.length).to.be.greaterThan(5)
    for (const killedAt of steps) {
      const directory = await copyOf()
      const killed = repairIn(directory, (step) => {
        if (step === killedAt) throw new Error('killed')
      })
      expect(await refusalCode(killed)).to.equal('Error: killed')
      // Once without repair: the node starts, on the old store or on the new one.
      const opened = path.join(await directories.make(), 'node')
      await cp(directory, opened, { recursive: true })
      await (await openIn(opened)).close()
      await expectMended(opened, SIZES)
      const report = await repairIn(directory)
      expect(report.chains.length, killedAt).to.equal(3)
      await expectMended(directory, SIZES)
      expect((await readdir(directory)).filter((name) => /salvage|rebuil/.test(name))).to.deep.equal([])
    }
  }).timeout(60_000)

  it('STORE_LOCKED: not while a node has the directory open', async () => {
    const directory = await copyOf()
    const store = await openIn(directory)
    expect(await refusalCode(repairIn(directory))).to.equal('STORE_LOCKED')
    await store.close()
  })

  it('STORE_OTHER_NETWORK: not for a store of another network', async () => {
    const directory = await copyOf()
    expect(await refusalCode(repairLedger({ directory, networkId: memberKey(77), verifySigned: verifyFake }))).to.equal(
      'STORE_OTHER_NETWORK',
    )
    await expectMended(directory, SIZES)
  })
})
