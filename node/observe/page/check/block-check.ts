import {
  blockHash,
  bodyContent,
  bodyHash,
  concat,
  decodeBlock,
  decodeEvents,
  decodeHeader,
  decodeMembershipBody,
  equalBytes,
  formatEventCode,
  fromBase64,
  fromHex,
  type Header,
  isWattnessError,
  KIND_EVENT,
  KIND_MEMBERSHIP,
  KIND_READINGS,
  operationText,
  readingTexts,
  type SignedCheckpoint,
  toHex,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from '../../../../protocol/index.ts'
import { formatUtc } from '../../../../protocol/proof-readings.ts'
import type { BlockAnswer } from '../../schemas/index.ts'
import type { SeenHeads } from './seen-heads.ts'
import type { SignatureChecker } from './signatures.ts'

/** What is checked of a block, in this order; each relies on those before. */
export const BLOCK_STEPS = ['hash', 'header', 'body', 'content', 'link', 'tree', 'signature', 'head'] as const
export type BlockStep = (typeof BLOCK_STEPS)[number]

export interface StepResult {
  readonly step: BlockStep
  /** `absent`: the answer holds nothing to check it with. */
  readonly state: 'verified' | 'refused' | 'absent'
  /** What is wrong, for whoever looks into it. */
  readonly detail: string
}

export interface BlockReport {
  readonly steps: readonly StepResult[]
  readonly refused: readonly StepResult[]
  /** Nothing is refused, and a signature of the member covers the block. */
  readonly ok: boolean
}

export interface BlockContext {
  readonly checker: SignatureChecker
  /** Hex, of the network that this page believes to look at. */
  readonly networkId: string
  /** The hash that was asked for; what is answered is held against it. */
  readonly wanted?: string | undefined
  /** Whose chain it is shown in. */
  readonly memberKey?: string | undefined
  /** Base64 of the header of the block before, where that was fetched. */
  readonly before?: string | undefined
  readonly seen?: SeenHeads | undefined
}

/** Checks one answer of /v1/blocks/:hash. Never throws for what the answer holds. */
export async function checkBlock(answer: BlockAnswer, context: BlockContext): Promise<BlockReport> {
  const { checker, networkId } = context
  const steps: StepResult[] = []
  const add = (step: BlockStep, fault: string | undefined, isAbsent = false): boolean => {
    steps.push({ step, state: isAbsent ? 'absent' : fault === undefined ? 'verified' : 'refused', detail: fault ?? '' })
    return fault === undefined && !isAbsent
  }
  const taken = attempt(() => {
    const headerBytes = fromBase64(answer.header)
    return { headerBytes, header: decodeHeader(headerBytes), hash: blockHash(headerBytes) }
  })
  if (!('value' in taken)) {
    add('hash', taken.fault)
    return reportOf(steps)
  }
  const { headerBytes, header, hash } = taken.value
  if (!add('hash', hashFault(toHex(hash), answer, context.wanted))) return reportOf(steps)
  add('header', headerFault(header, answer, headerBytes.length, context.memberKey))
  const body = answer.body === null ? undefined : attempt(() => fromBase64(answer.body as string))
  if (body === undefined) {
    add('body', undefined, true)
    add('content', undefined, true)
  } else {
    const fault = 'value' in body ? bodyFault(header, body.value) : body.fault
    if (add('body', fault) && 'value' in body) add('content', contentFault(headerBytes, body.value, answer))
  }
  const isFirst = header.height === 0
  add('link', linkFault(header, context.before), !isFirst && context.before === undefined)
  const { checkpoint, inclusion } = answer
  add('tree', treeFault(hash, header, answer), checkpoint === null || inclusion === null)
  const own = signedOf(header.member, answer.checkpoint)
  add('signature', await signatureFault(checker, networkId, own), own === undefined)
  const head = signedOf(header.member, answer.newest)
  add('head', await headFault(checker, networkId, answer, own, head, context.seen), head === undefined)
  return reportOf(steps)
}

function reportOf(steps: readonly StepResult[]): BlockReport {
  const refused = steps.filter(({ state }) => state === 'refused')
  const isSigned = (['tree', 'signature'] as const).every((name) => steps.some((s) => s.step === name && s.state === 'verified'))
  return { steps, refused, ok: refused.length === 0 && isSigned }
}

/** Errors of protocol/, and what malformed JSON makes of it, are faults of the answer. */
function attempt<T>(act: () => T): { readonly value: T } | { readonly fault: string } {
  try {
    return { value: act() }
  } catch (error) {
    return { fault: isWattnessError(error) ? `${error.code}: ${error.message}` : String(error) }
  }
}

const differ = (what: string, found: unknown, expected: unknown): string =>
  `${what}: found ${String(found)}, expected ${String(expected)}`

function hashFault(found: string, answer: BlockAnswer, wanted: string | undefined): string | undefined {
  if (found !== answer.hash) return differ('SHA-256 over the header', found, answer.hash)
  return wanted === undefined || wanted === found ? undefined : differ('hash', found, wanted)
}

const KINDS: ReadonlyMap<number, BlockAnswer['kind']> = new Map([
  [KIND_READINGS, 'readings'],
  [KIND_EVENT, 'event'],
  [KIND_MEMBERSHIP, 'membership'],
])

/** Every number beside the block is the one that its header holds. */
function headerFault(header: Header, answer: BlockAnswer, headerLength: number, memberKey?: string): string | undefined {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['height', answer.height, header.height],
    ['previous', answer.previous, toHex(header.previous)],
    ['member', answer.key, toHex(header.member)],
    ['member', memberKey ?? answer.key, toHex(header.member)],
    ['sealed at', Date.parse(answer.sealedAt), header.sealedAt],
    ['kind', answer.kind, KINDS.get(header.kind) ?? header.kind],
    ['registrar size', answer.registrarSize, header.registrarSize],
    ['bytes', answer.bytes, headerLength + header.bodyLength],
  ]
  const wrong = pairs.find(([, found, expected]) => found !== expected)
  return wrong === undefined ? undefined : differ(...wrong)
}

