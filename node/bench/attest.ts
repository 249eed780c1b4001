import {
  type AttestationContext,
  assertAttestation,
  attestationLeaves,
  CompactRange,
  decodeSignedAttestation,
  encodeSignedAttestation,
  HeadsTree,
  initialMembership,
  leafHash,
  type NodeReader,
  type OwnLeaves,
  rootAt,
  signAttestation,
  verifyAttestation,
} from '../../protocol/index.ts'
import { systemClock } from '../platform.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import type { BenchResult } from './run.ts'
import { median, round } from './statistics.ts'
import { Street } from './street.ts'

/**
 * `npm run bench -- attest`: everything that a receiver does to check one attestation: read its bytes, judge it, check its
 * signature, and hold its leaves against its own chains. 200 members, in 20 of which the witness is a few blocks behind.
 */
const MEMBERS = 200
const CHANGED = 20
const SHORT = 100
const LONG = 1_000_000
/** Sizes whose roots a node still knows, having seen the chain grow through them; `node/store/tree-reader.ts`. */
const RECENT = 8
const CHECKS = 400

/** A chain's tree in memory. All members of the bench have the same one: only their keys differ. */
class Chain {
  readonly size: number
  readonly root: Uint8Array
  readonly read: NodeReader
  readonly recent = new Map<number, Uint8Array>()

  constructor(size: number) {
    const levels: Uint8Array[][] = []
    const range = CompactRange.empty()
    const entry = new Uint8Array(110)
    for (let height = 0; height < size; height++) {
      new DataView(entry.buffer).setUint32(0, height)
      range.append(leafHash(entry), (level, index, hash) => {
        const nodes = (levels[level] ??= [])
        nodes[index] = hash
      })
      if (height >= size - RECENT) this.recent.set(height + 1, range.root())
    }
    this.size = size
    this.root = range.root()
    this.read = (level, index) => levels[level]?.[index] as Uint8Array
  }
}

export async function run(): Promise<BenchResult> {
  useNativeHash()
  const street = new Street(MEMBERS - 1)
  const short = new Case(street, new Chain(SHORT))
  const long = new Case(street, new Chain(LONG))
  const times = { short: [] as number[], long: [] as number[], shortCold: [] as number[], longCold: [] as number[] }
  const bare: number[] = []
  // In turn, since machines drift.
  for (let i = 0; i < CHECKS; i++) {
    times.short.push(await short.check(i, false))
    times.long.push(await long.check(i, false))
    times.shortCold.push(await short.check(i, true))
    times.longCold.push(await long.check(i, true))
    bare.push(long.checkSignature(i))
  }
  // The first quarter warms up the compiler.
  const middle = (values: readonly number[]): number => median(values.slice(CHECKS / 4))
  const ms200 = round(middle(times.longCold))
  const ratioMillion = round(middle(times.long) / middle(times.short))
  return {
    figures: { ms200, ratioMillion },
    yardstick: {
      rememberedMs: round(middle(times.long)),
      shortMs: round(middle(times.short)),
      ratioMillionCold: round(middle(times.longCold) / middle(times.shortCold)),
      signatureMs: round(middle(bare)),
    },
    budget: { ms200: '<= 2', ratioMillion: '<= 1.2' },
    ok: ms200 <= 2 && ratioMillion <= 1.2,
  }
}

/** Chains of one length, and what their witness signed. */
class Case {
  readonly #own: OwnLeaves
  readonly #context: AttestationContext
  readonly #chain: Chain
  readonly #attestations: Uint8Array[]

  constructor({ genesis, signers }: Street, chain: Chain) {
    const membership = initialMembership(genesis)
    const keys = membership.members.map(({ key }) => key)
    const sizes = keys.map(() => chain.size)
    const tree = HeadsTree.from(keys.map((member) => ({ member, size: chain.size, root: chain.root })))
    this.#chain = chain
    this.#own = { tree, keys, sizes, rootAt: (_, size) => chain.recent.get(size) ?? rootAt(chain.read, size) }
    this.#context = {
      networkId: genesis.networkId,
      now: systemClock.now(),
      maxClockDriftMs: genesis.limits.maxClockDriftMs,
      membership,
      witnessesOf: () => [1],
    }
    const witness = signers[0] as (typeof signers)[number]
    const lagOf = (index: number, at: number): number => {
      return (index + at) % (MEMBERS / CHANGED) === 0 ? 1 + ((index + at) % (RECENT - 1)) : 0
    }
    this.#attestations = Array.from({ length: CHECKS }, (_, at) => {
      const frontier = sizes.map((size, index) => size - lagOf(index, at))
      const leaves = frontier.map((size, index) => {
        return { member: keys[index] as Uint8Array, size, root: chain.recent.get(size) as Uint8Array }
      })
      const attestation = {
        witness: witness.publicKey,
        epoch: 0,
        sequence: at + 1,
        timeMs: this.#context.now,
        frontier,
        named: [],
        headsRoot: HeadsTree.from(leaves).root(),
      }
      return encodeSignedAttestation(signAttestation(witness, genesis.networkId, attestation))
    })
  }

  /** Milliseconds of one check; `isCold`: no root is known but the newest, the others are folded from the tree. */
  async check(at: number, isCold: boolean): Promise<number> {
    const bytes = this.#attestations[at] as Uint8Array
    const own = isCold ? { ...this.#own, rootAt: (_: number, size: number) => rootAt(this.#chain.read, size) } : this.#own
    const start = performance.now()
    const signed = decodeSignedAttestation(bytes)
    assertAttestation(verifySignature, this.#context, signed)
    const { type } = await attestationLeaves(signed, own)
    const took = performance.now() - start
    if (type !== 'equal') throw new Error(`an attestation of the bench itself is ${type}`)
    return took
  }

  checkSignature(at: number): number {
    const signed = decodeSignedAttestation(this.#attestations[at] as Uint8Array)
    const start = performance.now()
    if (!verifyAttestation(verifySignature, this.#context.networkId, signed)) throw new Error('a signature does not verify')
    return performance.now() - start
  }
}
