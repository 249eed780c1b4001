import type { Logger as PinoLogger } from 'pino'
import { fromHex, hasRoles, isWattnessError, ROLE_METER, ROLE_REGISTRAR, witnessesOf } from '../../protocol/index.ts'
import { formatQuorum, nameOf } from '../control/index.ts'
import type { LedgerNode } from '../index.ts'

/** What is said when a node learns that its own key has signed two histories. */
export const SELF_EQUIVOCATION = [
  'THIS KEY HAS SIGNED TWO DIFFERENT HISTORIES.',
  'Another node runs under the same key, or this directory was restored from an old copy.',
  'Every honest node has stopped this chain for good, and this node seals nothing more.',
  'Stop every node with this key. Then join again with an empty directory, under a new key.',
] as const

/** The same for what it signs of others' chains. */
export const SELF_CONTRADICTION = [
  'AS A WITNESS THIS KEY HAS SIGNED TWO DIFFERENT HISTORIES OF ONE CHAIN.',
  'Another node runs under the same key, or this directory was restored from an old copy.',
  'Stop every node with this key, and ask the registrar to revoke it. Then join again under a new key.',
] as const

/** What is said when a node learns that its key has attested what its store knows nothing of. */
export const WITNESS_HALTED = [
  'THIS NODE SIGNS NOTHING MORE AS A WITNESS.',
  'Its key has attested what this store has no record of: it is an old copy, or another node runs under the same key.',
  'Reading, sealing and replication go on. Until it has another key it is one of the few witnesses that may fail.',
  'Join again with an empty directory, and have the registrar run: wattness member replace MEMBER REQUEST --dir DIR',
] as const

