import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import { fromHex, toHex } from '../../../protocol/bytes.ts'
import { isWattnessError } from '../../../protocol/errors.ts'
import {
  auditStore,
  del,
  type Kv,
  LedgerStore,
  lockDirectory,
  type MigrationProgress,
  migrateLedger,
  openLedger,
  openLevelKv,
  openMemoryKv,
  put,
  SCHEMA_VERSION,
} from '../../store/index.ts'
import { metaKey } from '../../store/keys.ts'
import { migrate, readSchemaVersion, schemaOperation } from '../../store/schema.ts'
import { memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { FailingKv } from './failing-kv.ts'
import type { StoreFixture } from './fixtures/make-store.ts'
import { framesOf } from './frames-of.ts'
import { fillOldStore, inventedSchema, movedRecords } from './invented-schema.ts'
import { MIGRATED_RECORDS } from './migrate-child.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

const CHILD = path.join(import.meta.dirname, 'migrate-child.ts')
const FIXTURES = path.join(import.meta.dirname, 'fixtures')
const RECORDS = 5
const SMALL = inventedSchema('small', RECORDS)
const LARGE = inventedSchema('large', RECORDS)

async function inventedOldStore(): Promise<Kv> {
  const kv = await openMemoryKv()
  await fillOldStore(kv, RECORDS)
  return kv
}

describe('store schema', () => {
  it('writes its version into an empty store', async () => {
    const kv = await openMemoryKv()
    expect(await readSchemaVersion(kv)).to.equal(undefined)
    expect(await migrate(kv)).to.deep.equal([])
    expect(await readSchemaVersion(kv)).to.equal(SCHEMA_VERSION)
  })

  it('migrates an older store forward, step by step, and says which', async () => {
    const kv = await inventedOldStore()
    const seen: string[] = []
    const onProgress = ({ what, done, of }: MigrationProgress): void => void seen.push(`${what} ${done}/${of}`)
    const taken = await migrate(kv, { plan: SMALL, onProgress })
    expect(taken).to.deep.equal(['1 → 2: records move from 1e to 1f', '2 → 3: a mark'])
    expect(seen.slice(-2)).to.deep.equal(['records move from 1e to 1f 5/5', 'a mark 1/1'])
    expect(await movedRecords(kv, RECORDS)).to.equal(RECORDS)
    expect(await readSchemaVersion(kv)).to.equal(3)
    expect(await kv.get(metaKey('migrating'))).to.equal(undefined)
    expect(await migrate(kv, { plan: SMALL })).to.deep.equal([])
  })

  it('goes on where a migration was broken off, at whatever write', async () => {
    for (const plan of [SMALL, LARGE]) {
      for (let failAt = 1; failAt <= 8; failAt++) {
        for (const failure of ['lost', 'stored'] as const) {
          const kv = new FailingKv(await inventedOldStore(), failAt, failure)
          expect(await refusalCode(migrate(kv, { plan, large: true }))).to.equal('DISK_FULL')
          await kv.recover()
          await movedRecords(kv, RECORDS)
          // What is half changed is nothing for an earlier program.
          const hasBegun = failAt > 1 || failure === 'stored'
          const earlier = migrate(kv, { plan: { version: 1, migrations: [] } })
          expect(await refusalCode(earlier)).to.equal(hasBegun ? 'STORE_NEWER' : 'no error')
          await migrate(kv, { plan, large: true })
          expect(await movedRecords(kv, RECORDS)).to.equal(RECORDS)
          expect(await readSchemaVersion(kv)).to.equal(3)
        }
      }
    }
  })

  it('MIGRATION_NEEDED: a large step is refused at open, with nothing written, and names the command', async () => {
    const kv = await inventedOldStore()
    const refused = await LedgerStore.open({ kv, networkId: NETWORK_ID, schema: LARGE }).catch((error: unknown) => error)
    expect(isWattnessError(refused, 'MIGRATION_NEEDED') && refused.message).to.match(/version 1.* to 3 .*`wattness migrate`/)
    expect(await movedRecords(kv, RECORDS)).to.equal(0)
    expect(await readSchemaVersion(kv)).to.equal(1)
    await migrate(kv, { plan: LARGE, large: true })
    const store = await LedgerStore.open({ kv, networkId: NETWORK_ID, schema: LARGE })
    expect(store.damage).to.deep.equal([])
  })

  it('a small step is taken at open', async () => {
    const kv = await inventedOldStore()
    await LedgerStore.open({ kv, networkId: NETWORK_ID, schema: SMALL })
    expect(await movedRecords(kv, RECORDS)).to.equal(RECORDS)
  })

  it('STORE_NEWER: a store of a later program, naming both versions', async () => {
    const kv = await openMemoryKv()
    await kv.batch([schemaOperation(7)])
    const refused = await LedgerStore.open({ kv, networkId: NETWORK_ID }).catch((error: unknown) => error)
    expect(isWattnessError(refused, 'STORE_NEWER') && refused.message).to.match(new RegExp(`version 7.*up to ${SCHEMA_VERSION}`))
  })

  it('STORE_TOO_OLD: a version that no step leads from', async () => {
    const kv = await openMemoryKv()
    await kv.batch([schemaOperation(1)])
    expect(await refusalCode(migrate(kv, { plan: { version: 3, migrations: [] } }))).to.equal('STORE_TOO_OLD')
  })

  it('STORE_DAMAGED: a store whose version record is gone or does not hold', async () => {
    const kv = await inventedOldStore()
    await kv.batch([put(metaKey('schema'), Uint8Array.of(1, 0, 0, 0, 0))])
    expect(await refusalCode(migrate(kv))).to.equal('STORE_DAMAGED')
    await kv.batch([del(metaKey('schema'))])
    expect(await refusalCode(migrate(kv))).to.equal('STORE_DAMAGED')
  })
})

describe('wattness migrate', () => {
  const directories = temporaryDirectories()
  const plan = inventedSchema('large', MIGRATED_RECORDS)

  /** Kills the migration once it has said so many lines; answers with the last of them. */
  function migrateAndKill(directory: string, lines: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [CHILD, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk
        if (said.split('\n').length > lines) child.kill('SIGKILL')
      })
      child.on('error', reject)
      child.on('close', () => resolve(Number(said.split('\n').at(-2) ?? 0)))
    })
  }

  it('goes on behind what was written when it is killed, again and again', async () => {
    const directory = await directories.make()
    const ledger = path.join(directory, 'ledger')
    const kv = await openLevelKv(ledger)
    await fillOldStore(kv, MIGRATED_RECORDS)
    await kv.close()
    let least = 0
    for (const lines of [1, 7, 20]) {
      const told = await migrateAndKill(directory, lines)
      expect(told).to.be.above(least).and.below(MIGRATED_RECORDS)
      const found = await openLevelKv(ledger)
      least = await movedRecords(found, MIGRATED_RECORDS)
      await found.close()
      expect(least).to.be.at.least(told)
      const refused = openLedger({ directory, networkId: NETWORK_ID, schema: plan })
      expect(await refusalCode(refused)).to.equal('MIGRATION_NEEDED')
    }
    const seen: number[] = []
    const report = await migrateLedger({ directory, plan, onProgress: ({ done }) => void seen.push(done) })
    expect(seen[0]).to.equal(least + 2)
    expect(report).to.deep.equal({ from: 1, to: 3, steps: ['1 → 2: records move from 1e to 1f', '2 → 3: a mark'] })
    expect(await migrateLedger({ directory, plan })).to.deep.equal({ from: 3, to: 3, steps: [] })
    await (await openLedger({ directory, networkId: NETWORK_ID, schema: plan })).close()
  })

  it('is broken off by its turn, makes no store where there is none, and never runs beside a node', async () => {
    const directory = await directories.make()
    expect(await migrateLedger({ directory, plan })).to.deep.equal({ from: null, to: 3, steps: [] })
    const kv = await openLevelKv(path.join(directory, 'ledger'))
    await fillOldStore(kv, MIGRATED_RECORDS)
    await kv.close()
    const turn = (): Promise<void> => Promise.reject(new Error('stopped'))
    expect(await refusalCode(migrateLedger({ directory, plan, turn }))).to.equal('Error: stopped')
    const lock = await lockDirectory(directory)
    expect(await refusalCode(migrateLedger({ directory, plan }))).to.equal('STORE_LOCKED')
    await lock.release()
    expect((await migrateLedger({ directory, plan })).steps.length).to.equal(2)
  })
})

