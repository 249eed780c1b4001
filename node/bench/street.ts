import {
  type Bytes,
  blockHash,
  CompactRange,
  encodeReadings,
  encodeRun,
  formatGenesis,
  type Genesis,
  KIND_READINGS,
  makeBlock,
  parseGenesis,
  parseRoles,
  type Reading,
  type Register,
  type RegisterValue,
  SALT_BYTES,
  type Signer,
  sha256,
  signCheckpoint,
  toUtf8,
  ZERO_HASH,
} from '../../protocol/index.ts'
import { createSigner } from '../signature.ts'
import type { Acceptance } from '../store/index.ts'
import { seedNamed } from './bench-node.ts'

const MINUTE_MS = 60_000
// Long ago enough for 500 days of blocks: none may be ahead of the clock.
const START_MS = Date.UTC(2020, 0, 1)

/** One block as it travels alone, and the parts that a bare signature check needs. */
export interface SealedBlock {
  readonly bytes: Bytes
  readonly run: Bytes
  readonly root: Bytes
  readonly signature: Bytes
  /** What the door would hand to the store. */
  readonly acceptance: Acceptance
}

interface Chain {
  height: number
  previous: Bytes
  readonly range: CompactRange
}

/** Meters of a made-up street with keys, for measurements that need blocks without a network. */
export class Street {
  readonly genesis: Genesis
  readonly registrar: Signer
  readonly signers: readonly Signer[]
  readonly #chains: Chain[]

  /** `witnesses`: so many of the meters, the first ones, have that role too. */
  constructor(meters: number, witnesses = 0) {
    this.registrar = signerNamed('registrar')
    this.signers = Array.from({ length: meters }, (_, i) => signerNamed(`meter ${i}`))
    this.genesis = parseGenesis(
      formatGenesis({
        name: 'bench',
        registrar: this.registrar.publicKey,
        members: this.signers.map((signer, i) => ({
          key: signer.publicKey,
          roles: parseRoles(i < witnesses ? 'meter,witness' : 'meter'),
          label: `meter ${i}`,
        })),
      }),
    )
    this.#chains = this.signers.map(() => ({ height: 0, previous: ZERO_HASH, range: CompactRange.empty() }))
  }

  /** The next block of one meter: `rows` quarter hours of the given registers. */
  seal(meter: number, rows: number, registers: readonly Register[]): SealedBlock {
    const chain = this.#chains[meter] as Chain
    const signer = this.signers[meter] as Signer
    const start = START_MS + chain.height * rows * 15 * MINUTE_MS
    const readings = Array.from({ length: rows }, (_, row) => readingAt(start + row * 15 * MINUTE_MS, meter, registers))
    const block = makeBlock({
      kind: KIND_READINGS,
      member: signer.publicKey,
      height: chain.height,
      previous: chain.previous,
      sealedAt: start + rows * 15 * MINUTE_MS,
      registrarSize: 0,
      salt: sha256(toUtf8(`salt ${meter} ${chain.height}`)).slice(0, SALT_BYTES),
      content: encodeReadings(readings),
    })
    chain.previous = blockHash(block.headerBytes)
    chain.height++
    chain.range.append(chain.previous)
    const checkpoint = signCheckpoint(signer, this.genesis.networkId, chain.height, chain.range.root())
    const { root, signature } = checkpoint
    const acceptance: Acceptance = {
      member: signer.publicKey,
      from: chain.height - 1,
      blocks: [block.bytes],
      hashes: [chain.previous],
      state: {
        size: chain.height,
        range: chain.range.clone(),
        root,
        lastHash: chain.previous,
        sealedAt: start + rows * 15 * MINUTE_MS,
        registrarSize: 0,
        checkpoint,
      },
    }
    return { bytes: block.bytes, run: encodeRun([block.bytes], { type: 'signed', root, signature }), root, signature, acceptance }
  }
}

export const IMPORT_REGISTER: Register = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }

/** Cumulative import, voltage, mean power, and current, as a household meter shows them. */
export const FOUR_REGISTERS: readonly Register[] = [
  IMPORT_REGISTER,
  { obis: { a: 1, b: 0, c: 32, d: 7, e: 0, f: 255 }, unit: 35, scaler: -1 },
  { obis: { a: 1, b: 0, c: 1, d: 5, e: 0, f: 255 }, unit: 27, scaler: 0 },
  { obis: { a: 1, b: 0, c: 31, d: 7, e: 0, f: 255 }, unit: 33, scaler: -2 },
]

/** A household's registers at one instant. */
export function readingAt(time: number, meter: number, registers: readonly Register[]): Reading {
  const quarter = time / (15 * MINUTE_MS)
  // A small deterministic wobble: neighbouring meters and hours differ as homes do.
  const wobble = (Math.imul(quarter + meter * 7919, 0x9e3779b1) >>> 0) % 400
  const values = registers.map((register, i): RegisterValue => {
    const value = i === 0 ? quarter * 55 + wobble : i === 1 ? 2_300 + (wobble % 40) : i === 2 ? 220 + wobble : 95 + wobble / 4
    return { register, value: Math.floor(value), quality: 'good' }
  })
  return { time, intervalMs: 0, timeSource: 'meter-clock', values }
}

export function signerNamed(name: string): Signer {
  return createSigner(seedNamed(name))
}