function bodyFault(header: Header, body: Uint8Array): string | undefined {
  const found = toHex(bodyHash(body))
  return found === toHex(header.bodyHash) ? undefined : differ('SHA-256 over the body', found, toHex(header.bodyHash))
}

/** Values that an answer shows of one block at most. */
const SHOWN_VALUES = 4_096

/** What is shown is decoded once more from the bytes that the header commits to. */
function contentFault(headerBytes: Uint8Array, body: Uint8Array, answer: BlockAnswer): string | undefined {
  const decoded = attempt(() => contentOf(headerBytes, body))
  if (!('value' in decoded)) return decoded.fault
  for (const [name, expected] of Object.entries(decoded.value)) {
    const found = answer[name as keyof typeof decoded.value]
    // Of a body that says very much the answer shows the beginning; the rest is left out, not denied.
    const shown = found !== undefined && found.length === SHOWN_VALUES ? expected.slice(0, SHOWN_VALUES) : expected
    const at = firstDifference(found ?? [], shown)
    if (at !== undefined) return `${name}: line ${at + 1} is not what the body says`
  }
  return undefined
}

function contentOf(
  headerBytes: Uint8Array,
  body: Uint8Array,
): { [Name in 'readings' | 'events' | 'operations']?: readonly object[] } {
  const block = decodeBlock(concat(headerBytes, body))
  const content = bodyContent(body)
  switch (block.header.kind) {
    case KIND_READINGS:
      return { readings: readingTexts(block) }
    case KIND_EVENT:
      return {
        events: decodeEvents(content).map(({ time, code, detail }) => ({
          time: formatUtc(time),
          event: formatEventCode(code),
          detail,
        })),
      }
    case KIND_MEMBERSHIP:
      return { operations: decodeMembershipBody(content).map(operationText) }
    default:
      return {}
  }
}

function firstDifference(found: readonly object[], expected: readonly object[]): number | undefined {
  const length = Math.max(found.length, expected.length)
  for (let at = 0; at < length; at++) if (spelled(found[at]) !== spelled(expected[at])) return at
  return undefined
}

