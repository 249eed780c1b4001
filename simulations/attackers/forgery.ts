import {
  type Bytes,
  blockHash,
  type ChainState,
  EMPTY_CHAIN,
  type EvidenceSide,
  encodeEvents,
  encodeEvidence,
  encodeRun,
  KIND_EVENT,
  makeBlock,
  type NewBlock,
  orderEvidence,
  type SignedCheckpoint,
  type Signer,
  signCheckpoint,
} from '../../protocol/index.ts'
import type { SeededRandom } from '../seeded-random.ts'

export interface ForgeryInit {
  readonly networkId: Bytes
  /** Whose chain it claims to go on. */
  readonly member: Bytes
  /** The chain as the forger holds it. */
  readonly state?: ChainState | undefined
  /** Who really signs. */
  readonly signer: Signer
  readonly sealedAt: number
  readonly random: SeededRandom
  readonly fields?: Partial<NewBlock>
}

export interface Forgery {
  readonly run: Bytes
  readonly height: number
  readonly state: ChainState
}

/** A run of one block that is right in everything but who signed it: height, link, time, body and root. */
export function forgeRun({ networkId, member, state = EMPTY_CHAIN, signer, sealedAt, random, fields }: ForgeryInit): Forgery {
  const block = makeBlock({
    kind: KIND_EVENT,
    member,
    height: state.size,
    previous: state.lastHash,
    sealedAt: Math.max(sealedAt, state.sealedAt),
    registrarSize: state.registrarSize,
    salt: random.bytes(16),
    content: encodeEvents([{ time: sealedAt, code: 4, detail: 'forged' }]),
    ...fields,
  })
  const range = state.range.clone()
  const lastHash = blockHash(block.headerBytes)
  range.append(lastHash)
  const root = range.root()
  const { signature } = signCheckpoint(signer, networkId, range.size, root)
  return {
    run: encodeRun([block.bytes], { type: 'signed', root, signature }),
    height: state.size,
    state: {
      size: range.size,
      range,
      root,
      lastHash,
      sealedAt: block.header.sealedAt,
      registrarSize: block.header.registrarSize,
      checkpoint: { member, size: range.size, root, signature },
    },
  }
}

/** Evidence in good form against somebody who has told one story: the other one bears no signature of its own. */
export function forgeEvidence(signed: SignedCheckpoint, random: SeededRandom): Bytes {
  const other: SignedCheckpoint = { ...signed, root: random.bytes(32), signature: random.bytes(64) }
  const side = (checkpoint: SignedCheckpoint): EvidenceSide => ({ checkpoint, root: checkpoint.root, proof: [] })
  return encodeEvidence(orderEvidence(signed.size, side(signed), side(other)))
}
