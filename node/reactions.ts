import {
  type Accusation,
  accusedOf,
  type Bytes,
  encodeSignedAttestation,
  equalBytes,
  type Membership,
  type SignedAttestation,
  toHex,
} from '../protocol/index.ts'
import type { NodeEmitter } from './events.ts'
import type { Gossip } from './gossip/index.ts'
import type { Roster } from './membership/index.ts'
import type { Network } from './net/index.ts'
import type { OwnChain } from './own-chain.ts'
import type { Timers } from './platform.ts'
import type { SealGate, SealSchedule } from './seal/index.ts'
import type { Sync } from './sync/index.ts'
import type { StoredRun } from './validate/index.ts'
import type { FinalChange, Witnessing } from './witness/index.ts'

/** From the revocation of a linked member to the end of the link: time to fetch the block that says so. */
const PARTING_MS = 5_000

export interface ReactionsInit {
  readonly key: Bytes
  readonly roster: Roster
  readonly network: Network
  readonly timers: Timers
  readonly events: NodeEmitter
  readonly sync: Sync
  readonly gossip: Gossip
  /** Whether blocks are gossiped in a network of so many members. */
  readonly gossipsBlocks: (members: number) => boolean
  readonly schedule: SealSchedule
  readonly ownChain: OwnChain
  readonly gate: SealGate
  readonly witnessing: () => Witnessing
}

/** What a node does when its ledger has changed: blocks were stored, members came and went, a fork was proven. */
export class Reactions {
  readonly #init: ReactionsInit
  #isRunning = false

  constructor(init: ReactionsInit) {
    this.#init = init
  }

  start(): void {
    this.#isRunning = true
    this.#chooseGossip()
  }

  stop(): void {
    this.#isRunning = false
  }

  onStored(run: StoredRun): void {
    const { key, roster, sync, ownChain, events } = this.#init
    this.#watchCounted(() => roster.onStored(run.member, run.blocks))
    sync.onStored(run)
    const { from, state, own } = run
    if (!own && equalBytes(run.member, key)) ownChain.takeBack(run.blocks)
    this.#init.witnessing().onStored(run.member)
    events.emit('stored', { member: toHex(run.member), from, count: run.blocks.length, state, own })
  }

  /** Another branch of a chain is held from the run's first block on: the one that a quorum has signed. */
  onReplaced(index: number, run: StoredRun): void {
    const { roster, sync, events } = this.#init
    if (index === 0) roster.onCut(run.from)
    this.#watchCounted(() => roster.onStored(run.member, run.blocks))
    sync.onReplaced(run)
    const { member, from, blocks, state, own } = run
    events.emit('stored', { member: toHex(member), from, count: blocks.length, state, own })
  }

  /** Blocks from `size` on were damaged, and are held no more: whatever comes in their place may be another branch. */
  onCut(member: Bytes, size: number): void {
    const { roster, sync, witnessing, events } = this.#init
    const index = roster.held.member(member)?.index
    // What counts is final: no other branch of it will come.
    if (index === 0) roster.onCut(Math.min(roster.held.size, Math.max(size, roster.membership.size)))
    if (index !== undefined) {
      const onError = (error: unknown): void => events.emit('damage', { error: error as Error })
      witnessing().onReplaced(index, size).catch(onError)
    }
    sync.crossCheck()
  }

  /** A witness has said something new; this node's own words are on disk. */
  onAttestation(attestation: SignedAttestation, bytes: Bytes, source: string): void {
    const { key, sync, gossip, gate, events } = this.#init
    const { witness, epoch, sequence, frontier } = attestation
    sync.attestations.noteNew(attestation, bytes, source)
    if (source === 'own') {
      gossip.publishAttestation(bytes)
      events.emit('attested', { epoch, sequence })
    }
    if (equalBytes(witness, key)) return
    const own = this.#membership.member(key)
    if (own !== undefined) gate.attested(toHex(witness), frontier[own.index] ?? 0)
  }

  onFinal(changes: readonly FinalChange[]): void {
    const { roster, events } = this.#init
    for (const { index, member, size, root, epoch } of changes) {
      if (index === 0) this.#watchCounted(() => roster.onFinal(size))
      events.emit('final', { member: toHex(member), size, root, epoch })
    }
  }

  /** Does what makes blocks of the registrar's chain count, and what follows where it did. */
  #watchCounted(act: () => unknown): void {
    const { roster } = this.#init
    const { changes } = roster
    const { size } = roster.membership
    act()
    if (roster.membership.size !== size) this.#onMembership(roster.changes > changes)
  }

  /** Evidence was stored. Against a witness it stops nothing (rule A13). */
  onProven(accusation: Accusation, bytes: Bytes, source: string): void {
    const { key, sync, gossip, ownChain, events } = this.#init
    const accused = accusedOf(accusation)
    const self = equalBytes(accused, key)
    const isAuthor = accusation.kind === 'author'
    if (isAuthor && self) ownChain.stopForGood()
    gossip.publishEvidence(bytes)
    sync.spreadEvidence(bytes, source)
    const told = { member: toHex(accused), bytes, source, self }
    if (!isAuthor) {
      // What is true of either counts, wherever the witness showed it (rule A13).
      const { a, b } = accusation.evidence
      for (const { attestation } of [a, b]) void this.#init.witnessing().take(encodeSignedAttestation(attestation), source)
      events.emit('witnessEvidence', { ...told, evidence: accusation.evidence })
      return
    }
    sync.onQuarantine()
    this.#init.witnessing().onQuarantine(accused)
    events.emit('evidence', { ...told, evidence: accusation.evidence })
  }

  #onMembership(hasOperations: boolean): void {
    const { key, sync, schedule, ownChain, events } = this.#init
    sync.setMembership(this.#membership)
    this.#chooseGossip()
    // A new member learns from a neighbour that it is one: what the neighbour said before was of its chain too.
    for (const session of sync.sessions) ownChain.hear(session)
    if (this.#isRunning && this.#membership.member(key) !== undefined) schedule.start()
    // Neighbours tell the labels of those members that this node shows it knows of.
    if (this.#isRunning && hasOperations) sync.crossCheck()
    this.#partWithRevoked()
    this.#init.witnessing().poke()
    events.emit('membership', { size: this.#membership.size, members: this.#membership.members.length })
  }

  /** Whoever was revoked is let know why, and then hung up on. */
  #partWithRevoked(): void {
    const { network, timers } = this.#init
    const leaving = network.links().filter(({ key }) => this.#membership.member(key)?.revoked !== undefined)
    if (leaving.length === 0) return
    timers.set(PARTING_MS, () => void Promise.all(leaving.map(({ key }) => network.hangUp(key))))
  }

  #chooseGossip(): void {
    this.#init.gossip.setBlocks(this.#init.gossipsBlocks(this.#membership.members.length))
  }

  get #membership(): Membership {
    return this.#init.roster.membership
  }
}
