import {
  type Accusation,
  accusedOf,
  assertAccusation,
  decodeAccusation,
  explainAccusation,
  isWattnessError,
  toBase64,
  toHex,
  type VerifySignature,
} from '../../protocol/index.ts'
import { findMember, nameOf } from './member-name.ts'
import type { LedgerView } from './status.ts'

/** One evidence that a node holds. */
export interface EvidenceLine {
  /** 'author': its chain is stopped. 'witness': nothing is. */
  readonly kind: Accusation['kind']
  /** Of the accused member. */
  readonly index: number
  readonly label: string | null
  readonly key: string
  /** As it travels, in base64; null where the record cannot be read, or proves nothing any more. */
  readonly evidence: string | null
  /** What it says, or what is wrong with the record. */
  readonly words: string
}

/**
 * Evidence of both kinds, in order of members: all of it, or what is held against one of them (label, key prefix or index).
 * Each is proven once more before it is shown. Throws MEMBER_UNKNOWN, MEMBER_AMBIGUOUS.
 */
export async function* readEvidenceLines(
  view: LedgerView,
  verify: VerifySignature,
  member?: string,
): AsyncGenerator<EvidenceLine> {
  const membership = view.heldMembership ?? view.membership
  const { networkId } = view.genesis
  const tables = [
    { kind: 'author', table: view.store.evidence },
    { kind: 'witness', table: view.store.witnessEvidence },
  ] as const
  for (const { index, label = null, key, keyHex } of member === undefined
    ? membership.members
    : [findMember(membership, member)]) {
    for (const { kind, table } of tables) {
      if (!table.has(key)) continue
      const line = { kind, index, label, key: keyHex }
      try {
        const evidence = await table.get(key)
        if (evidence === undefined) continue
        const accusation = decodeAccusation(evidence)
        assertAccusation(verify, networkId, accusation)
        const accused = toHex(accusedOf(accusation))
        const isRight = accusation.kind === kind && accused === keyHex
        const words = isRight ? explainAccusation(networkId, accusation) : `it is against ${accused}, of kind ${accusation.kind}`
        yield { ...line, evidence: isRight ? toBase64(evidence) : null, words }
      } catch (error) {
        // One record that is damaged must not hide the others.
        if (!isWattnessError(error)) throw error
        yield { ...line, evidence: null, words: `${error.code}: ${error.message}` }
      }
    }
  }
}

export function formatEvidenceLine({ kind, index, label, key, evidence, words }: EvidenceLine): string {
  const name = nameOf(label === null ? { keyHex: key } : { label, keyHex: key })
  const what = kind === 'author' ? 'its chain is stopped' : 'as a witness; no chain is stopped'
  const text = evidence === null ? `cannot be read any more: ${words}` : words
  return [`against member ${index} ${JSON.stringify(name)}: ${what}`, ...text.split('\n').map((line) => `  ${line}`)].join('\n')
}