/** Fields in one order, times in one spelling: `…:00Z` and `…:00.000Z` are the same. */
function spelled(line: object | undefined): string {
  const entries = Object.entries(line ?? {}).filter(([, value]) => value !== undefined)
  const same = entries.map(([name, value]) => [name, name === 'time' ? Date.parse(value as string) : (value as unknown)] as const)
  return JSON.stringify(same.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function linkFault(header: Header, before: string | undefined): string | undefined {
  const previous = toHex(header.previous)
  if (header.height === 0) return /^0+$/.test(previous) ? undefined : differ('previous of the first block', previous, 'zeros')
  if (before === undefined) return undefined
  const taken = attempt(() => {
    const bytes = fromBase64(before)
    return { header: decodeHeader(bytes), hash: toHex(blockHash(bytes)) }
  })
  if (!('value' in taken)) return taken.fault
  if (taken.value.hash !== previous) return differ('previous', previous, taken.value.hash)
  if (!equalBytes(taken.value.header.member, header.member)) return 'the block before is another member’s'
  return taken.value.header.height === header.height - 1
    ? undefined
    : differ('height before', taken.value.header.height, header.height - 1)
}

function treeFault(hash: Uint8Array, { height }: Header, { checkpoint, inclusion }: BlockAnswer): string | undefined {
  if (checkpoint === null || inclusion === null) return undefined
  if (inclusion.index !== height) return differ('leaf', inclusion.index, height)
  if (inclusion.size !== checkpoint.size) return differ('size of the tree', inclusion.size, checkpoint.size)
  if (inclusion.root !== checkpoint.root) return differ('root of the tree', inclusion.root, checkpoint.root)
  const holds = attempt(() =>
    verifyInclusion(
      hash,
      height,
      inclusion.size,
      inclusion.hashes.map((each) => fromHex(each)),
      fromHex(inclusion.root),
    ),
  )
  if (!('value' in holds)) return holds.fault
  return holds.value ? undefined : `the block is not leaf ${height} of the tree over ${inclusion.size} blocks that was signed`
}

function signedOf(member: Uint8Array, checkpoint: BlockAnswer['checkpoint']): SignedCheckpoint | string | undefined {
  if (checkpoint === null) return undefined
  const { size, root, signature } = checkpoint
  const taken = attempt(() => ({ member, size, root: fromHex(root), signature: fromBase64(signature) }))
  return 'value' in taken ? taken.value : taken.fault
}

async function signatureFault(
  checker: SignatureChecker,
  networkId: string,
  signed: SignedCheckpoint | string | undefined,
): Promise<string | undefined> {
  if (signed === undefined || typeof signed === 'string') return signed
  const id = attempt(() => fromHex(networkId))
  if (!('value' in id)) return id.fault
  const holds = await checker.settle((verify) => verifyCheckpoint(verify, id.value, signed))
  return holds ? undefined : `the signature over ${signed.size} blocks is not of the key ${toHex(signed.member)}`
}

async function headFault(
  checker: SignatureChecker,
  networkId: string,
  { consistency }: BlockAnswer,
  own: SignedCheckpoint | string | undefined,
  head: SignedCheckpoint | string | undefined,
  seen: SeenHeads | undefined,
): Promise<string | undefined> {
  const fault = await signatureFault(checker, networkId, head)
  if (fault !== undefined || head === undefined || typeof head === 'string') return fault
  const told = seen?.add(head)
  if (told !== undefined) return told
  if (own === undefined || typeof own === 'string') return undefined
  if (own.size === head.size) return equalBytes(own.root, head.root) ? undefined : 'two roots for one size: two stories'
  if (consistency === null) return 'no proof that the newest checkpoint goes on from this one'
  const { fromSize, fromRoot, toSize, toRoot, hashes } = consistency
  const isOurs = fromSize === own.size && fromRoot === toHex(own.root) && toSize === head.size && toRoot === toHex(head.root)
  if (!isOurs) return 'the proof of consistency is of other checkpoints'
  const holds = attempt(() =>
    verifyConsistency(
      own.size,
      own.root,
      head.size,
      head.root,
      hashes.map((each) => fromHex(each)),
    ),
  )
  if (!('value' in holds)) return holds.fault
  return holds.value ? undefined : `the tree over ${toSize} blocks does not begin with the one over ${fromSize}`
}
