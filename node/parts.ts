import {
  type Bytes,
  type ChainState,
  continuationOf,
  EMPTY_CHAIN,
  equalBytes,
  type Membership,
  mayWrite,
} from '../protocol/index.ts'
import type { NodeEmitter } from './events.ts'
import { Gossip, gossipsAttestations, gossipsBlocks, passingHoldMs } from './gossip/index.ts'
import { JoinService, type Roster } from './membership/index.ts'
import { Dialer, TARGET_LINKS } from './net/index.ts'
import type { NodeInit } from './node-init.ts'
import { OwnChain } from './own-chain.ts'
import { PeerBook } from './peer-book.ts'
import { Reactions } from './reactions.ts'
import { Refusals } from './refusals.ts'
import { carriedRounds } from './rounds.ts'
import { Sealer, SealGate, SealSchedule } from './seal/index.ts'
import { announceDelayOf, attestDelayOf, crossCheckOf } from './settings.ts'
import { Sync } from './sync/index.ts'
import { createVerifyPool, Door, EvidenceDesk, type VerifyPool } from './validate/index.ts'
import { askWitness, type EpochBook, Witnessing } from './witness/index.ts'

/** The rooms of one node, put together; nothing runs yet. */
export interface NodeParts {
  readonly pool: VerifyPool | undefined
  readonly door: Door
  readonly desk: EvidenceDesk
  readonly sync: Sync
  readonly schedule: SealSchedule
  readonly gossip: Gossip
  readonly joins: JoinService
  readonly dialer: Dialer
  readonly peers: PeerBook
  readonly refusals: Refusals
  readonly ownChain: OwnChain
  readonly reactions: Reactions
  readonly witnessing: Witnessing
}

/**
 * What each room tells another goes through a function named here. Rooms call each other only after all of them exist: the
 * functions may name parts that are made further down.
 */
