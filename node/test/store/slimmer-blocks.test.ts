import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import {
  auditStore,
  copiedRecords,
  type Kv,
  LedgerStore,
  type MigrationProgress,
  migrateLedger,
  openLedger,
  openLevelKv,
  openMemoryKv,
  put,
  writeStore,
} from '../../store/index.ts'
import { blockKey } from '../../store/keys.ts'
import { migrate, SCHEMA_VERSION } from '../../store/schema.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { FailingKv } from './failing-kv.ts'
import { fattened, recordsOf } from './fat-blocks.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

const CHILD = path.join(import.meta.dirname, 'migrate-child.ts')

const open = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

/** Three chains, one of them pruned in part, one with runs under no signature of their own. */
async function filled(kv: Kv): Promise<ChainMaker[]> {
  const chains = [new ChainMaker(1), new ChainMaker(2), new ChainMaker(3)] as const
  const [one, two, ahead] = chains
  const store = await open(kv)
  for (let i = 0; i < 10; i++) await store.accept([one.next(1)])
  await store.accept([one.next(300, 1), two.next(520, 1)])
  const whole = new ChainMaker(3)
  whole.next(9)
  await store.accept([ahead.next(4, 40, whole.state.checkpoint)])
  await store.prune(two.member, 200, { unfinal: true })
  return [...chains]
}

describe('blocks become slimmer: schema version 3 to 4', () => {
  const directories = temporaryDirectories()

  it('a store of version 3 becomes, record for record, what this program would have written', async () => {
    const kv = await openMemoryKv()
    const chains = await filled(kv)
    const expected = await recordsOf(kv)
    await fattened(kv, chains)
    expect(await recordsOf(kv)).to.not.deep.equal(expected)
    const seen: MigrationProgress[] = []
    const steps = await migrate(kv, { large: true, onProgress: (progress) => seen.push(progress) })
    expect(steps[0]).to.equal('3 → 4: blocks without member and root, which the store says anyway')
    expect(await recordsOf(kv)).to.deep.equal(expected)
    expect(seen.map(({ done, of }) => `${done}/${of}`)).to.deep.equal(['256/834', '512/834', '768/834', '834/834'])
    const { chains: audited } = await auditStore({ kv, verifySigned: verifyFake, allSignatures: true })
    expect(audited.map(({ fault }) => fault)).to.deep.equal([undefined, undefined, undefined])
  })

  it('MIGRATION_NEEDED: opening it says what is to be done, and changes nothing', async () => {
    const kv = await openMemoryKv()
    const chains = await filled(kv)
    await fattened(kv, chains)
    const before = await recordsOf(kv)
    const refused = await open(kv).catch((error: unknown) => error)
    expect(isWattnessError(refused, 'MIGRATION_NEEDED') && refused.message).to.match(/version 3.* to 5 .*`wattness migrate`/)
    expect(await recordsOf(kv)).to.deep.equal(before)
  })

  it('goes on behind what is written, at whatever write it was broken off', async () => {
    const made = await openMemoryKv()
    await filled(made)
    const expected = await recordsOf(made)
    for (let failAt = 1; failAt <= 6; failAt++) {
      for (const failure of ['lost', 'stored'] as const) {
        const memory = await openMemoryKv()
        const kv = new FailingKv(memory, failAt, failure)
        await fattened(memory, await filled(memory))
        expect(await refusalCode(migrate(kv, { large: true })), `write ${failAt}`).to.equal('DISK_FULL')
        await kv.recover()
        await migrate(kv, { large: true })
        expect(await recordsOf(kv), `write ${failAt}, ${failure}`).to.deep.equal(expected)
      }
    }
  })

  it('killed half way, it goes on and gives the same store', async () => {
    const made = await openMemoryKv()
    await filled(made)
    const expected = await recordsOf(made)
    const directory = await directories.make()
    const ledger = path.join(directory, 'ledger')
    const kv = await openLevelKv(ledger)
    await fattened(kv, await filled(kv))
    await kv.close()
    const { signal, stdout } = spawnSync(process.execPath, [CHILD, directory, '2'], { encoding: 'utf8' })
    expect([signal, stdout]).to.deep.equal(['SIGKILL', '256\n512\n'])
    expect(await refusalCode(openLedger({ directory, networkId: NETWORK_ID }))).to.equal('MIGRATION_NEEDED')
    const seen: number[] = []
    await migrateLedger({ directory, onProgress: ({ done }) => seen.push(done) })
    expect(seen[0]).to.be.oneOf([512, 768])
    expect(await migrateLedger({ directory })).to.deep.equal({ from: SCHEMA_VERSION, to: SCHEMA_VERSION, steps: [] })
    const migrated = await openLevelKv(ledger)
    expect(await recordsOf(migrated)).to.deep.equal(expected)
    await migrated.close()
  })

  it('records of version 3 that are restored from an archive are brought forward', async () => {
    const kv = await openMemoryKv()
    const chains = await filled(kv)
    const expected = await recordsOf(kv)
    await fattened(kv, chains)
    const location = path.join(await directories.make(), 'ledger')
    await writeStore(location, copiedRecords(kv))
    const restored = await openLevelKv(location)
    const isDurable = (record: string): boolean => record.startsWith('0164757261626c65 ')
    expect((await recordsOf(restored)).filter((each) => !isDurable(each))).to.deep.equal(
      expected.filter((each) => !isDurable(each)),
    )
    await restored.close()
  })

  it('what was damaged is still found afterwards, and nothing else is', async () => {
    const kv = await openMemoryKv()
    await fattened(kv, await filled(kv))
    const spoil = async (height: number, change: (value: Uint8Array) => Uint8Array): Promise<void> => {
      const key = blockKey(0, height)
      await kv.batch([put(key, change((await kv.get(key)) as Uint8Array))])
    }
    await spoil(40, (value) => value.with(80, (value[80] as number) ^ 1))
    await spoil(41, () => new Uint8Array(0))
    await spoil(42, () => Uint8Array.of(0, 200, 1))
    await spoil(43, (value) => Uint8Array.of(...value, 1))
    // What goes out is put back as it should have been.
    await spoil(5, (value) => value.with(10, (value[10] as number) ^ 1))
    await spoil(6, (value) => value.with(value.length - 70, (value.at(-70) as number) ^ 1))
    await migrate(kv, { large: true })
    const { chains } = await auditStore({ kv, verifySigned: verifyFake, allSignatures: true })
    expect(chains.flatMap(({ fault }) => fault?.height ?? [])).to.deep.equal([40])
    const store = await open(kv)
    expect((await store.readBlocks(store.damage[0]?.member as Uint8Array, 0, 10)).length).to.equal(10)
  })
})
