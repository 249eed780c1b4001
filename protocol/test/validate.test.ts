import { expect } from 'chai'
import { type Block, KIND_EVENT, KIND_MEMBERSHIP, KIND_READINGS } from '../block.ts'
import { type Bytes, concat } from '../bytes.ts'
import { EMPTY_CHAIN } from '../chain-state.ts'
import { WattnessError } from '../errors.ts'
import { MAX_RUN_BYTES } from '../limits.ts'
import { encodeMembershipBody } from '../membership-body.ts'
import { ROLE_METER } from '../roles.ts'
import { encodeRun } from '../run.ts'
import { CompactRange } from '../tree.ts'
import { refusalOf, validateDecodedRun } from '../validate.ts'
import { FIRST_SEALED_MS, flipped, INTERVAL_MS } from './chain-author.ts'
import {
  after,
  author,
  branch,
  expectAccepted,
  expectIgnored,
  expectRejected,
  genesis,
  genesisOf,
  meter,
  show,
  start,
} from './door-setting.ts'
import { keyOf } from './numbered-keys.ts'

const hash = new Uint8Array(32).fill(9)
const admission = encodeMembershipBody([{ type: 'admit', key: keyOf(5), roles: ROLE_METER, labelHash: hash }])
const endOf = (size: number): { type: 'signed'; root: Bytes; signature: Bytes } => ({ type: 'signed', ...meter.checkpoint(size) })

