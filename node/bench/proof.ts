import {
  attestRegistrar,
  type Bytes,
  blockHash,
  CompactRange,
  checkProofFile,
  EMPTY_ROOT,
  encodeMembershipBody,
  encodeReadings,
  encodeRun,
  formatCheckpoint,
  formatGenesis,
  formatProofFile,
  type Genesis,
  type HeadLeaf,
  headsRoot,
  inclusionProof,
  KIND_MEMBERSHIP,
  KIND_READINGS,
  leafHash,
  logVerifierKey,
  type MembershipItem,
  makeBlock,
  makeProofFile,
  openTlogProof,
  type ProofFile,
  parseGenesis,
  parseRoles,
  quorumOf,
  type Signer,
  sha256,
  signAttestation,
  signCheckpoint,
  signCosignature,
  toUtf8,
  verifyStrict,
  witnessName,
  ZERO_HASH,
} from '../../protocol/index.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import type { BenchResult } from './run.ts'
import { median, round } from './statistics.ts'
import { IMPORT_REGISTER, readingAt, signerNamed } from './street.ts'

/**
 * `npm run bench -- proof [BLOCKS]`: the proof of one block in a year of quarter hours, under 15 witnesses of whom 11 cosign:
 * how long its texts are, and how long somebody takes who has the file and nothing else. Then the same where a sixteenth
 * witness was admitted, so that the file shows a change of witnesses too.
 */

const WITNESSES = 15
const START_MS = Date.UTC(2025, 0, 1)
const QUARTER_MS = 900_000
const ROUNDS = 200

interface Chain {
  readonly signer: Signer
  readonly headers: readonly Bytes[]
  readonly bodies: readonly Bytes[]
  readonly blocks: readonly Bytes[]
  readonly root: Bytes
  readonly nodes: readonly (readonly Bytes[])[]
}

interface NextBlock {
  readonly kind: number
  readonly registrarSize: number
  readonly content: Bytes
}

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  useNativeHash()
  const blocks = Number(args[0] ?? 35_040)
  const height = Math.floor(blocks / 2)
  const signers = Array.from({ length: WITNESSES + 1 }, (_, i) => signerNamed(`witness ${i}`))
  const plain = await proofAt(blocks, height, signers.slice(0, WITNESSES), [])
  const changed = await proofAt(blocks, height, signers.slice(0, WITNESSES), signers.slice(WITNESSES))
  const text = formatProofFile(plain)
  const checkMs = round(timed(() => assertProven(text)))
  const withChange = formatProofFile(changed)
  const { proof, log, witnesses, quorum } = plain
  const leaf = leafHash(plain.header)
  const bytes = toUtf8(proof).length
  return {
    figures: {
      bytes,
      checkMs,
      tlogProofMs: round(timed(() => openTlogProof(verifySignature, proof, leaf, { log, witnesses, quorum }))),
      fileBytes: text.length,
      changeCheckMs: round(timed(() => assertProven(withChange))),
      changeFileBytes: withChange.length,
    },
    yardstick: { signatureMs: round(timed(() => verifyOnce(signers[0] as Signer))) },
    budget: { bytes: '<= 4096', checkMs: '<= 5' },
    ok: bytes <= 4_096 && checkMs <= 5,
  }
}

function assertProven(text: string): void {
  const report = checkProofFile(text, { verify: verifySignature })
  if (!report.ok) throw new Error(report.message)
}

const message = toUtf8('one signature')
const signatures = new Map<Signer, Bytes>()

function verifyOnce(signer: Signer): void {
  const signature = signatures.get(signer) ?? signer.sign(message)
  signatures.set(signer, signature)
  if (!verifyStrict(verifySignature, signature, message, signer.publicKey)) throw new Error('not its own signature')
}

/** Median, ms. */
function timed(work: () => void): number {
  const times: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const start = performance.now()
    work()
    times.push(performance.now() - start)
  }
  return median(times)
}

