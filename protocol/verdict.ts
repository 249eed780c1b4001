import { isWattnessError } from './errors.ts'

/** What happens to something that came from outside: kept, dropped, or dropped at the sender's cost. */
export type Verdict = 'accept' | 'ignore' | 'reject'

/**
 * Rule V1, the one table: gossip results, peer score, metrics and logs derive from it. A code is 'reject' only where
 * bytes and genesis alone decide, so that no honest relay can ever have passed it on. Everything that depends on what this
 * node happens to know is 'ignore': the relay may know more.
 */
export const VERDICTS = {
  /** Ends before its layout does. */
  TRUNCATED: 'reject',
  /** Goes on after its layout ends. */
  TRAILING_BYTES: 'reject',
  /** Another encoding of the same thing than the one allowed. */
  NON_CANONICAL: 'reject',
  /** A number outside what its field allows. */
  OUT_OF_RANGE: 'reject',
  /** More items or bytes than the protocol allows. */
  LIMIT_EXCEEDED: 'reject',
  /** A body above what the protocol or genesis allows. */
  OVERSIZED_BODY: 'reject',
  /** A version byte of another protocol, which has topics and protocol names of its own. */
  UNKNOWN_VERSION: 'reject',
  /** Says itself that it belongs to another network. */
  WRONG_NETWORK: 'reject',
  /** A run whose blocks are not one chain's consecutive ones. */
  MIXED_RUN: 'reject',
  /** Not signed by the key that it names. */
  BAD_SIGNATURE: 'reject',
  /** A key that must not be admitted: bytes decide. */
  UNACCEPTABLE_KEY: 'reject',
  /** Another body than its header commits to: the sender swapped it, or passed it on unchecked. */
  BODY_HASH_MISMATCH: 'reject',
  /** Inside a run, a block that does not name the one before it. */
  BROKEN_LINK: 'reject',
  /** The right parent and a root that the blocks do not make. */
  WRONG_ROOT: 'reject',
  /** A consistency proof that does not lead from the run's end to the signed root. */
  WRONG_PROOF: 'reject',
  /** Sealed before its own parent. */
  TIME_REVERSED: 'reject',
  /** Sealed sooner after its parent than genesis allows. */
  TOO_SOON: 'reject',
  /** Names an older registrar size than its own parent; in the registrar's chain, another than its height. */
  WRONG_REGISTRAR_SIZE: 'reject',
  /** A membership block in a chain that is not the registrar's, whom genesis names. */
  WRONG_KIND: 'reject',
  /** A time or value that no reading can have. */
  VALUE_OUT_OF_RANGE: 'reject',
  /** Evidence that proves nothing. */
  INVALID_EVIDENCE: 'reject',
  /** A label record of another form than rule M14 has. */
  LABEL_INVALID: 'reject',

  /** A later version's membership operation: its relay may understand it, and this chain waits for an upgrade. */
  UNKNOWN_OPERATION: 'ignore',
  /** A later version's kind of evidence. */
  UNKNOWN_EVIDENCE_KIND: 'ignore',
  /** Another label than the registrar's chain names: of that chain the relay may hold more or less. */
  LABEL_MISMATCH: 'ignore',
  /** The relay may hold more of the registrar's chain. */
  NOT_A_MEMBER: 'ignore',
  /** The relay may not hold the revocation yet. */
  REVOKED: 'ignore',
  /** Names more of the registrar's chain than is held here. */
  REGISTRAR_AHEAD: 'ignore',
  /** Roles come from the registrar's chain, of which the relay may hold more or less. */
  ROLE_MISSING: 'ignore',
  /** The first block of a key that replaces another does not say so: who replaces whom stands in the registrar's chain. */
  NOT_CONTINUED: 'ignore',
  /** The author's chain is stopped here; the relay may not hold the evidence yet. */
  QUARANTINED: 'ignore',
  /** Held already. */
  DUPLICATE: 'ignore',
  /** Blocks before it are missing here. */
  UNKNOWN_PARENT: 'ignore',
  /** Either clock may be the wrong one. */
  CLOCK_AHEAD: 'ignore',
  /** Who is a witness comes from the registrar's chain, of which the relay may hold more or less. */
  NOT_A_WITNESS: 'ignore',
  /** An epoch that has not begun here. */
  EPOCH_AHEAD: 'ignore',
  /** More members than the registrar's chain held here has at that size: the relay may hold another branch of it. */
  FRONTIER_TOO_LONG: 'ignore',
  /** A second root of a held size: the relay kept the other story first, the author is to blame. */
  CONFLICT: 'ignore',
  /** Another parent than the held one: which branch is first is a matter of what came first here. */
  FORK: 'ignore',
  /** A full queue here is no fault there. */
  OVERLOADED: 'ignore',
  /** An exception that nobody foresaw is this node's fault until shown otherwise. */
  UNEXPECTED: 'ignore',
} as const satisfies Record<string, Exclude<Verdict, 'accept'>>

export type ValidationCode = keyof typeof VERDICTS

export interface RefusalVerdict {
  readonly verdict: Exclude<Verdict, 'accept'>
  readonly code: ValidationCode
}

/** The table's row for whatever was thrown; UNEXPECTED for anything that the table does not name. */
export function verdictOf(error: unknown): RefusalVerdict {
  if (!isWattnessError(error) || !Object.hasOwn(VERDICTS, error.code)) return { verdict: 'ignore', code: 'UNEXPECTED' }
  const code = error.code as ValidationCode
  return { verdict: VERDICTS[code], code }
}
