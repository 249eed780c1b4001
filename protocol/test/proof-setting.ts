import { type Attestation, type SignedAttestation, signAttestation } from '../attestation.ts'
import { type Block, KIND_MEMBERSHIP, KIND_READINGS } from '../block.ts'
import { formatCheckpoint, type SignedCheckpoint } from '../checkpoint.ts'
import { logVerifierKey, signCosignature, witnessName } from '../cosignature.ts'
import type { Signer } from '../ed25519.ts'
import { formatGenesis, type Genesis, parseGenesis } from '../genesis.ts'
import { EMPTY_ROOT } from '../hash.ts'
import { type HeadLeaf, headsRoot } from '../heads.ts'
import { encodeMembershipBody, type MembershipOperation } from '../membership-body.ts'
import { attestRegistrar, type MembershipItem, type RegistrarAttestation } from '../membership-proof.ts'
import type { NoteSignature } from '../note.ts'
import { makeProofFile, type ProofFile, type ProofFileInit } from '../proof-file.ts'
import type { Reading } from '../reading.ts'
import { encodeReadings } from '../readings-body.ts'
import { ROLE_METER, ROLE_WITNESS } from '../roles.ts'
import { consistencyProof, inclusionProof } from '../tree.ts'
import { ChainAuthor, FIRST_SEALED_MS, INTERVAL_MS } from './chain-author.ts'
import { keyOf, signerOf } from './numbered-keys.ts'

/** A network of which proofs are made: key 1 is the registrar's, the next ones are the members of genesis. */
export const ROLES = ROLE_METER | ROLE_WITNESS
export const REGISTRAR = 1

export function genesisOf(witnesses: number): Genesis {
  const members = Array.from({ length: witnesses }, (_, i) => ({ key: keyOf(2 + i), roles: ROLES, label: `house ${i + 1}` }))
  return parseGenesis(formatGenesis({ name: 'Elm Street', registrar: keyOf(REGISTRAR), members }))
}

export function admit(n: number): MembershipOperation {
  return { type: 'admit', key: keyOf(n), roles: ROLES, labelHash: new Uint8Array(32).fill(n) }
}

export function revoke(n: number): MembershipOperation {
  return { type: 'revoke', key: keyOf(n), endSize: 0, endRoot: EMPTY_ROOT }
}

export class ProofSetting {
  readonly genesis: Genesis
  readonly registrar: ChainAuthor

  constructor(witnesses: number) {
    this.genesis = genesisOf(witnesses)
    this.registrar = new ChainAuthor(signerOf(REGISTRAR), this.genesis.networkId, true)
  }

  /** One block of the registrar for each list of operations. */
  operate(...blocks: readonly (readonly MembershipOperation[])[]): this {
    for (const operations of blocks) {
      this.registrar.append({ kind: KIND_MEMBERSHIP, content: encodeMembershipBody(operations) })
    }
    return this
  }

  meter(n: number): ChainAuthor {
    return new ChainAuthor(signerOf(n), this.genesis.networkId)
  }

  /** What a witness of key `n` attests that holds `size` blocks of the registrar's chain and nothing else. */
  attest(
    n: number,
    epoch: number,
    size: number,
    change: Partial<Attestation> = {},
    signer: Signer = signerOf(n),
  ): SignedAttestation {
    const leaves = this.leaves(size)
    const attestation: Attestation = {
      witness: signer.publicKey,
      epoch,
      sequence: 1,
      timeMs: FIRST_SEALED_MS,
      frontier: leaves.map((leaf) => leaf.size),
      named: [],
      headsRoot: headsRoot(leaves),
      ...change,
    }
    return signAttestation(signer, this.genesis.networkId, attestation)
  }

  leaves(size: number, registrar = this.registrar): HeadLeaf[] {
    const members = [this.genesis.registrar, ...this.genesis.members.map(({ key }) => key)]
    const { root } = registrar.state(size)
    return members.map((member, index) => (index === 0 ? { member, size, root } : { member, size: 0, root: EMPTY_ROOT }))
  }

  /** The word of key `n` that the registrar's chain up to `end` is as it is, in an attestation of `size` blocks. */
  async attested(n: number, epoch: number, end: number, size = end): Promise<RegistrarAttestation> {
    const consistency = await consistencyProof(this.registrar.read, end, size)
    return attestRegistrar(this.attest(n, epoch, size), this.leaves(size), consistency)
  }

  /** The registrar's blocks [from, end), attested in `epoch` by the keys `witnesses`. */
  async item(from: number, end: number, epoch: number, witnesses: readonly number[], size = end): Promise<MembershipItem> {
    const attestations: RegistrarAttestation[] = []
    for (const n of witnesses) attestations.push(await this.attested(n, epoch, end, size))
    return { run: this.registrar.run(from, end), attestations }
  }
}

/** Four quarter hours of an energy register and a power register, one value missing. */
export function quarterHours(height: number): Reading[] {
  const energy = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }
  const power = { obis: { a: 1, b: 0, c: 16, d: 7, e: 0, f: 255 }, unit: 27, scaler: 0 }
  return Array.from({ length: 4 }, (_, i) => ({
    time: FIRST_SEALED_MS + (height * 4 + i) * INTERVAL_MS,
    intervalMs: INTERVAL_MS,
    timeSource: 'meter-clock' as const,
    values: [
      { register: energy, value: 1_234_567 + 100 * (height * 4 + i), quality: 'good' as const },
      { register: power, value: i === 2 ? null : 400 + i, quality: i === 2 ? ('missing' as const) : ('good' as const) },
    ],
  }))
}

/** Adds one block of readings. */
export function seal(meter: ChainAuthor, registrarSize: number): void {
  meter.append({ kind: KIND_READINGS, registrarSize, content: encodeReadings(quarterHours(meter.size)) })
}

export const FIRST_COSIGNED_S = FIRST_SEALED_MS / 1000 + 60

export function cosign(genesis: Genesis, checkpoint: SignedCheckpoint, n: number, timeS: number): NoteSignature {
  const text = formatCheckpoint(logVerifierKey(genesis.networkId, checkpoint.member).name, checkpoint)
  return signCosignature(signerOf(n), witnessName(genesis.networkId, keyOf(n)), text, timeS)
}

/** The proof of block `height` under the checkpoint of the whole chain, cosigned by the keys `cosigners`, ten seconds apart. */
export async function proofOf(
  { genesis }: ProofSetting,
  meter: ChainAuthor,
  height: number,
  { cosigners, ...init }: { readonly cosigners: readonly number[] } & Pick<ProofFileInit, 'witnesses' | 'quorum' | 'membership'>,
): Promise<ProofFile> {
  const { size } = meter
  const checkpoint = meter.checkpoint()
  const last = meter.blocks[size - 1]
  return makeProofFile({
    ...init,
    genesis,
    block: meter.blocks[height] as Block,
    checkpoint,
    inclusion: await inclusionProof(meter.read, height, size),
    cosignatures: cosigners.map((n, i) => cosign(genesis, checkpoint, n, FIRST_COSIGNED_S + 10 * i)),
    ...(height === size - 1 || last === undefined
      ? {}
      : { end: { header: last.headerBytes, inclusion: await inclusionProof(meter.read, size - 1, size) } }),
  })
}