async function proofAt(
  blocks: number,
  height: number,
  first: readonly Signer[],
  admitted: readonly Signer[],
): Promise<ProofFile> {
  const registrar = signerNamed('registrar')
  const genesis = genesisOf(registrar, first)
  const operations = admitted.map((signer) => ({
    type: 'admit' as const,
    key: signer.publicKey,
    roles: parseRoles('meter,witness'),
    labelHash: sha256(signer.publicKey),
  }))
  const membership: MembershipItem[] = []
  if (operations.length > 0) {
    const block = { kind: KIND_MEMBERSHIP, registrarSize: 0, content: encodeMembershipBody(operations) }
    membership.push(itemOf(genesis, chainOf(registrar, [block]), first))
  }
  const registrarSize = membership.length
  const contents = Array.from({ length: blocks }, (_, at) => ({
    kind: KIND_READINGS,
    registrarSize,
    content: encodeReadings([readingAt(START_MS + (at + 1) * QUARTER_MS, 0, [IMPORT_REGISTER])]),
  }))
  const chain = chainOf(first[0] as Signer, contents)
  const checkpoint = signCheckpoint(chain.signer, genesis.networkId, blocks, chain.root)
  const text = formatCheckpoint(logVerifierKey(genesis.networkId, checkpoint.member).name, checkpoint)
  const witnesses = [...first, ...admitted]
  const quorum = quorumOf(witnesses.length) as number
  const read = (level: number, index: number): Bytes => (chain.nodes[level] as readonly Bytes[])[index] as Bytes
  return makeProofFile({
    genesis,
    block: { headerBytes: chain.headers[height] as Bytes, body: chain.bodies[height] as Bytes },
    checkpoint,
    inclusion: await inclusionProof(read, height, blocks),
    cosignatures: witnesses.map((signer, i) =>
      signCosignature(signer, witnessName(genesis.networkId, signer.publicKey), text, START_MS / 1000 + i),
    ),
    witnesses: witnesses.map(({ publicKey }) => publicKey),
    quorum,
    membership,
    end: { header: chain.headers[blocks - 1] as Bytes, inclusion: await inclusionProof(read, blocks - 1, blocks) },
  })
}

function genesisOf(registrar: Signer, witnesses: readonly Signer[]): Genesis {
  const roles = parseRoles('meter,witness')
  const members = witnesses.map(({ publicKey }, i) => ({ key: publicKey, roles, label: `house ${i + 1}` }))
  return parseGenesis(formatGenesis({ name: 'bench', registrar: registrar.publicKey, members }))
}

/** The registrar's chain, attested by a quorum. */
function itemOf(genesis: Genesis, { signer, blocks, root }: Chain, witnesses: readonly Signer[]): MembershipItem {
  const size = blocks.length
  const { signature } = signCheckpoint(signer, genesis.networkId, size, root)
  const leaves: HeadLeaf[] = [
    { member: signer.publicKey, size, root },
    ...witnesses.map(({ publicKey }) => ({ member: publicKey, size: 0, root: EMPTY_ROOT })),
  ]
  const attestations = witnesses.slice(0, quorumOf(witnesses.length)).map((witness) => {
    const unsigned = {
      witness: witness.publicKey,
      epoch: 0,
      sequence: 1,
      timeMs: START_MS,
      frontier: leaves.map((leaf) => leaf.size),
      named: [],
      headsRoot: headsRoot(leaves),
    }
    return attestRegistrar(signAttestation(witness, genesis.networkId, unsigned), leaves, [])
  })
  return { run: encodeRun(blocks, { type: 'signed', root, signature }), attestations }
}

function chainOf(signer: Signer, contents: readonly NextBlock[]): Chain {
  const nodes: Bytes[][] = []
  const range = CompactRange.empty()
  const headers: Bytes[] = []
  const bodies: Bytes[] = []
  const blocks: Bytes[] = []
  let previous = ZERO_HASH
  for (const [height, { kind, registrarSize, content }] of contents.entries()) {
    const block = makeBlock({
      kind,
      member: signer.publicKey,
      height,
      previous,
      sealedAt: START_MS + (height + 1) * QUARTER_MS,
      registrarSize,
      salt: sha256(toUtf8(`salt ${height}`)).subarray(0, 16),
      content,
    })
    previous = blockHash(block.headerBytes)
    range.append(previous, (level, _, hash) => (nodes[level] ??= []).push(hash))
    headers.push(block.headerBytes)
    bodies.push(block.body)
    blocks.push(block.bytes)
  }
  return { signer, headers, bodies, blocks, root: range.root(), nodes }
}
