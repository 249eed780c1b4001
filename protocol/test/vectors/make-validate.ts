import { writeFileSync } from 'node:fs'
import { KIND_EVENT, KIND_MEMBERSHIP } from '../../block.ts'
import { type Bytes, concat, fromHex, toHex } from '../../bytes.ts'
import { type ChainState, EMPTY_CHAIN } from '../../chain-state.ts'
import { parseGenesis } from '../../genesis.ts'
import { applyMembership, initialMembership, type Membership } from '../../membership.ts'
import { decodeMembershipBody, encodeMembershipBody } from '../../membership-body.ts'
import { encodeRun } from '../../run.ts'
import { CompactRange } from '../../tree.ts'
import { type KnownEnd, validateRun } from '../../validate.ts'
import { ChainAuthor, eventContent, FIRST_SEALED_MS, flipped, INTERVAL_MS } from '../chain-author.ts'
import { keyOf, signerOf } from '../numbered-keys.ts'
import { testVerify } from '../signing.ts'
import { admissionContent, registrarChain, vectorGenesis, vectorGenesisBytes } from './make-block.ts'

/** Runs shown to a door that holds what the case says, and what the door answers (rules V1 to V20). */

/** All that a case's answer depends on besides the genesis, as JSON. */
interface DoorCase {
  readonly name: string
  readonly run: string
  /** Contents of the membership blocks held, in order: registrar size = their number. */
  readonly registrar: readonly string[]
  readonly chain: HeldChain | null
  /** Root and last block hash of the held chain at the run's end, where that lies below the held end. */
  readonly known: { readonly root: string; readonly lastHash: string } | null
  readonly quarantined: boolean
  readonly nowMs: number
}

interface HeldChain {
  readonly size: number
  /** Edge of the tree (T3), largest subtree first. */
  readonly edge: string
  readonly root: string
  readonly lastHash: string
  readonly sealedAt: number
  readonly registrarSize: number
  readonly checkpoint: { readonly size: number; readonly root: string; readonly signature: string } | null
}

interface Setting {
  readonly held?: ChainState
  readonly known?: KnownEnd
  readonly registrar?: readonly Bytes[]
  readonly quarantined?: boolean
  readonly nowMs?: number
}

function heldChain({ size, range, root, lastHash, sealedAt, registrarSize, checkpoint }: ChainState): HeldChain {
  const signed = checkpoint && { size: checkpoint.size, root: toHex(checkpoint.root), signature: toHex(checkpoint.signature) }
  const hashes = { edge: toHex(range.encode()), root: toHex(root), lastHash: toHex(lastHash) }
  return { size, ...hashes, sealedAt, registrarSize, checkpoint: signed ?? null }
}

function doorCase(name: string, run: Bytes, { held, known, registrar = [], quarantined = false, nowMs }: Setting = {}): DoorCase {
  return {
    name,
    run: toHex(run),
    registrar: registrar.map(toHex),
    chain: held === undefined ? null : heldChain(held),
    known: known === undefined ? null : { root: toHex(known.root), lastHash: toHex(known.lastHash) },
    quarantined,
    nowMs: nowMs ?? FIRST_SEALED_MS + 86_400_000,
  }
}

/** The answer of this implementation, from the JSON of a case alone. */
export function answerDoorCase(genesisHex: string, each: DoorCase): object {
  const genesis = parseGenesis(fromHex(genesisHex))
  let membership: Membership = initialMembership(genesis)
  for (const content of each.registrar) {
    membership = applyMembership(membership, decodeMembershipBody(fromHex(content))).membership
  }
  const run = fromHex(each.run)
  const result = validateRun(run, {
    genesis,
    membership,
    chain: each.chain === null ? EMPTY_CHAIN : stateOf(each.chain, run.subarray(3, 35)),
    known: each.known === null ? undefined : { root: fromHex(each.known.root), lastHash: fromHex(each.known.lastHash) },
    quarantined: each.quarantined,
    nowMs: each.nowMs,
    verify: testVerify,
  })
  if (result.verdict === 'accept') {
    const { from, hashes, state } = result
    return { verdict: 'accept', from, hashes: hashes.map(toHex), state: heldChain(state) }
  }
  const { verdict, code, announced } = result
  return announced === undefined
    ? { verdict, code }
    : { verdict, code, announced: { size: announced.size, root: toHex(announced.root) } }
}