/** Puts a node's events into the log; the answer ends that. */
export function logEvents(node: LedgerNode, log: PinoLogger): () => void {
  const name = (keyHex: string): string => {
    const member = node.membership.member(fromHex(keyHex))
    return member === undefined ? keyHex.slice(0, 12) : nameOf(member)
  }
  let wasMember = node.isMember
  let failures = 0
  let refusedWrites = 0
  let isFinalTold = false
  const { halted } = node.store.witness
  if (halted !== undefined) tellHalted(log, halted)
  const subscriptions = [
    node.on('sealed', ({ height, rows }) => {
      const after = failures === 0 ? '' : `, after ${failures} failed attempt${failures === 1 ? '' : 's'}`
      failures = 0
      log.info({ event: 'sealed', height, rows }, `sealed block ${height}, ${rows} readings${after}`)
    }),
    node.on('stored', ({ member, from, count, own }) => {
      if (own) return
      const what = count === 1 ? `block ${from}` : `blocks ${from} to ${from + count - 1}`
      log.debug({ event: 'stored', member, from, count }, `stored ${what} of ${name(member)}`)
    }),
    node.on('link', ({ peer, address }) =>
      log.info({ event: 'link', peer, address }, `connected to ${name(peer)} at ${address}`),
    ),
    node.on('unlink', ({ peer }) => log.info({ event: 'unlink', peer }, `connection to ${name(peer)} ended`)),
    node.on('refused', ({ peer }) => {
      const why = 'this node may have been revoked, or banned for what it sent, or the other has too many connections'
      log.warn({ event: 'refused', peer }, `${name(peer)} refuses this node's connections and does not say why: ${why}`)
    }),
    node.on('agreement', ({ peer, agreement }) => {
      const level = agreement === 'different' ? 'warn' : 'info'
      log[level]({ event: 'agreement', peer, agreement }, `heads root of ${name(peer)}: ${agreement}`)
    }),
    node.on('membership', ({ size, members }) => {
      log.info({ event: 'membership', size, members }, `the registrar's chain has ${size} blocks, the network ${members} members`)
      const own = node.membership.member(node.key)
      if (own !== undefined && !wasMember)
        log.info({ event: 'admitted', index: own.index }, `this node is member ${own.index} now`)
      wasMember = own !== undefined
    }),
    node.on('heldBack', ({ reason }) => {
      // An observer has nothing to seal: that nothing is sealed is no news.
      const own = node.membership.member(node.key)
      const isWriter = own !== undefined && (hasRoles(own.roles, ROLE_METER) || hasRoles(own.roles, ROLE_REGISTRAR))
      if (!isWriter && node.store.spool.size === 0) return
      if (reason === undefined) log.info({ event: 'heldBack' }, 'sealing again')
      else log.warn({ event: 'heldBack', reason }, `nothing is sealed: ${reason}`)
    }),
    node.on('sealFailed', ({ error }) => {
      failures++
      // Tried every few seconds, for days where a disk stays full: told at the 1st, 2nd, 4th, 8th… time.
      if (!Number.isInteger(Math.log2(failures))) return
      log.error(
        { event: 'sealFailed', failures, err: error },
        `a block could not be sealed, ${failures} times since the last one`,
      )
    }),
    node.on('taking', ({ refusal }) => {
      if (refusal === undefined) log.info({ event: 'taking' }, 'readings are taken again')
      else log.error({ event: 'taking', refusal }, refusal)
    }),
    node.on('fault', ({ peer, fault, detail, isLast }) => {
      const end = isLast ? '; it is cut off' : ''
      log.warn({ event: 'fault', peer, fault, detail }, `${name(peer)}: ${fault}: ${detail}${end}`)
    }),
    node.on('damage', ({ error }) => {
      if (!isWattnessError(error, 'DISK_FULL')) {
        return log.error({ event: 'damage', err: error }, 'damage in the store: `wattness verify` says what')
      }
      // Each block of each neighbour is tried again and again meanwhile.
      refusedWrites++
      if (!Number.isInteger(Math.log2(refusedWrites))) return
      log.error(
        { event: 'diskFull', failures: refusedWrites, err: error },
        `the disk is full: ${refusedWrites} writes refused since the start; what is missing is fetched once there is room`,
      )
    }),
    node.on('final', ({ member, size, epoch }) => {
      // Finality moves with every block: that it does is news once.
      const level = isFinalTold ? 'debug' : 'info'
      const worth = isFinalTold ? '' : `; ${formatQuorum(witnessesOf(node.membership).length)}`
      isFinalTold = true
      const what = size === 1 ? 'the first block' : `the first ${size} blocks`
      log[level]({ event: 'final', member, size, epoch }, `final: ${what} of ${name(member)}${worth}`)
    }),
    node.on('attested', ({ epoch, sequence }) => log.debug({ event: 'attested', epoch, sequence }, `attestation ${sequence}`)),
    node.on('epoch', ({ number }) => {
      const { witnesses } = node.epochs.get(number) ?? { witnesses: [] }
      log.info({ event: 'epoch', number }, `signs in epoch ${number} from now on: ${formatQuorum(witnesses.length)}`)
    }),
    node.on('witnessHalted', ({ reason }) => tellHalted(log, reason)),
    node.on('evidence', ({ member, self }) => {
      if (self) for (const line of SELF_EQUIVOCATION) log.fatal({ event: 'evidence', member, self }, line)
      else log.error({ event: 'evidence', member, self }, `${name(member)} has signed two histories: its chain is quarantined`)
    }),
    node.on('witnessEvidence', ({ member, self }) => {
      if (self) for (const line of SELF_CONTRADICTION) log.fatal({ event: 'witnessEvidence', member, self }, line)
      else {
        const remedy = 'nothing is stopped by it; the registrar should revoke it'
        log.error({ event: 'witnessEvidence', member, self }, `${name(member)} has contradicted itself as a witness: ${remedy}`)
      }
    }),
  ]
  return () => {
    for (const end of subscriptions) end()
  }
}

function tellHalted(log: PinoLogger, reason: string): void {
  for (const line of WITNESS_HALTED) log.fatal({ event: 'witnessHalted', reason }, line)
}
