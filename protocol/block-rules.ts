import { type Block, bodyContent, bodyHash, type Header, KIND_EVENT, KIND_MEMBERSHIP, KIND_READINGS } from './block.ts'
import { type Bytes, equalBytes, toHex } from './bytes.ts'
import { continuationOf, continues, formatContinuation } from './continuation.ts'
import { WattnessError } from './errors.ts'
import { decodeEvents } from './event-body.ts'
import type { Genesis } from './genesis.ts'
import { type Membership, mayWrite } from './membership.ts'
import { decodeMembershipBody } from './membership-body.ts'
import { decodeTables } from './readings-body.ts'
import type { ValidationCode } from './verdict.ts'

/**
 * What one block must keep by itself and beside the block before it, whoever looks: the door at what comes in, the audit at
 * what is stored. Links, tree and signature are checked where the hashes are made. Each throws the code of its rule.
 */

/** What a block is compared with: the header before it, or the held chain's end. */
export type Parent = Pick<Header, 'sealedAt' | 'registrarSize'>

export function shortKey(key: Bytes): string {
  return toHex(key.subarray(0, 4))
}

export function refuseBlock(code: ValidationCode, { height, member }: Header, detail: string): never {
  throw new WattnessError(code, `block ${height} of ${shortKey(member)}: ${detail}`, { height })
}

/** Rule V3: genesis may allow less than the protocol. */
export function assertBodyAllowed({ bodyLength, height }: Header, { limits }: Genesis): void {
  if (bodyLength <= limits.maxBodyBytes) return
  throw new WattnessError('OVERSIZED_BODY', `body of ${bodyLength} bytes, this network allows ${limits.maxBodyBytes}`, {
    height,
    bodyLength,
  })
}

/** Rule V4: only members write, under a registrar's chain that this node holds, and not beyond the end of a revoked chain. */
export function assertMayWrite({ member, height, registrarSize }: Header, membership: Membership): void {
  const code = mayWrite(membership, member, registrarSize, height)
  if (code === undefined) return
  throw new WattnessError(code, `${shortKey(member)} may not write block ${height}: ${code}`, { height, registrarSize })
}

/** Rule V13: sealed-at never decreases, and keeps the network's smallest interval. `before` is unknown for some held blocks. */
export function assertTime(header: Header, before: Parent | undefined, { limits }: Genesis): void {
  const { height, sealedAt } = header
  if (before === undefined || height === 0 || sealedAt >= before.sealedAt + limits.minBlockIntervalMs) return
  const afterMs = sealedAt - before.sealedAt
  if (afterMs < 0) refuseBlock('TIME_REVERSED', header, `sealed ${-afterMs} ms before its parent`)
  refuseBlock('TOO_SOON', header, `sealed ${afterMs} ms after its parent, at least ${limits.minBlockIntervalMs}`)
}

/** Rule V14: the registrar's chain counts itself; every other chain never goes back to an older membership. */
export function assertRegistrarSize(header: Header, before: Parent | undefined, isRegistrar: boolean): void {
  const { height, registrarSize } = header
  if (isRegistrar ? registrarSize !== height : before !== undefined && registrarSize < before.registrarSize) {
    refuseBlock('WRONG_REGISTRAR_SIZE', header, `names registrar size ${registrarSize}`)
  }
}

/** Rule V15: the header commits to the body. */
export function assertBody({ header, body }: Block): void {
  if (!equalBytes(bodyHash(body), header.bodyHash)) {
    refuseBlock('BODY_HASH_MISMATCH', header, 'another body than the header names')
  }
}

/** Rule V18: bodies of known kinds are canonical; membership is the registrar's alone. */
export function assertContent({ header, body }: Block, isRegistrar: boolean): void {
  const { kind } = header
  if (kind === KIND_READINGS) decodeTables(bodyContent(body))
  else if (kind === KIND_EVENT) decodeEvents(bodyContent(body))
  else if (kind === KIND_MEMBERSHIP) {
    if (!isRegistrar) refuseBlock('WRONG_KIND', header, "membership in a chain that is not the registrar's")
    decodeMembershipBody(bodyContent(body))
  }
}

/** Rule M20: a key that replaces another says first where that one's chain ended. Its content was checked. */
export function assertContinuation(block: Block, membership: Membership): void {
  const { header } = block
  const continuation = header.height === 0 ? continuationOf(membership, header.member) : undefined
  if (continuation === undefined || continues(block, continuation)) return
  refuseBlock('NOT_CONTINUED', header, `no event "continues ${formatContinuation(continuation)}" comes first`)
}
