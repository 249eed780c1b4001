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
  openLedger,
  openLevelKv,
  openMemoryKv,
  put,
  SCHEMA_VERSION,
} from '../../store/index.ts'
import { allOf, metaKey } from '../../store/keys.ts'
import { type Migration, migrate, readSchemaVersion, schemaOperation } from '../../store/schema.ts'
import { memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { FailingKv } from './failing-kv.ts'
import type { StoreFixture } from './fixtures/make-store.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

const FIXTURES = path.join(import.meta.dirname, 'fixtures')
const OLD = Uint8Array.of(0x1e)
const NEW = Uint8Array.of(0x1f)

/** Two invented steps: the first moves every record under one prefix to another, the second marks that it ran. */
const MIGRATIONS: readonly Migration[] = [
  {
    from: 1,
    what: 'records move from 1e to 1f',
    async *steps(kv) {
      for await (const entries of kv.iterate(allOf(0x1e))) {
        for (const [key, value] of entries) yield [del(key), put(Uint8Array.of(...NEW, ...key.subarray(1)), value)]
      }
    },
  },
  {
    from: 2,
    what: 'a mark',
    async *steps() {
      yield [put(metaKey('mark'), Uint8Array.of(1))]
    },
  },
]

async function inventedOldStore(): Promise<Kv> {
  const kv = await openMemoryKv()
  await kv.batch([schemaOperation(1), ...[1, 2, 3].map((n) => put(Uint8Array.of(...OLD, n), Uint8Array.of(n)))])
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
    const taken = await migrate(kv, MIGRATIONS, 3)
    expect(taken).to.deep.equal(['1 → 2: records move from 1e to 1f', '2 → 3: a mark'])
    expect(await kv.get(Uint8Array.of(...NEW, 2))).to.deep.equal(Uint8Array.of(2))
    expect(await kv.get(Uint8Array.of(...OLD, 2))).to.equal(undefined)
    expect(await readSchemaVersion(kv)).to.equal(3)
    expect(await migrate(kv, MIGRATIONS, 3)).to.deep.equal([])
  })

  it('goes on where a migration was broken off, at whatever write', async () => {
    for (let failAt = 1; failAt <= 6; failAt++) {
      for (const failure of ['lost', 'stored'] as const) {
        const kv = new FailingKv(await inventedOldStore(), failAt, failure)
        expect(await refusalCode(migrate(kv, MIGRATIONS, 3))).to.equal('DISK_FULL')
        await kv.recover()
        await migrate(kv, MIGRATIONS, 3)
        expect(await kv.getMany([1, 2, 3].map((n) => Uint8Array.of(...NEW, n)))).to.deep.equal(
          [1, 2, 3].map((n) => Uint8Array.of(n)),
        )
        expect(await readSchemaVersion(kv)).to.equal(3)
      }
    }
  })

  it('STORE_NEWER: a store of a later program, naming both versions', async () => {
    const kv = await openMemoryKv()
    await kv.batch([schemaOperation(7)])
    const refused = await LedgerStore.open({ kv, networkId: NETWORK_ID }).catch((error: unknown) => error)
    expect(isWattnessError(refused, 'STORE_NEWER') && refused.message).to.match(/version 7.*up to 2/)
  })

  it('STORE_TOO_OLD: a version that no step leads from', async () => {
    const kv = await openMemoryKv()
    await kv.batch([schemaOperation(1)])
    expect(await refusalCode(migrate(kv, [], 3))).to.equal('STORE_TOO_OLD')
  })

  it('STORE_DAMAGED: a store whose version record is gone or does not hold', async () => {
    const kv = await inventedOldStore()
    await kv.batch([put(metaKey('schema'), Uint8Array.of(1, 0, 0, 0, 0))])
    expect(await refusalCode(migrate(kv))).to.equal('STORE_DAMAGED')
    await kv.batch([del(metaKey('schema'))])
    expect(await refusalCode(migrate(kv))).to.equal('STORE_DAMAGED')
  })
})

describe('data files of every released version', () => {
  const directories = temporaryDirectories()

  it('there is one for every schema version so far', async () => {
    const names = (await readdir(FIXTURES)).filter((name) => name.endsWith('.json.gz'))
    expect(names.toSorted()).to.deep.equal(Array.from({ length: SCHEMA_VERSION }, (_, i) => `store-v${i + 1}.json.gz`))
  })

  it('each opens, whole, with everything in it', async () => {
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
      const store = await openLedger({ directory, networkId: NETWORK_ID, ownKey: own, verifySigned: verifyFake })
      expect(store.damage).to.deep.equal([])
      for (const { member, size, root } of fixture.chains) {
        const head = store.head(fromHex(member))
        expect([head?.size, toHex(head?.root ?? new Uint8Array(0))]).to.deep.equal([size, root])
        expect((await store.readBlocks(fromHex(member), 0, size)).length).to.equal(size)
      }
      expect((await store.spool.peek(10)).rows.length).to.equal(fixture.waiting)
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
