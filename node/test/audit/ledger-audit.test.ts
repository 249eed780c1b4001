import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import {
  EMPTY_ROOT,
  encodeMembershipBody,
  formatGenesis,
  type Genesis,
  KIND_MEMBERSHIP,
  type MembershipOperation,
  parseGenesis,
  ROLE_METER,
  ROLE_OBSERVER,
  type Signer,
  sha256,
  toHex,
  toUtf8,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import { startCrew } from '../../audit/crew.ts'
import { auditLedger, type LedgerAudit, type Progress } from '../../audit/index.ts'
import { createSigner, verifySignature } from '../../index.ts'
import { del, type Kv, type KvEntry, LedgerStore, openLevelKv, openMemoryKv, put } from '../../store/index.ts'
import { blockKey, queryChunksOf, queryStateKey } from '../../store/keys.ts'
import { sealRecord } from '../../store/record.ts'
import { SignedChain } from './signed-chain.ts'

const signerOf = (name: string): Signer => createSigner(sha256(toUtf8(`audit ${name}`)))
const registrar = signerOf('registrar')
const meters = [signerOf('a'), signerOf('b'), signerOf('c')]
const late = signerOf('late')
const observer = signerOf('observer')

const genesis: Genesis = parseGenesis(
  formatGenesis({
    name: 'audit',
    registrar: registrar.publicKey,
    limits: { maxBodyBytes: 2_000, minBlockIntervalMs: 1_000 },
    members: [
      ...meters.map(({ publicKey }, i) => ({ key: publicKey, roles: ROLE_METER, label: `meter ${i}` })),
      { key: observer.publicKey, roles: ROLE_OBSERVER, label: 'observer' },
    ],
  }),
)

const admission: MembershipOperation = {
  type: 'admit',
  key: late.publicKey,
  roles: ROLE_METER,
  labelHash: sha256(toUtf8('label')),
}

describe('audit of a ledger', () => {
  let kv: Kv

  beforeEach(async () => {
    kv = await openMemoryKv()
  })
  afterEach(() => kv.close())

  /** A store as no door would have let it become. */
  const fill = async (...chains: readonly SignedChain[]): Promise<LedgerStore> => {
    const store = await LedgerStore.open({ kv, networkId: genesis.networkId })
    for (const chain of chains) await store.accept([chain.acceptance()])
    return store
  }
  const audit = (): Promise<LedgerAudit> => auditLedger({ kv, genesis, verify: verifySignature })
  const faultOf = async (signer: Signer): Promise<string | undefined> => {
    const chain = (await audit()).chains.find(({ member }) => toHex(member) === toHex(signer.publicKey))
    const { fault } = chain ?? {}
    return fault === undefined ? undefined : `${fault.height} ${fault.rule ?? '-'} ${fault.what}`
  }
  const chainOf = (signer: Signer): SignedChain => new SignedChain(signer, genesis)
  const registrarChain = (...operations: readonly MembershipOperation[]): SignedChain => {
    const chain = chainOf(registrar)
    for (const operation of operations) {
      const content = encodeMembershipBody([operation])
      chain.append({ kind: KIND_MEMBERSHIP, content, registrarSize: chain.size })
    }
    return chain
  }
  const [a, b, c] = meters as [Signer, Signer, Signer]

  it('finds nothing where everything keeps the rules, and knows the membership', async () => {
    await fill(registrarChain(admission), chainOf(a).grow(3), chainOf(late).grow(2, { registrarSize: 1 }))
    const { chains, damage, blocks, membership } = await audit()
    expect(chains.map(({ fault }) => fault)).to.deep.equal([undefined, undefined, undefined])
    expect(damage).to.deep.equal([])
    expect(blocks).to.equal(6)
    expect(membership.members).to.have.length(6)
  })

  it('V3: a body that this network does not allow', async () => {
    await fill(
      chainOf(a)
        .grow(1)
        .append({ content: new Uint8Array(2_100) }),
    )
    expect(await faultOf(a)).to.match(/^1 V3 OVERSIZED_BODY: body of 2116 bytes, this network allows 2000$/)
  })

  it('V4: a stranger, a member before its admission, an observer, and more of the registrar than there is', async () => {
    await fill(
      registrarChain(admission),
      chainOf(signerOf('stranger')).grow(1),
      chainOf(late).grow(1),
      chainOf(observer).grow(1),
      chainOf(a).grow(1).append({ registrarSize: 2 }),
    )
    expect(await faultOf(signerOf('stranger'))).to.equal('0 V4 NOT_A_MEMBER: may not write it')
    expect(await faultOf(late)).to.equal('0 V4 NOT_A_MEMBER: may not write it')
    expect(await faultOf(observer)).to.equal('0 V4 ROLE_MISSING: may not write it')
    expect(await faultOf(a)).to.equal('1 V4 REGISTRAR_AHEAD: names registrar size 2, 1 held')
  })

  it('V13 and V14: time and registrar size that go back, and blocks that come too soon', async () => {
    const first = Date.UTC(2026, 0, 1)
    await fill(
      registrarChain(admission, admission),
      chainOf(a)
        .grow(1)
        .append({ sealedAt: first - 5 }),
      chainOf(b)
        .grow(1)
        .append({ sealedAt: first + 999 }),
      chainOf(c).grow(1, { registrarSize: 2 }).append({ registrarSize: 1 }),
    )
    expect(await faultOf(a)).to.equal('1 V13 TIME_REVERSED: sealed 5 ms before its parent')
    expect(await faultOf(b)).to.equal('1 V13 TOO_SOON: sealed 999 ms after its parent, at least 1000')
    expect(await faultOf(c)).to.equal('1 V14 WRONG_REGISTRAR_SIZE: names registrar size 1')
  })

  it('V14: a registrar whose chain does not count itself', async () => {
    await fill(registrarChain(admission).append({ registrarSize: 0 }))
    expect(await faultOf(registrar)).to.equal('1 V14 WRONG_REGISTRAR_SIZE: names registrar size 0')
  })

  it('V18: a body that is not canonical, and membership in a meter’s chain', async () => {
    const content = encodeMembershipBody([admission])
    await fill(chainOf(a).append({ content: Uint8Array.of(1) }), chainOf(b).append({ kind: KIND_MEMBERSHIP, content }))
    expect(await faultOf(a)).to.match(/^0 V18 TRUNCATED: /)
    expect(await faultOf(b)).to.match(/^0 V18 WRONG_KIND: membership in a chain that is not the registrar's$/)
  })

  it('M20: a key that replaces another and does not begin with what it goes on with', async () => {
    const end = { endSize: 1, endRoot: chainOf(a).grow(1).rootAt(1) }
    const replacement = { type: 'replace-key', key: a.publicKey, newKey: late.publicKey, labelHash: ZERO_HASH, ...end } as const
    await fill(registrarChain(replacement), chainOf(a).grow(1), chainOf(late).grow(2, { registrarSize: 1 }))
    expect(await faultOf(a)).to.equal(undefined)
    expect(await faultOf(late)).to.match(/^0 M20 NOT_CONTINUED: no event "continues /)
  })

  it('B5: a kind of a later version is no fault', async () => {
    await fill(chainOf(a).append({ kind: 77, content: Uint8Array.of(1, 2, 3) }))
    expect(await faultOf(a)).to.equal(undefined)
  })

  it('M13: blocks beyond the end of a revoked chain may be there; V19: but not another history up to that end', async () => {
    const whole = chainOf(a).grow(5)
    const other = chainOf(b).grow(5)
    const end = (chain: SignedChain, endSize: number, endRoot: Uint8Array): MembershipOperation => ({
      type: 'revoke',
      key: chain.member,
      endSize,
      endRoot,
    })
    await fill(registrarChain(end(whole, 3, whole.rootAt(3)), end(other, 3, EMPTY_ROOT)), whole, other)
    expect(await faultOf(a)).to.equal(undefined)
    expect(await faultOf(b)).to.equal('2 V19 ends another history than the one that the revocation names')
  })

  it('what a damaged registrar’s chain would allow is held against nobody', async () => {
    await fill(
      registrarChain(admission, admission),
      chainOf(late).grow(2, { registrarSize: 1 }),
      chainOf(a).grow(1, { registrarSize: 2 }),
    )
    expect((await audit()).chains.filter(({ fault }) => fault !== undefined)).to.deep.equal([])
    await kv.batch([del(blockKey(0, 0))])
    expect(await faultOf(registrar)).to.equal('0 V2 missing')
    expect(await faultOf(late)).to.equal(undefined)
    expect(await faultOf(a)).to.equal(undefined)
  })

  it('query chunks that are missing, wrong or too many, though their checksums hold', async () => {
    await fill(chainOf(a).grow(200))
    const found = async (): Promise<string[]> => (await audit()).damage.map(({ kind, what }) => `${kind}: ${what}`)
    expect(await found()).to.deep.equal([])
    const records: KvEntry[] = []
    for await (const entries of kv.iterate(queryChunksOf(0))) records.push(...entries)
    const [first, second] = records as [KvEntry, KvEntry]
    await kv.batch([del(first[0]), put(second[0], sealRecord(second[0], Uint8Array.of(1)))])
    expect(await found()).to.deep.equal(['query: query chunks: 1 missing', 'query: query chunks: 1 not what the blocks say'])
    const surplus = first[0].slice()
    surplus[surplus.length - 1] = (surplus[surplus.length - 1] as number) ^ 1
    await kv.batch([put(...first), put(...second), put(surplus, sealRecord(surplus, Uint8Array.of(1)))])
    expect(await found()).to.deep.equal(['query: query chunks: 1 too many'])
    await kv.batch([del(surplus), del(queryStateKey(0))])
    // Without it all are made again when the store is opened: there is nothing to compare yet.
    expect(await found()).to.deep.equal([])
  })

  it('a view stays as it was while the store goes on growing', async () => {
    const chain = chainOf(a).grow(3)
    const store = await fill(chain)
    const view = store.view()
    await store.accept([chain.grow(600).acceptance(3)])
    const before = await auditLedger({ kv: view, genesis, verify: verifySignature })
    await view.close()
    expect(before.blocks).to.equal(3)
    expect(before.chains[0]?.fault).to.equal(undefined)
    expect((await audit()).blocks).to.equal(603)
  })

  it('says how far it is, gives turns, and ends where a turn throws', async () => {
    await fill(chainOf(a).grow(600))
    const seen: Progress[] = []
    let turns = 0
    const turn = (): Promise<void> => {
      turns++
      return Promise.resolve()
    }
    await auditLedger({ kv, genesis, verify: verifySignature, turn, onProgress: (progress) => seen.push(progress) })
    expect(seen.map(({ blocks }) => blocks)).to.deep.equal([256, 512, 600])
    expect(seen.every(({ ofBlocks }) => ofBlocks === 600)).to.equal(true)
    expect(turns).to.be.at.least(3)
    const stop = auditLedger({ kv, genesis, verify: verifySignature, turn: () => Promise.reject(new Error('enough')) })
    expect(await stop.catch((error: unknown) => (error as Error).message)).to.equal('enough')
  })
})

describe('audit on several threads', () => {
  let directory: string
  let kv: Kv

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'wattness-crew-'))
    const made = await openLevelKv(directory)
    const store = await LedgerStore.open({ kv: made, networkId: genesis.networkId })
    for (const meter of meters) await store.accept([new SignedChain(meter, genesis).grow(300).acceptance()])
    await store.close()
    kv = await openLevelKv(directory, { multithreading: true })
  })
  afterEach(async () => {
    await kv.close()
    await rm(directory, { recursive: true })
  })

  const crewOf = (location: string) => startCrew(2, { location, genesisBytes: genesis.bytes, allSignatures: false })

  it('says the same as on one', async () => {
    const value = ((await kv.get(blockKey(1, 77))) as Uint8Array).slice()
    value[100] = (value[100] as number) ^ 1
    await kv.batch([put(blockKey(1, 77), value)])
    const alone = await auditLedger({ kv, genesis, verify: verifySignature })
    expect(alone.chains.filter(({ fault }) => fault !== undefined)).to.have.length(1)
    let counted = 0
    const shared = await auditLedger({
      kv,
      genesis,
      verify: verifySignature,
      hire: () => crewOf(directory),
      onProgress: ({ blocks }) => (counted = blocks),
    })
    expect(shared.chains).to.deep.equal(alone.chains)
    expect(counted).to.be.at.least(600)
  })

  it('threads take their share of the chains', async () => {
    const crew = crewOf(directory)
    const waiting = [0, 1, 2].map((id) => ({ id, member: meters[id]?.publicKey as Uint8Array, size: 300 }))
    const done: number[] = []
    let blocks = 0
    await crew.work(
      { membership: { size: 0, members: [] }, isMembershipWhole: false },
      {
        next: () => waiting.pop(),
        giveBack: () => expect.fail('a thread broke down'),
        done: ({ id }, { fault }) => {
          done.push(id)
          expect(fault?.rule).to.equal('V4')
        },
        onProgress: (more) => (blocks += more),
      },
    )
    await crew.stop()
    expect(done).to.have.members([0, 1, 2])
    expect(blocks).to.equal(0)
  })

  it('what a thread breaks down over is audited here', async () => {
    const shared = await auditLedger({
      kv,
      genesis,
      verify: verifySignature,
      hire: () => crewOf(path.join(directory, 'nowhere')),
    })
    expect(shared.blocks).to.equal(900)
    expect(shared.chains.every(({ fault }) => fault === undefined)).to.equal(true)
  })
})
