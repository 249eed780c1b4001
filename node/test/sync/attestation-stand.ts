import {
  type AttestationName,
  type Bytes,
  decodeSignedAttestation,
  encodeSignedAttestation,
  type Frame,
  type Leaf,
  type SignedAttestation,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import { nameOf } from '../../sync/attestation-book.ts'
import { type AttestationCallbacks, AttestationExchange, type StoredAttestationBytes } from '../../sync/attestation-exchange.ts'
import type { Session } from '../../sync/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { fakeSession } from './fake-session.ts'

export type FakeSession = ReturnType<typeof fakeSession>

export function attestationOf(name: string, epoch: number, sequence: number, frontier = [1, 2]): SignedAttestation {
  const witness = signerOf(name).publicKey
  return { witness, epoch, sequence, timeMs: 0, frontier, named: [], headsRoot: ZERO_HASH, signature: new Uint8Array(64) }
}

export function storedOf(attestation: SignedAttestation): StoredAttestationBytes {
  return { ...attestation, bytes: encodeSignedAttestation(attestation) }
}

export const leaves = (count: number): Leaf[] => Array.from({ length: count }, (_, i) => ({ size: i, root: ZERO_HASH }))

/** An exchange with neighbours of its own; nothing around it. */
export class AttestationStand {
  readonly time = new VirtualTime()
  readonly sessions: FakeSession[] = []
  readonly taken: [source: string, bytes: Bytes][] = []
  readonly faults: [fault: string, peerHex: string][] = []
  readonly damage: Error[] = []
  readonly told: Session[] = []
  held: StoredAttestationBytes[] = []
  isGossiped = false
  /** Whom gossip brings what it brings here; undefined: all. */
  gossipMesh: ReadonlySet<string> | undefined
  verdict: 'accept' | 'ignore' | 'reject' | 'early' = 'accept'
  readonly exchange: AttestationExchange

  constructor(overrides: Partial<AttestationCallbacks & { readonly announceDelayMs: number }> = {}) {
    this.exchange = new AttestationExchange({
      platform: this.time.platform(seededRandom(1)),
      sessions: () => this.sessions,
      announceDelayMs: 10_000,
      isGossiped: () => this.isGossiped,
      gossipMesh: () => this.gossipMesh ?? new Set(this.sessions.map(({ peerHex }) => peerHex)),
      stored: async () => this.held,
      take: async (bytes, sourceHex) => {
        this.taken.push([sourceHex, bytes])
        return this.verdict
      },
      leavesOf: async () => leaves(2),
      closingsOf: async () => [Uint8Array.of(1)],
      onTold: (session) => void this.told.push(session),
      onFault: (session, fault) => void this.faults.push([fault, session.peerHex]),
      onDamage: (error) => void this.damage.push(error),
      ...overrides,
    })
  }

  /** A neighbour that has greeted and was told what there is. */
  async greet(name: string): Promise<FakeSession> {
    const session = fakeSession(name)
    this.sessions.push(session)
    this.exchange.onGreeted(session)
    await this.time.settle()
    session.sent.length = 0
    return session
  }

  /** As one that came from somebody else; `own`: as one that this node has signed. */
  note(attestation: SignedAttestation, source = 'another'): Bytes {
    const bytes = encodeSignedAttestation(attestation)
    this.exchange.noteNew(attestation, bytes, source)
    return bytes
  }
}

export const nameOfBytes = (bytes: Bytes): AttestationName => nameOf(decodeSignedAttestation(bytes), bytes)

/** Names told to a neighbour, in how many frames of how many. */
export const names = (session: FakeSession): number[] =>
  session.sent.map((frame) => (frame.type === 'attested' ? frame.names.length : -1))

export const namedTo = (session: FakeSession): AttestationName[] =>
  session.sent.flatMap((frame) => (frame.type === 'attested' ? [...frame.names] : []))

export const parts = (session: FakeSession): number[] =>
  session.sent.map((frame) => (frame.type === 'attestations' ? frame.attestations.length : -1))

export const toldTo = (session: FakeSession): Bytes[] =>
  session.sent.flatMap((frame) => (frame.type === 'attestations' ? [...frame.attestations] : []))

export function questions<T extends Frame['type']>(session: FakeSession, type: T): Extract<Frame, { type: T }>[] {
  return session.sent.filter((frame): frame is Extract<Frame, { type: T }> => frame.type === type)
}