describe('the door', () => {
  it('V1, UNEXPECTED: an exception that nobody foresaw is ignored', () => {
    const verify = (): boolean => {
      throw new TypeError('no such key')
    }
    expectIgnored('UNEXPECTED', show(meter.run(0, 1), { verify }))
    const result = validateDecodedRun({ blocks: [], end: endOf(1) }, { ...emptyHanded, verify })
    expectIgnored('UNEXPECTED', { result, signatures: 0 })
    expect(refusalOf('thrown')).to.deep.include({ verdict: 'ignore', code: 'UNEXPECTED', message: 'thrown' })
    expect(refusalOf(new WattnessError('DISK_FULL', 'full', { free: 0 }))).to.deep.include({
      code: 'UNEXPECTED',
      data: { free: 0 },
    })
  })

  it('V2, TRUNCATED: a run cut at any byte, before any signature', () => {
    const run = meter.run(0, 2)
    for (let length = 0; length < run.length; length++) {
      const said = show(run.subarray(0, length))
      expectRejected('TRUNCATED', said)
      expect(said.signatures).to.equal(0)
    }
  })

  it('V2: bytes that are no run are rejected', () => {
    expectRejected('TRAILING_BYTES', show(concat(meter.run(0, 2), Uint8Array.of(0))))
    expectRejected('LIMIT_EXCEEDED', show(new Uint8Array(MAX_RUN_BYTES + 1)))
    expectRejected('NON_CANONICAL', show(concat(Uint8Array.of(0x80), meter.run(0, 2))))
    expectRejected('UNKNOWN_VERSION', show(flipped(meter.run(0, 2), 1)))
  })

  it('V2, MIXED_RUN: blocks of two chains', () => {
    const other = author(4).grow(5)
    const run = encodeRun([...meter.bytes(0, 1), ...other.bytes(1, 2)], endOf(2))
    expectRejected('MIXED_RUN', show(run))
  })

  it('V2, MIXED_RUN: heights that leave one out, come twice or go back', () => {
    for (const heights of [
      [0, 2],
      [0, 0],
      [1, 0],
      [0, 1, 3],
    ]) {
      const blocks = heights.map((height) => meter.blocks[height]?.bytes as Bytes)
      expectRejected('MIXED_RUN', show(encodeRun(blocks, endOf(2))))
    }
  })

  it('V2, BROKEN_LINK: a first block that names a parent', () => {
    const orphan = author(2).append({ previous: hash })
    expectRejected('BROKEN_LINK', show(orphan.run(0, 1)))
    expectRejected('BROKEN_LINK', show(orphan.grow(1).run(0, 2)))
  })

  it('V2, WRONG_PROOF: a covering checkpoint of the end itself or below it, parent or not', async () => {
    const { root, signature } = meter.checkpoint(3)
    for (const chain of [EMPTY_CHAIN, meter.state(2), meter.state(5)]) {
      for (const end of [3, 4]) {
        const run = encodeRun(meter.bytes(2, end), { type: 'covered', size: 3, root, signature, proof: [] })
        expectRejected('WRONG_PROOF', show(run, { chain }))
      }
    }
    expectAccepted(show(await meter.coveredRun(2, 3, 4), { chain: meter.state(2) }))
  })

  it('V3, OVERSIZED_BODY: genesis allows less than the protocol', () => {
    const tight = genesisOf({ maxBodyBytes: 512 })
    const membership = start
    const ofLength = (bodyLength: number): Bytes =>
      author(2, tight)
        .append({ kind: 77, content: new Uint8Array(bodyLength - 16) })
        .run(0, 1)
    expectAccepted(show(ofLength(512), { genesis: tight, membership }))
    expectRejected('OVERSIZED_BODY', show(ofLength(513), { genesis: tight, membership }))
  })

  it('V4, NOT_A_MEMBER: a stranger, before any signature', () => {
    const said = show(author(9).grow(1).run(0, 1))
    expectIgnored('NOT_A_MEMBER', said)
    expect(said.signatures).to.equal(0)
  })

  it('V4, NOT_A_MEMBER: a block that names a registrar size before the admission', () => {
    const membership = after(start, { type: 'admit', key: keyOf(5), roles: ROLE_METER, labelHash: hash })
    expectIgnored('NOT_A_MEMBER', show(author(5).append({ registrarSize: 0 }).run(0, 1), { membership }))
    expectAccepted(show(author(5).append({ registrarSize: 1 }).run(0, 1), { membership }))
  })

  it('V4, ROLE_MISSING: a member that is no meter', () => {
    expectIgnored('ROLE_MISSING', show(author(3).grow(1).run(0, 1)))
  })

  it('V4, REGISTRAR_AHEAD: any block that names more of the registrar’s chain than is held', () => {
    const ahead = author(2).grow(1).append({ registrarSize: 1 })
    expectIgnored('REGISTRAR_AHEAD', show(ahead.run(0, 2)))
    expectAccepted(show(ahead.run(0, 1)))
    expectAccepted(show(ahead.run(0, 2), { membership: after(start) }))
  })

  it('V4, REVOKED: what lies beyond the end of a revoked chain', () => {
    const membership = after(start, { type: 'revoke', key: keyOf(2), endSize: 3, endRoot: meter.state(3).root })
    expectAccepted(show(meter.run(0, 3), { membership }))
    expectIgnored('REVOKED', show(meter.run(0, 4), { membership }))
    expectIgnored('REVOKED', show(meter.run(3, 4), { membership, chain: meter.state(3) }))
  })

  it('V5, QUARANTINED: dropped before any signature, forged or not', () => {
    const forged = flipped(meter.run(0, 1), -1)
    for (const run of [meter.run(0, 1), forged, branch(0, 1).run(0, 1)]) {
      const said = show(run, { quarantined: true })
      expectIgnored('QUARANTINED', said)
      expect(said.signatures).to.equal(0)
    }
  })

  it('V8, CLOCK_AHEAD: any block sealed later than this clock and the drift', () => {
    const [first, second] = [FIRST_SEALED_MS, FIRST_SEALED_MS + INTERVAL_MS]
    const { maxClockDriftMs } = genesis.limits
    expectAccepted(show(meter.run(0, 1), { nowMs: first - maxClockDriftMs }))
    expectIgnored('CLOCK_AHEAD', show(meter.run(0, 1), { nowMs: first - maxClockDriftMs - 1 }))
    expectIgnored('CLOCK_AHEAD', show(meter.run(0, 2), { nowMs: second - maxClockDriftMs - 1 }))
    expectIgnored('CLOCK_AHEAD', show(meter.run(3, 4), { nowMs: first }))
  })

  it('V10: one block pays for its signature before its hashes, a run after', () => {
    const swapped = (count: number): Bytes => flipped(meter.run(0, count), -(1 + 32 + 64 + 1))
    const single = show(flipped(swapped(1), -1))
    expectRejected('BAD_SIGNATURE', single)
    expect(single.signatures).to.equal(1)
    const run = show(flipped(swapped(2), -1))
    expectRejected('BODY_HASH_MISMATCH', run)
    expect(run.signatures).to.equal(0)
  })

  it('V11, BROKEN_LINK: inside a run, a block that does not name the one before it', () => {
    const liar = author(2).grow(1).append({ previous: hash }).grow(1)
    expectRejected('BROKEN_LINK', show(liar.run(0, 3)))
    const grafted = encodeRun([...meter.bytes(0, 2), ...branch(1, 2).bytes(2, 3)], endOf(3))
    expectRejected('BROKEN_LINK', show(grafted))
  })

  it('V13, TIME_REVERSED: sealed before its parent, in the run or in the held chain', () => {
    const late = author(2)
      .append({ sealedAt: FIRST_SEALED_MS })
      .append({ sealedAt: FIRST_SEALED_MS - 1 })
    expectRejected('TIME_REVERSED', show(late.run(0, 2)))
    expectRejected('TIME_REVERSED', show(late.run(1, 2), { chain: late.state(1) }))
    const same = author(2).append({ sealedAt: FIRST_SEALED_MS }).append({ sealedAt: FIRST_SEALED_MS })
    expectAccepted(show(same.run(0, 2)))
    expectAccepted(show(author(2).append({ sealedAt: 0 }).run(0, 1)))
  })

  it('V13, TOO_SOON: sealed sooner after its parent than genesis allows', () => {
    const slow = genesisOf({ minBlockIntervalMs: 60_000 })
    const sealed = (second: number): ReturnType<typeof author> =>
      author(2, slow)
        .append({ sealedAt: 5 })
        .append({ sealedAt: 5 + second })
    expectAccepted(show(sealed(60_000).run(0, 2), { genesis: slow }))
    expectRejected('TOO_SOON', show(sealed(59_999).run(0, 2), { genesis: slow }))
    expectRejected('TOO_SOON', show(sealed(59_999).run(1, 2), { genesis: slow, chain: sealed(0).state(1) }))
  })

  it('V14, WRONG_REGISTRAR_SIZE: a chain that goes back to an older membership', () => {
    const membership = after(after(start))
    const back = author(2).append({ registrarSize: 2 }).append({ registrarSize: 1 })
    expectRejected('WRONG_REGISTRAR_SIZE', show(back.run(0, 2), { membership }))
    expectRejected('WRONG_REGISTRAR_SIZE', show(back.run(1, 2), { membership, chain: back.state(1) }))
    const forth = author(2).append({ registrarSize: 1 }).append({ registrarSize: 1 }).append({ registrarSize: 2 })
    expectAccepted(show(forth.run(0, 3), { membership }))
  })

  it('V14, WRONG_REGISTRAR_SIZE: a block of the registrar that names another size than its height', () => {
    expectAccepted(show(author(1).grow(3).run(0, 3)))
    for (const registrarSize of [0, 2]) {
      const wrong = author(1).grow(1).append({ registrarSize })
      expectRejected('WRONG_REGISTRAR_SIZE', show(wrong.run(0, 2)))
      expectRejected('WRONG_REGISTRAR_SIZE', show(wrong.run(1, 2), { chain: wrong.state(1) }))
    }
    expectRejected('WRONG_REGISTRAR_SIZE', show(author(1).append({ registrarSize: 1 }).run(0, 1)))
  })

  it('V15, BODY_HASH_MISMATCH: another body than the header commits to, in any block of a run', () => {
    for (let i = 0; i < 3; i++) {
      const blocks = meter.bytes(0, 3).map((bytes, at) => (at === i ? flipped(bytes, -1) : bytes))
      expectRejected('BODY_HASH_MISMATCH', show(encodeRun(blocks, endOf(3))))
    }
  })

  it('V16, WRONG_ROOT: right parent, another root than the blocks make', () => {
    const end = { type: 'signed', ...meter.checkpoint(2) } as const
    expectRejected('WRONG_ROOT', show(encodeRun(branch(1, 1).bytes(1, 2), end), { chain: meter.state(1) }))
    expectRejected('WRONG_ROOT', show(encodeRun(branch(0, 2).bytes(0, 2), end)))
  })

  it('V16, WRONG_PROOF: a proof that does not lead from the run to the checkpoint', async () => {
    const right = await meter.coveredRun(0, 3)
    expectAccepted(show(right))
    expectRejected('WRONG_PROOF', show(flipped(right, -1)))
    const end = await meter.coveredEnd(3)
    expectRejected('WRONG_PROOF', show(encodeRun(meter.bytes(0, 3), { ...end, proof: [] })))
    expectRejected('WRONG_PROOF', show(encodeRun(branch(2, 1).bytes(0, 3), end)))
    expectRejected('WRONG_PROOF', show(encodeRun(meter.bytes(0, 2), end)))
  })

  it('V16, UNEXPECTED: where this node’s own half is damaged, nobody is blamed', async () => {
    const edge = meter.state(3).range.hashes.map((bytes) => flipped(bytes, 0))
    const damaged = { ...meter.state(3), range: CompactRange.from(3, edge) }
    expectIgnored('UNEXPECTED', show(meter.run(3, 4), { chain: damaged }))
    expectIgnored('UNEXPECTED', show(await meter.coveredRun(3, 4), { chain: damaged }))
    const ofAnotherSize = CompactRange.from(4, [meter.state(3).root])
    expectIgnored('UNEXPECTED', show(meter.run(3, 4), { chain: { ...meter.state(3), range: ofAnotherSize } }))
  })

  it('V17, BAD_SIGNATURE: a flipped bit, another member, another network, for a block and for a run', async () => {
    const { root } = meter.checkpoint(3)
    const abroad = author(2, genesisOf({ maxClockDriftMs: 1 })).grow(3)
    for (const from of [0, 2]) {
      const chain = meter.state(from)
      expectRejected('BAD_SIGNATURE', show(flipped(meter.run(from, 3), -1), { chain }))
      const { signature } = author(4).grow(3).checkpoint(3)
      expectRejected('BAD_SIGNATURE', show(meter.run(from, 3, { root, signature }), { chain }))
      expectRejected('BAD_SIGNATURE', show(abroad.run(from, 3), { chain }))
    }
    const end = await meter.coveredEnd(3)
    const forged = { ...end, signature: flipped(end.signature, 0) }
    expectRejected('BAD_SIGNATURE', show(encodeRun(meter.bytes(0, 3), forged)))
  })

  it('V17: a checkpoint that was checked when it came is not checked again, root and signature being the same', async () => {
    const first = expectAccepted(show(await meter.coveredRun(0, 2)))
    expect(first.state.checkpoint).to.deep.equal(meter.checkpoint(5))
    const second = show(await meter.coveredRun(2, 4), { chain: first.state })
    expectAccepted(second)
    expect(second.signatures).to.equal(0)
    const last = show(meter.run(2, 5), { chain: first.state })
    expectAccepted(last)
    expect(last.signatures).to.equal(0)
    const end = await meter.coveredEnd(4)
    const forged = { ...end, signature: flipped(end.signature, 0) }
    expectRejected('BAD_SIGNATURE', show(encodeRun(meter.bytes(2, 4), forged), { chain: first.state }))
    const lower = show(await meter.coveredRun(2, 3, 4), { chain: first.state })
    expectAccepted(lower)
    expect(lower.signatures).to.equal(1)
  })

  it('V17, BAD_SIGNATURE: the held checkpoint under blocks of another size', () => {
    const chain = meter.state(2)
    expectRejected('BAD_SIGNATURE', show(meter.run(4, 5, meter.checkpoint(2)), { chain }))
    expectRejected('BAD_SIGNATURE', show(meter.run(2, 3, meter.checkpoint(2)), { chain }))
  })

  it('V18: contents of the three known kinds are canonical, and nothing follows them', () => {
    const bad = (kind: number, content: Bytes): Bytes => author(1).append({ kind, content }).run(0, 1)
    const event = (meter.blocks[0] as Block).body.subarray(16)
    expectRejected('TRAILING_BYTES', show(bad(KIND_EVENT, concat(event, Uint8Array.of(0)))))
    expectRejected('OUT_OF_RANGE', show(bad(KIND_READINGS, Uint8Array.of(0))))
    expectRejected('TRUNCATED', show(bad(KIND_MEMBERSHIP, admission.subarray(0, -1))))
    expectRejected('UNACCEPTABLE_KEY', show(bad(KIND_MEMBERSHIP, smallOrderAdmission())))
  })

  it('V18: kinds of later versions are accepted as they are', () => {
    expectAccepted(
      show(
        author(2)
          .append({ kind: 3, content: Uint8Array.of(1, 2, 3) })
          .run(0, 1),
      ),
    )
    expectAccepted(
      show(
        author(2)
          .append({ kind: 255, content: new Uint8Array(0) })
          .run(0, 1),
      ),
    )
  })

  it('V18, UNKNOWN_OPERATION: a later version’s membership operation is nobody’s fault', () => {
    const later = admission.slice()
    later[1] = 5
    expectIgnored('UNKNOWN_OPERATION', show(author(1).append({ kind: KIND_MEMBERSHIP, content: later }).run(0, 1)))
  })

  it('V18, WRONG_KIND: membership in a chain that is not the registrar’s', () => {
    const fields = { kind: KIND_MEMBERSHIP, content: admission }
    expectRejected('WRONG_KIND', show(author(2).append(fields).run(0, 1)))
    expectAccepted(show(author(1).append(fields).run(0, 1)))
  })

  it('V18: contents are looked at once the author has vouched for them', () => {
    const run = author(2)
      .append({ kind: KIND_EVENT, content: Uint8Array.of(0) })
      .grow(1)
      .run(0, 2)
    expectRejected('OUT_OF_RANGE', show(run))
    expectRejected('BAD_SIGNATURE', show(flipped(run, -1)))
  })

  it('V19, REVOKED: a revoked chain ends under the root that the revocation names', () => {
    const membership = after(start, { type: 'revoke', key: keyOf(2), endSize: 3, endRoot: meter.state(3).root })
    const other = branch(1, 2)
    expectIgnored('REVOKED', show(other.run(0, 3), { membership }))
    expectAccepted(show(other.run(0, 2), { membership }))
    expectAccepted(show(meter.run(0, 3), { membership }))
  })
})

const emptyHanded = { genesis, membership: start, chain: EMPTY_CHAIN, quarantined: false, nowMs: FIRST_SEALED_MS }

function smallOrderAdmission(): Bytes {
  const content = admission.slice()
  content.fill(0, 2, 34)
  return content
}
