import { expect } from 'chai'
import { Epochs, formatGenesis, initialMembership, parseGenesis, ROLE_METER } from '../../../protocol/index.ts'
import type { VerifyLine } from '../../control/index.ts'
import { verifyLines } from '../../control/verify-lines.ts'
import { createSigner, systemPlatform, verifySignature } from '../../index.ts'
import { LedgerStore, openMemoryKv } from '../../store/index.ts'
import { SignedChain } from '../audit/signed-chain.ts'

const signer = createSigner(new Uint8Array(32).fill(9))
const members = [{ key: signer.publicKey, roles: ROLE_METER, label: 'meter' }]
const genesis = parseGenesis(formatGenesis({ name: 'lines', registrar: createSigner(new Uint8Array(32)).publicKey, members }))

describe('a running node that is asked to verify', () => {
  let store: LedgerStore
  const membership = initialMembership(genesis)
  beforeEach(async () => {
    store = await LedgerStore.open({ kv: await openMemoryKv(), networkId: genesis.networkId, ownKey: signer.publicKey })
    await store.accept([new SignedChain(signer, genesis).grow(1_000).acceptance()])
  })
  afterEach(() => store.close())

  /** Every turn takes as long as a busy node lets it. */
  const lines = (turn: () => Promise<void>): AsyncGenerator<VerifyLine> =>
    verifyLines(
      { genesis, key: signer.publicKey, store, membership, epochs: Epochs.of(membership) },
      { platform: { ...systemPlatform, turn }, verify: verifySignature, allSignatures: false },
    )

  it('says how far it is while that takes long, and what it found', async () => {
    const said: VerifyLine[] = []
    for await (const line of lines(() => new Promise((resolve) => setTimeout(resolve, 80)))) said.push(line)
    const last = said.pop() as VerifyLine
    expect('report' in last && last.report).to.deep.include({ ok: true, blocks: 1_000, files: null })
    expect(said.length).to.be.above(0)
    for (const line of said) expect('progress' in line && line.progress.ofBlocks).to.be.oneOf([0, 1_000])
  })

  it('stops working where nobody listens any more', async () => {
    let turns = 0
    for await (const line of lines(async () => {
      turns++
      await new Promise((resolve) => setTimeout(resolve, 300))
    })) {
      expect(line).to.have.property('progress')
      break
    }
    const before = turns
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(turns).to.equal(before)
  })

  it('a store that belongs to another network: the asker is told', async () => {
    const other = await LedgerStore.open({ kv: await openMemoryKv(), networkId: new Uint8Array(32) })
    const asked = verifyLines(
      { genesis, key: signer.publicKey, store: other, membership, epochs: Epochs.of(membership) },
      { platform: systemPlatform, verify: verifySignature, allSignatures: false },
    )
    expect(await asked.next().catch((error: { code: string }) => error.code)).to.equal('STORE_OTHER_NETWORK')
    await other.close()
  })
})
