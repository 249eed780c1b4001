import type { Logger as PinoLogger } from 'pino'
import { fromHex, hasRoles, ROLE_METER, ROLE_REGISTRAR } from '../../protocol/index.ts'
import { nameOf } from '../control/index.ts'
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

/** Puts a node's events into the log; the answer ends that. */
export function logEvents(node: LedgerNode, log: PinoLogger): () => void {
  const name = (keyHex: string): string => {
    const member = node.membership.member(fromHex(keyHex))
    return member === undefined ? keyHex.slice(0, 12) : nameOf(member)
  }
  let wasMember = node.isMember
  let failures = 0
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
    node.on('fault', ({ peer, fault, detail, isLast }) => {
      const end = isLast ? '; it is cut off' : ''
      log.warn({ event: 'fault', peer, fault, detail }, `${name(peer)}: ${fault}: ${detail}${end}`)
    }),
    node.on('damage', ({ error }) =>
      log.error({ event: 'damage', err: error }, 'damage in the store: `wattness verify` says what'),
    ),
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