export function createParts(init: NodeInit, roster: Roster, book: EpochBook, events: NodeEmitter): NodeParts {
  const { genesis, signer, verify, network, store, platform, settings } = init
  const key: Bytes = signer.publicKey
  const membership = (): Membership => roster.membership
  const head = (): ChainState => store.head(key) ?? EMPTY_CHAIN

  const otherMembers = (): number =>
    membership().members.filter((member) => member.revoked === undefined && !equalBytes(member.key, key)).length

  // What is written down, and what is proven.
  const pool = settings.verifyThreads > 0 ? createVerifyPool(settings.verifyThreads, genesis) : undefined
  const door = new Door({
    store,
    genesis,
    clock: platform.clock,
    turn: () => platform.turn(),
    verify,
    membership,
    pool,
    check: init.checkRun,
    onStored: (run) => reactions.onStored(run),
  })
  const desk = new EvidenceDesk({
    store,
    genesis,
    verify,
    membership,
    wasWitness: (index, epoch) => book.epochs.get(epoch)?.witnesses.includes(index) === true,
    onProven: (accusation, bytes, source) => reactions.onProven(accusation, bytes, source),
  })

  // This node's own chain.
  const sealer = new Sealer({
    genesis,
    signer,
    clock: platform.clock,
    random: platform.random,
    spool: store.spool,
    head,
    registrarSize: () => membership().size,
    continues: () => continuationOf(membership(), key),
    submit: (run, own) => door.submit(run, own),
    maxRows: settings.maxRows,
  })
  const gate = new SealGate({
    head,
    signedRecord: () => store.signedRecord(),
    otherMembers,
    wordsNeeded: () => wordsNeeded(book, membership(), key),
    writeRefusal: () => mayWrite(membership(), key, membership().size, store.head(key)?.size ?? 0),
    sealAlone: settings.sealAlone,
    maxClockDriftMs: genesis.limits.maxClockDriftMs,
    clockOffsetsMs: () => sync.clockOffsetsMs(),
  })
  const ownChain = new OwnChain({
    key,
    seals: settings.seals,
    membership,
    sealer,
    gate,
    events,
    waitingRows: () => store.spool.size,
    onSealed: (sealed) => gossip.publish(sealed),
  })
  const schedule = new SealSchedule({
    platform,
    sealer,
    key,
    intervalMs: settings.intervalMs,
    rowsAtOnce: settings.rowsAtOnce,
    waitingRows: () => store.spool.size,
    heldBack: () => ownChain.refusal(),
    onSealed: (sealed) => ownChain.onSealed(sealed),
    onError: (error) => ownChain.onSealFailed(error),
  })
  if (store.quarantined(key)) ownChain.stopForGood()

  const announceDelayMs = announceDelayOf(settings)
  const attestDelayMs = attestDelayOf(settings)
  // The neighbours.
  const sync = new Sync(
    {
      genesis,
      key,
      store,
      platform,
      verify,
      announceDelayMs,
      crossCheckMs: crossCheckOf(settings),
      isObserver: () => membership().member(key) === undefined,
      knownAddresses: () => peers.digest(),
      agent: settings.agent,
      submit: (run) => door.submit(run),
      backlogBytes: () => door.waitingBytes,
      onEvidence: (bytes, source) => desk.take(bytes, source),
      attestations: {
        isGossiped: () => gossip.attestationsOn,
        gossipMesh: () => gossip.attestationMesh(),
        stored: () => witnessing.stored(),
        take: (bytes, source) => witnessing.take(bytes, source),
        leavesOf: (asked) => witnessing.leavesOf(asked),
        closingsOf: (epoch) => witnessing.closingsOf(epoch),
        onTold: (session) => witnessing.onTold(session.peerHex),
      },
      onHoldings: (session, holdings) => {
        ownChain.hear(session)
        witnessing.poke()
        peers.onHoldings(session, holdings)
      },
      onBrokenWord: (session, index) => {
        if (index === membership().member(key)?.index) gate.disregard(session.peerHex)
      },
      onAgreement: (peer, agreement) => events.emit('agreement', { peer, agreement }),
      onFault: (peer, fault, detail, isLast) => {
        events.emit('fault', { peer, fault, detail, isLast })
        if (!isLast) return
        gate.disregard(peer)
        dialer.ban(peer)
      },
      onOther: (session, frame) => peers.onFrame(session, frame),
      onGreeted: (session) => peers.tellPeers(session),
      onDamage: (error) => events.emit('damage', { error }),
    },
    membership(),
  )
  const gossip = new Gossip({
    network,
    networkId: genesis.networkId,
    platform,
    submit: (run) => door.submit(run),
    takeEvidence: (bytes, source) => desk.take(bytes, source),
    takeAttestation: async (bytes, source) => {
      const outcome = await witnessing.take(bytes, source)
      return outcome === 'early' ? 'ignore' : outcome
    },
    publishesAttestations: gossipsAttestations(settings.gossip, attestDelayMs, announceDelayMs),
    holdMs: passingHoldMs(announceDelayMs),
    onBadEvidence: (peer) => sync.noteBadEvidence(peer),
    onBadAttestation: (peer) => sync.noteBadAttestation(peer),
    onRefused: (peer, outcome) => sync.noteRefusal(peer, outcome),
  })
  const joins = new JoinService({
    genesis,
    roster,
    clock: platform.clock,
    verify,
    seal: (operations) => ownChain.sealMembership(operations),
  })
  const refusals = new Refusals({ network, membership, onRefused: (peer) => events.emit('refused', { peer }) })
  const { timers, clock, random } = platform
  const dialer = new Dialer({ network: refusals.watched, timers, clock, random })
  const peers = new PeerBook({
    network,
    roster,
    timers,
    sessions: () => sync.sessions,
    onAddress: (address) => dialer.addKnown(address),
    addressChanges: () => dialer.addressChanges,
    onLabels: () => sync.setMembership(membership()),
    onDamage: (error) => events.emit('damage', { error }),
  })

  const reactions = new Reactions({
    key,
    roster,
    network,
    timers: platform.timers,
    events,
    sync,
    gossip,
    gossipsBlocks: (members) => gossipsBlocks(settings.gossip, members, settings.intervalMs),
    schedule,
    ownChain,
    gate,
    witnessing: () => witnessing,
  })
  // What this node signs of all chains, and what is final by what all witnesses sign.
  const witnessing = new Witnessing({
    store,
    genesis,
    signer,
    verify,
    clock: platform.clock,
    timers: platform.timers,
    rounds: () =>
      gossip.attestationsOn ? { lengthMs: attestDelayMs, phaseMs: 0 } : carriedRounds(attestDelayMs, announceDelayMs),
    announceDelayMs,
    membership,
    held: () => roster.held,
    epochs: () => book.epochs,
    own: () => sync.view.ownLeaves(roster.held),
    isAllowed: settings.seals,
    wordsNeeded: () => Math.min(wordsNeeded(book, membership(), key), otherMembers()),
    onLacking: (chains) => sync.leaves.fetch(chains),
    askLeaves: (attestation, sourceHex) => sync.leaves.ask(attestation, sourceHex),
    askClosings: (epoch) => sync.attestations.askClosings(epoch),
    onDiffering: (index, leaf, sourceHex) => sync.leaves.dispute(index, leaf.size, sourceHex),
    counted: () => ({ membership: membership(), epochs: book.counted }),
    fetchBranch: (index, from, leaf, taker, preferHex) => sync.branches.fetchBranch(index, from, leaf, taker, preferHex),
    adopt: (branch, told) => door.adopt(branch, told),
    onReplaced: (index, run) => reactions.onReplaced(index, run),
    onContradiction: (evidence) => desk.take(evidence, 'own'),
    onAttestation: (attestation, bytes, sourceHex) => reactions.onAttestation(attestation, bytes, sourceHex),
    onFinal: (changes) => reactions.onFinal(changes),
    onEpoch: (number) => events.emit('epoch', { number }),
    onHalted: (reason) => events.emit('witnessHalted', { reason }),
    askWitness: (witness, request, signal) => askWitness(network, dialer.known(), witness, request, signal),
    onError: (error) => events.emit('damage', { error }),
  })

  return { pool, door, desk, sync, schedule, gossip, joins, dialer, peers, refusals, ownChain, reactions, witnessing }
}

/**
 * Members that must have spoken after a start before this node signs: of n witnesses n − f, its own word not among them, and
 * never more than it seeks as neighbours; one where nobody witnesses.
 */
function wordsNeeded(book: EpochBook, membership: Membership, key: Bytes): number {
  const { quorum = 1, witnesses } = book.epochs.at(membership.size)
  const self = membership.member(key)?.index
  const others = self !== undefined && witnesses.includes(self) ? quorum - 1 : quorum
  return Math.min(Math.max(others, 1), TARGET_LINKS)
}
