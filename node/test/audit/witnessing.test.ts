import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import {
  encodeEvidence,
  encodeSignedAttestation,
  formatGenesis,
  orderEvidence,
  parseGenesis,
  ROLE_METER,
  ROLE_WITNESS,
  type Signer,
  sha256,
  signAttestation,
  signCheckpoint,
  toUtf8,
  verifyCheckpoint,
} from '../../../protocol/index.ts'
import { auditLedger, mendDirectory, verifyDirectory } from '../../audit/index.ts'
import { createSigner, verifySignature } from '../../signature.ts'
import { type Kv, LedgerStore, openLedger, openLevelKv, openMemoryKv, type StoredAttestation } from '../../store/index.ts'
import { finalOperation } from '../../store/witness-records.ts'
import { SignedChain } from './signed-chain.ts'

const signerOf = (name: string): Signer => createSigner(sha256(toUtf8(`witnessing ${name}`)))
const meter = signerOf('meter')
const witness = signerOf('witness')
const genesis = parseGenesis(
  formatGenesis({
    name: 'witnessing',
    registrar: signerOf('registrar').publicKey,
    limits: {},
    members: [
      { key: meter.publicKey, roles: ROLE_METER, label: 'meter' },
      { key: witness.publicKey, roles: ROLE_WITNESS, label: 'witness' },
    ],
  }),
)
const { networkId } = genesis
const clock = { now: () => 0, monotonicMs: () => 0 }

function attestationBy(signer: Signer, epoch = 0): Uint8Array {
  const frontier = [0, 3, 0]
  const unsigned = {
    witness: signer.publicKey,
    epoch,
    sequence: 1,
    timeMs: 1,
    frontier,
    named: [],
    headsRoot: sha256(toUtf8('heads')),
  }
  return encodeSignedAttestation(signAttestation(signer, networkId, unsigned))
}

const stored = (bytes: Uint8Array, fields: Partial<StoredAttestation> = {}): StoredAttestation => ({
  epoch: 0,
  witness: witness.publicKey,
  bytes,
  ...fields,
})

/** Two checkpoints of one size that the meter signed. */
function equivocation(): Uint8Array {
  const side = (name: string) => {
    const root = sha256(toUtf8(name))
    return { checkpoint: signCheckpoint(meter, networkId, 3, root), root, proof: [] }
  }
  return encodeEvidence(orderEvidence(3, side('one'), side('other')))
}

describe('audit of witnessing', () => {
  let kv: Kv
  let store: LedgerStore

  const found = async (ownKey?: Uint8Array): Promise<string[]> => {
    const { damage } = await auditLedger({ kv, genesis, verify: verifySignature, ownKey })
    return damage.map(({ kind, what }) => `${kind}: ${what}`)
  }

  beforeEach(async () => {
    kv = await openMemoryKv()
    store = await LedgerStore.open({ kv, networkId })
    await store.accept([new SignedChain(meter, genesis).grow(3).acceptance()])
  })

  it('finds nothing in attestations that are signed by their witness', async () => {
    await store.witness.attestations.put([stored(attestationBy(witness))])
    await store.witness.closings.put([stored(attestationBy(witness, 7), { epoch: 7 })])
    expect(await found()).to.deep.equal([])
  })

  it('attestations of another witness or epoch, not signed by it, or none at all', async () => {
    await store.witness.attestations.put([stored(attestationBy(meter))])
    const forged = attestationBy(witness, 2)
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
    await store.witness.closings.put([
      stored(attestationBy(witness, 7)),
      stored(Uint8Array.of(9), { epoch: 1 }),
      stored(forged, { epoch: 2 }),
    ])
    expect(await found()).to.deep.equal([
      'attestation: attestation of epoch 0 damaged: it is of another witness or epoch',
      'closing: closing attestation of epoch 0 damaged: it is of another witness or epoch',
      'closing: closing attestation of epoch 1 damaged: UNKNOWN_VERSION: attestation of version 9, 1 expected',
      'closing: closing attestation of epoch 2 damaged: it is not signed by its witness',
    ])
  })

  it("the witness's own newest attestation is one of its key, of whatever epoch", async () => {
    const record = { epoch: 3, sequence: 1, closing: false, attestation: attestationBy(witness) }
    await store.witness.sign({ leaves: [], record })
    expect(await found(witness.publicKey)).to.deep.equal([])
    const [own] = await found(meter.publicKey)
    expect(own).to.equal('witness: own newest attestation: it is of another witness or epoch')
  })

  it('evidence stands where evidence of its kind stands', async () => {
    await store.evidence.put(meter.publicKey, equivocation())
    expect(await found()).to.deep.equal([])
    await store.witnessEvidence.put(meter.publicKey, equivocation())
    await store.evidence.put(witness.publicKey, equivocation())
    expect(await found()).to.have.members([
      'evidence: evidence damaged: it is against another member',
      'witness-evidence: evidence against a witness damaged: it is of another kind',
    ])
  })
})

describe('mending of witnessing', () => {
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'wattness-mend-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  const open = (): Promise<LedgerStore> =>
    openLedger({
      directory,
      networkId,
      verifySigned: (checkpoint) => verifyCheckpoint(verifySignature, networkId, checkpoint),
    })
  const init = (): Parameters<typeof mendDirectory>[0] => ({ directory, genesis, verify: verifySignature, clock, threads: 1 })

  it('takes out what is no attestation and a chain that is not the final one; what is final stays, and is owed', async () => {
    let store = await open()
    const chain = new SignedChain(meter, genesis).grow(3)
    await store.accept([chain.acceptance()])
    await store.witness.closings.put([stored(attestationBy(witness)), stored(attestationBy(witness), { epoch: 1 })])
    await store.witnessEvidence.put(meter.publicKey, equivocation())
    await store.close()
    const kv = await openLevelKv(path.join(directory, 'ledger'))
    const final = { member: meter.publicKey, size: 2, root: sha256(toUtf8('another')), epoch: 0 }
    await kv.batch([finalOperation(final)])
    await kv.close()
    const { before, after } = await mendDirectory(init())
    expect(before.damage.map(({ kind }) => kind)).to.have.members(['closing', 'final', 'witness-evidence'])
    expect(after.damage.map(({ kind, what }) => `${kind}: ${what}`)).to.deep.equal(['owed: 2 blocks are final, 0 are held'])
    store = await open()
    expect(store.witness.closings.epochs()).to.deep.equal([0])
    expect(store.witnessEvidence.size).to.equal(0)
    expect(store.witness.owed(meter.publicKey)).to.deep.include({ size: 2, isFinal: true })
    await store.close()
  })

  it('leaves a ledger where it is that only lacks blocks which are owed', async () => {
    const store = await open()
    await store.accept([new SignedChain(meter, genesis).grow(3).acceptance()])
    await store.witness.setFinal([
      { member: meter.publicKey, size: 3, root: new SignedChain(meter, genesis).grow(3).rootAt(3), epoch: 0 },
    ])
    await store.cutBack(meter.publicKey, 2, 'lost')
    await store.close()
    const { movedTo, after } = await mendDirectory(init())
    expect(movedTo).to.equal(undefined)
    expect(after.damage.map(({ kind }) => kind)).to.deep.equal(['owed'])
    expect((await verifyDirectory(init())).ok).to.equal(false)
  })
})