function stateOf({ size, edge, root, lastHash, sealedAt, registrarSize, checkpoint }: HeldChain, member: Bytes): ChainState {
  const signed = checkpoint && {
    member,
    size: checkpoint.size,
    root: fromHex(checkpoint.root),
    signature: fromHex(checkpoint.signature),
  }
  const range = CompactRange.decode(size, fromHex(edge))
  return {
    size,
    range,
    root: fromHex(root),
    lastHash: fromHex(lastHash),
    sealedAt,
    registrarSize,
    checkpoint: signed ?? undefined,
  }
}

const author = (n: number): ChainAuthor => new ChainAuthor(signerOf(n), vectorGenesis.networkId, n === 1)
const meter = author(2).grow(5)
const fork = meter.fork(2)
for (let i = 2; i < 5; i++) fork.append({ sealedAt: FIRST_SEALED_MS + i * INTERVAL_MS + 1_000 })

const end = (size: number): { type: 'signed'; root: Bytes; signature: Bytes } => ({ type: 'signed', ...meter.checkpoint(size) })
const [, , third, fourth] = meter.bytes(0, 4) as [Bytes, Bytes, Bytes, Bytes]
const swappedBody = encodeRun([flipped(fourth, -1)], end(4))
const otherBlock = encodeRun(fork.bytes(3, 4), end(4))
const catchingUp = { ...meter.state(2), checkpoint: meter.checkpoint(5) }
const revocation = encodeMembershipBody([{ type: 'revoke', key: keyOf(2), endSize: 3, endRoot: meter.state(3).root }])
const coveredEnd = await meter.coveredEnd(3)