/** The first version whose stores need no large step. */
const SLIMMER_BLOCKS_AT = 4

describe('data files of every released version', () => {
  const directories = temporaryDirectories()

  it('there is one for every schema version so far', async () => {
    const names = (await readdir(FIXTURES)).filter((name) => name.endsWith('.json.gz'))
    expect(names.toSorted()).to.deep.equal(Array.from({ length: SCHEMA_VERSION }, (_, i) => `store-v${i + 1}.json.gz`))
  })

  it('each opens, after `wattness migrate` where it takes one, whole and with everything in it', async () => {
    for (let version = 1; version <= SCHEMA_VERSION; version++) {
      const packed = await readFile(path.join(FIXTURES, `store-v${version}.json.gz`))
      expect(packed.length).to.be.below(50_000)
      const fixture = JSON.parse(gunzipSync(packed).toString()) as StoreFixture
      expect(fixture.schema).to.equal(version)
      const directory = await directories.make()
      const ledger = path.join(directory, 'ledger')
      await mkdir(ledger)
      for (const [name, content] of Object.entries(fixture.files))
        await writeFile(path.join(ledger, name), Buffer.from(content, 'base64'))

      const own = fromHex(fixture.chains[0]?.member ?? '')
      const init = { directory, networkId: NETWORK_ID, ownKey: own, verifySigned: verifyFake }
      if (version < SLIMMER_BLOCKS_AT) {
        expect(await refusalCode(openLedger(init))).to.equal('MIGRATION_NEEDED')
        const steps = Array.from({ length: SCHEMA_VERSION - version }, (_, i) => `${version + i} → ${version + i + 1}`)
        expect((await migrateLedger({ directory })).steps.map((step) => step.split(':')[0])).to.deep.equal(steps)
      }
      const store = await openLedger(init)
      expect(store.damage).to.deep.equal([])
      for (const { member, size, root } of fixture.chains) {
        const head = store.head(fromHex(member))
        expect([head?.size, toHex(head?.root ?? new Uint8Array(0))]).to.deep.equal([size, root])
        expect((await store.readHeld(fromHex(member), 0, size)).length).to.equal(size)
      }
      expect((await store.spool.peek(10)).rows.length).to.equal(fixture.waiting)
      const frames = await framesOf(store)
      expect(frames.map(({ frame, note }) => [frame?.length, note?.height])).to.deep.equal([[4, fixture.noted]])
      expect(store.signedRecord()?.size).to.equal(fixture.signedSize)
      expect(await store.registersOf(own)).to.deep.equal([])
      expect(await store.labels.get(own)).to.deep.equal(Uint8Array.of(4, 5))
      expect(await store.invitations.get(memberKey(8))).to.deep.equal(Uint8Array.of(6))
      expect(store.quarantined(memberKey(9))).to.equal(true)
      const { witness } = fixture
      expect(store.witnessEvidence.has(memberKey(7))).to.equal(witness !== undefined)
      expect(store.quarantined(memberKey(7))).to.equal(false)
      const long = fromHex(fixture.chains[1]?.member ?? '')
      expect(store.witness.signedLeaf(long)?.size).to.equal(witness?.signed)
      expect(store.witness.final(long)?.size).to.equal(witness?.final)
      expect(store.pruned(long).to).to.equal(fixture.pruned ?? 0)
      expect(store.witness.record.sequence).to.equal(witness?.sequence ?? 0)
      const kept = [...(await store.witness.attestations.list(1)), ...(await store.witness.closings.list(1))]
      expect(kept.map(({ leaves }) => leaves?.length ?? 0)).to.deep.equal(witness === undefined ? [] : [0, 1])
      await store.close()

      const kv = await openLevelKv(ledger)
      const audit = await auditStore({ kv, verifySigned: verifyFake, allSignatures: true })
      expect(audit.chains.filter((chain) => chain.fault !== undefined)).to.deep.equal([])
      expect(audit.damage).to.deep.equal([])
      await kv.close()
    }
  })
})