const cases: readonly DoorCase[] = [
  doorCase('the first block', meter.run(0, 1)),
  doorCase('the next block', meter.run(3, 4), { held: meter.state(3) }),
  doorCase('a whole chain', meter.run(0, 5)),
  doorCase('the registrar’s chain, every kind', registrarChain.run(0, 5)),
  doorCase('a run covered by a later checkpoint', await meter.coveredRun(1, 3), { held: meter.state(1) }),
  doorCase('a run that ends at the checkpoint known already', meter.run(2, 5), { held: catchingUp }),
  doorCase('a run of which two blocks are held', meter.run(1, 5), { held: meter.state(3) }),
  doorCase('a member admitted since', author(5).append({ registrarSize: 1 }).run(0, 1), { registrar: [admissionContent] }),
  doorCase('a revoked chain up to its end', meter.run(0, 3), { registrar: [revocation] }),
  doorCase(
    'an empty body of a later kind',
    author(4)
      .append({ kind: 99, content: new Uint8Array(0) })
      .run(0, 1),
  ),
  doorCase('sealed at the edge of the drift', meter.run(0, 1), { nowMs: FIRST_SEALED_MS - 120_000 }),

  doorCase('V2: cut off', meter.run(0, 1).subarray(0, -1)),
  doorCase('V2: one byte too many', concat(meter.run(0, 1), Uint8Array.of(0))),
  doorCase('V2: a block left out', encodeRun([...meter.bytes(0, 1), ...meter.bytes(2, 3)], end(3))),
  doorCase('V2: two members', encodeRun([...meter.bytes(0, 1), ...author(4).grow(2).bytes(1, 2)], end(2))),
  doorCase(
    'V2: a first block with a parent',
    author(2)
      .append({ previous: keyOf(9) })
      .run(0, 1),
  ),
  doorCase(
    'V2: covered by a checkpoint of its own end',
    encodeRun(meter.bytes(0, 3), { ...coveredEnd, ...meter.checkpoint(3), proof: [] }),
  ),
  doorCase(
    'V3: a body above what genesis allows',
    author(2)
      .append({ kind: 99, content: new Uint8Array(2_033) })
      .run(0, 1),
  ),
  doorCase('V4: a stranger', author(9).grow(1).run(0, 1)),
  doorCase('V4: an observer', author(3).grow(1).run(0, 1)),
  doorCase('V4: more of the registrar’s chain than is held', author(2).append({ registrarSize: 1 }).run(0, 1)),
  doorCase('V4: sealed before its admission', author(5).grow(1).run(0, 1), { registrar: [admissionContent] }),
  doorCase('V4: beyond the end of a revoked chain', meter.run(3, 4), { held: meter.state(3), registrar: [revocation] }),
  doorCase('V5: quarantined', meter.run(0, 1), { quarantined: true }),
  doorCase('V6: held at the end', meter.run(3, 5), { held: meter.state(5) }),
  doorCase('V6: held below the end', meter.run(1, 3), { held: meter.state(5), known: meter.known(3) }),
  doorCase('V6: a second root of a held size', fork.run(3, 4), { held: meter.state(4) }),
  doorCase('V6: a second root of a held size, forged', flipped(fork.run(3, 4), -1), { held: meter.state(4) }),
  doorCase('V6: another held block under a larger checkpoint', await fork.coveredRun(3, 4), { held: meter.state(4) }),
  doorCase('V7: the held root with another block', otherBlock, { held: meter.state(4) }),
  doorCase('V8: sealed beyond the drift', meter.run(0, 1), { nowMs: FIRST_SEALED_MS - 120_001 }),
  doorCase('V9: beyond a gap', meter.run(3, 4), { held: meter.state(2) }),
  doorCase('V9: beyond a gap, with another body', swappedBody, { held: meter.state(2) }),
  doorCase('V9: beyond a gap, with another block', otherBlock, { held: meter.state(2) }),
  doorCase('V9: beyond a gap, forged', flipped(meter.run(3, 4), -1), { held: meter.state(2) }),
  doorCase('V10: one block, body and signature wrong', flipped(swappedBody, -1), { held: meter.state(3) }),
  doorCase('V11: a block inside that names another parent', encodeRun([...meter.bytes(0, 3), ...fork.bytes(3, 4)], end(4))),
  doorCase('V11: another block in the held part', encodeRun([...fork.bytes(2, 3), fourth], end(4)), { held: meter.state(3) }),
  doorCase('V12: another parent than the held one', fork.run(3, 4), { held: meter.state(3) }),
  doorCase('V12: another parent than the held one, forged', flipped(fork.run(3, 4), -1), { held: meter.state(3) }),
  doorCase('V12: a run of another branch', fork.run(2, 5), { held: meter.state(3) }),
  doorCase(
    'V13: sealed before its parent',
    author(2)
      .grow(1)
      .append({ sealedAt: FIRST_SEALED_MS - 1 })
      .run(0, 2),
  ),
  doorCase(
    'V13: sealed 999 ms after its parent',
    author(2)
      .grow(1)
      .append({ sealedAt: FIRST_SEALED_MS + 999 })
      .run(0, 2),
  ),
  doorCase('V14: back to an older registrar size', author(2).append({ registrarSize: 1 }).grow(1).run(0, 2), {
    registrar: [admissionContent],
  }),
  doorCase('V14: a registrar that does not count itself', author(1).append({ registrarSize: 1 }).run(0, 1)),
  doorCase('V15: another body, parent at hand', swappedBody, { held: meter.state(3) }),
  doorCase('V15: another body in the held part', encodeRun([flipped(third, -1), fourth], end(4)), { held: meter.state(3) }),
  doorCase('V16: right parent, another root', encodeRun(fork.bytes(2, 3), end(3)), { held: meter.state(2) }),
  doorCase('V16: a proof with a hash changed', flipped(await meter.coveredRun(0, 3), -1)),
  doorCase('V17: a signature bit changed', flipped(meter.run(0, 5), -1)),
  doorCase(
    'V17: another member’s signature',
    meter.run(0, 1, { ...meter.checkpoint(1), signature: author(4).grow(1).checkpoint(1).signature }),
  ),
  doorCase('V17: the checkpoint known already, another signature', flipped(meter.run(2, 5), -1), { held: catchingUp }),
  doorCase(
    'V18: content with a byte too many',
    author(2)
      .append({ content: concat(eventContent(''), Uint8Array.of(0)) })
      .run(0, 1),
  ),
  doorCase(
    'V18: no event',
    author(2)
      .append({ kind: KIND_EVENT, content: Uint8Array.of(0) })
      .run(0, 1),
  ),
  doorCase('V18: membership by a meter', author(2).append({ kind: KIND_MEMBERSHIP, content: admissionContent }).run(0, 1)),
  doorCase(
    'V18: an operation of a later version',
    author(1)
      .append({ kind: KIND_MEMBERSHIP, content: Uint8Array.of(1, 5) })
      .run(0, 1),
  ),
  doorCase('V19: a revoked chain under another root', fork.run(0, 3), { registrar: [revocation] }),
]

const genesis = toHex(vectorGenesisBytes)

export const validateVectors = {
  comment:
    'Runs as they come in, what the door holds and knows, and its answer (rules V1 to V20). Genesis allows bodies of 2,048 ' +
    'bytes, blocks 1,000 ms apart and a drift of 120,000 ms. Made by make-validate.ts.',
  genesis,
  cases: cases.map((each) => ({ ...each, answer: answerDoorCase(genesis, each) })),
}

if (import.meta.main) {
  writeFileSync(new URL('validate.json', import.meta.url), `${JSON.stringify(validateVectors, null, 2)}\n`)
}
