import {
  EMPTY_CHAIN,
  type Epochs,
  formatRoles,
  fromHex,
  type Genesis,
  headLeafSize,
  headsRoot,
  type JoinAnswer,
  type JoinRequest,
  type LabelRecord,
  type Member,
  type Membership,
  type MembershipOperation,
  type ProofFile,
  ROLE_METER,
  ROLE_REGISTRAR,
  type Roles,
  toHex,
} from '../../protocol/index.ts'
import type { Link } from '../net/index.ts'
import type { Damage, LedgerStore } from '../store/index.ts'
import type { Agreement, Lack } from '../sync/index.ts'
import { programVersion } from '../version.ts'
import { shown } from './answer-shape.ts'
import { describeFinality, type FinalityStatus, formatFinality } from './finality-status.ts'
import { nameOf } from './member-name.ts'

/** What a directory holds, whether or not a node runs on it. */
export interface LedgerView {
  readonly genesis: Genesis
  readonly key: Uint8Array
  readonly store: LedgerStore
  /** The state that counts. */
  readonly membership: Membership
  /** The one after every block of the registrar's that is held; the same unless given. */
  readonly heldMembership?: Membership
  readonly epochs: Epochs
}

/** The running node as this room needs it. */
export interface ControlledNode extends LedgerView {
  readonly network: { links(): Link[]; addresses(): string[] }
  readonly sync: {
    readonly sessions: Iterable<{ readonly peerHex: string; readonly agreement: Agreement }>
    readonly isCaughtUp: boolean
    lacks(): Iterable<Lack>
    /** Ends every channel, to begin it anew with what is held now. */
    greetAgain?(): void
  }
  readonly gossipsBlocks: boolean
  heldBack(): string | undefined
  /** Members that hang up on this one, keys in hex. */
  refusedBy(): readonly string[]
  admit(request: JoinRequest): Promise<JoinAnswer>
  admitKey(key: Uint8Array, roles: Roles, label: LabelRecord): Promise<number>
  changeMembership(operations: readonly MembershipOperation[]): Promise<unknown>
  prove(key: Uint8Array, height: number): Promise<ProofFile>
  /** What is final of a member's chain; undefined where nothing tells. */
  finalOf?(key: Uint8Array): { readonly size: number; readonly root: Uint8Array } | undefined
}

/** As far as its neighbours go. */
export type NeighbouredNode = Pick<ControlledNode, 'membership' | 'network' | 'sync' | 'gossipsBlocks' | 'heldBack' | 'refusedBy'>

/** What only a running node knows. */
export interface RunningNode {
  /** Of the program. */
  readonly version: string
  readonly pid: number
  readonly addresses: readonly string[]
  readonly peers: readonly PeerLine[]
  /** A neighbour has been heard, and none is known to hold more than this node. */
  readonly caughtUp: boolean
  /** Chains that no neighbour can give: whoever holds more of them has pruned what comes next. */
  readonly lacks: readonly LackLine[]
  /** Names of the members that hang up on this one, without a word why: it may have been revoked. */
  readonly refusedBy: readonly string[]
  readonly gossip: boolean
  /** Why no block is sealed at present. */
  readonly heldBack: string | null
  readonly sources: readonly { readonly source: string; readonly state: string }[]
}

export interface PeerLine {
  readonly key: string
  readonly name: string
  readonly address: string
  readonly direction: string
  readonly agreement: Agreement
}

export interface LackLine {
  readonly member: string
  /** Height of the first block that is lacking, and how many blocks somebody holds. */
  readonly from: number
  readonly size: number
}

export interface MemberLine {
  readonly index: number
  readonly key: string
  readonly label: string | null
  readonly roles: string
  readonly admittedAt: number
  /** Index of the member whose chain this one goes on with. */
  readonly replaces: number | null
  readonly revoked: { readonly atSize: number; readonly endSize: number; readonly replacedBy: number | null } | null
}

/** A line of `member list`. */
export interface ListedMember extends MemberLine {
  /** False while the block that says so is not final. */
  readonly counts: boolean
}

export interface ChainLine extends MemberLine {
  /** Blocks held; those that count may be fewer (revoked). */
  readonly size: number
  /** Hash of the newest block, hex; null without one. */
  readonly head: string | null
  readonly sealedAt: string | null
  readonly quarantined: boolean
  /** Blocks that are final, from height 0. */
  readonly final: number
  /** The first height at which a quarantined chain may yet go on otherwise; null where what is held is final. */
  readonly contestedFrom: number | null
  /** It has signed two stories as a witness, which stops nothing. */
  readonly contradicted: boolean
  /** Blocks from height 0 of which the bodies are dropped here; and of which the readings are, too. */
  readonly pruned: number
  readonly valuesPruned: number
}

export interface Status {
  readonly network: { readonly name: string; readonly id: string }
  readonly self: { readonly key: string; readonly index: number | null; readonly label: string | null; readonly roles: string }
  readonly running: RunningNode | null
  readonly chains: readonly ChainLine[]
  readonly frontier: readonly number[]
  readonly headsRoot: string
  readonly finality: FinalityStatus
  readonly waiting: number
  /** Damaged spool entries that wait for somebody to look at them. */
  readonly setAside: number
  readonly damage: readonly string[]
}

/** Names of the roles that write blocks of their own. */
const WRITES: ReadonlySet<string> = new Set([formatRoles(ROLE_METER), formatRoles(ROLE_REGISTRAR)])

/** Members named that refuse a node. */
const NAMES_SHOWN = 3

/** Damage told at once; `verify` tells all. */
const DAMAGE_SHOWN = 16

/** Members as the held blocks of the registrar say; what does not count yet is marked. */
export function describeMembers({ membership, heldMembership = membership }: Memberships): ListedMember[] {
  return heldMembership.members.map((member) => ({ ...memberLine(member), counts: isSame(member, membership.at(member.index)) }))
}

type Memberships = Pick<LedgerView, 'membership' | 'heldMembership'>

/** As far as operations change a member. */
function isSame(held: Member, counted: Member | undefined): boolean {
  if (counted === undefined || counted.keyHex !== held.keyHex) return false
  return counted.roles === held.roles && counted.revoked?.atSize === held.revoked?.atSize
}

function memberLine({ index, keyHex, label, roles, admittedAt, replaces, revoked }: Member): MemberLine {
  return {
    index,
    key: keyHex,
    label: label ?? null,
    roles: formatRoles(roles),
    admittedAt,
    replaces: replaces ?? null,
    revoked:
      revoked === undefined ? null : { atSize: revoked.atSize, endSize: revoked.endSize, replacedBy: revoked.replacedBy ?? null },
  }
}

export async function describeStatus(view: LedgerView, running: RunningNode | null): Promise<Status> {
  const { genesis, key, store, membership } = view
  const self = membership.member(key)
  const leaves = membership.members.map((member) => {
    const head = store.head(member.key) ?? EMPTY_CHAIN
    const size = headLeafSize(member, head.size)
    const root = size === head.size || member.revoked === undefined ? head.root : member.revoked.endRoot
    return { member: member.key, size, root }
  })
  const finality = await describeFinality(view)
  return {
    network: { name: genesis.name, id: toHex(genesis.networkId) },
    self: { key: toHex(key), index: self?.index ?? null, label: self?.label ?? null, roles: formatRoles(self?.roles ?? 0) },
    running,
    chains: membership.members.map((member) => chainLine(store, member)),
    frontier: leaves.map(({ size }) => size),
    headsRoot: toHex(headsRoot(leaves)),
    finality,
    waiting: store.spool.size,
    setAside: store.spool.setAside,
    damage: store.damage.slice(-DAMAGE_SHOWN).map(damageText),
  }
}

export function chainLine(store: LedgerStore, member: Member): ChainLine {
  const head = store.head(member.key)
  const size = head?.size ?? 0
  const final = store.witness.final(member.key)?.size ?? 0
  const quarantined = store.quarantined(member.key)
  const pruned = store.pruned(member.key)
  return {
    ...memberLine(member),
    size,
    head: head === undefined ? null : toHex(head.lastHash),
    sealedAt: head === undefined ? null : new Date(head.sealedAt).toISOString(),
    quarantined,
    final,
    contestedFrom: quarantined && size > final ? final : null,
    contradicted: store.witnessEvidence.has(member.key),
    pruned: pruned.to,
    valuesPruned: pruned.valuesTo,
  }
}

function damageText({ what, member, height }: Damage): string {
  const whose =
    member === undefined ? '' : ` (member ${toHex(member).slice(0, 12)}${height === undefined ? '' : `, height ${height}`})`
  return `${what}${whose}`
}

export function describeRunning(node: NeighbouredNode, sources: RunningNode['sources']): RunningNode {
  const agreements = new Map([...node.sync.sessions].map(({ peerHex, agreement }) => [peerHex, agreement]))
  const peers = node.network.links().map(({ key, keyHex, address, direction }) => {
    const name = nameOf(node.membership.member(key) ?? { keyHex })
    return { key: keyHex, name, address, direction, agreement: agreements.get(keyHex) ?? 'unknown' }
  })
  return {
    version: programVersion(),
    pid: process.pid,
    addresses: node.network.addresses(),
    peers,
    caughtUp: agreements.size > 0 && node.sync.isCaughtUp,
    lacks: [...node.sync.lacks()].filter(({ isPruned }) => isPruned).map((lack) => lackLine(node, lack)),
    refusedBy: node.refusedBy().map((keyHex) => nameOf(node.membership.member(fromHex(keyHex)) ?? { keyHex })),
    gossip: node.gossipsBlocks,
    heldBack: node.heldBack() ?? null,
    sources,
  }
}

function lackLine({ membership }: Pick<LedgerView, 'membership'>, { index, from, size }: Lack): LackLine {
  const member = membership.at(index)
  return { member: member === undefined ? String(index) : nameOf(member), from, size }
}

/** For people, within 100 columns where names are short. What is not known shows as `?`. */
export function formatStatus(status: Status): string {
  const { network, self, running, chains, frontier, headsRoot: root, finality, waiting, setAside, damage } = status
  const who = self.index === null ? 'no member' : `member ${self.index} "${self.label ?? '?'}" (${self.roles})`
  const lines = [
    `network    ${network.name} ${network.id.slice(0, 16)}`,
    `node       ${self.key.slice(0, 16)} ${who}`,
    `state      ${running === null ? 'stopped' : stateText(status, running)}`,
    `heads root ${root}`,
    `waiting    ${shown(waiting)} reading${waiting === 1 ? '' : 's'}${setAside > 0 ? `, ${setAside} damaged and set aside` : ''}`,
    ...formatFinality(finality, sum(frontier), sum(chains.map(({ final }) => final))).map(
      ([title, text]) => `${title.padEnd(10)} ${text}`,
    ),
    '',
    ...table([
      ['member', 'label', 'roles', 'blocks', 'counted', 'final', 'head', 'sealed', ''],
      ...chains.map((chain, at) => [
        shown(chain.index),
        chain.label ?? chain.key.slice(0, 12),
        chain.roles,
        shown(chain.size),
        shown(frontier[at] ?? Number.NaN),
        shown(chain.final),
        chain.head?.slice(0, 12) ?? '-',
        chain.sealedAt ?? '-',
        notesOf(chain).join(', '),
      ]),
    ]),
  ]
  if (running !== null && running.peers.length > 0) {
    const rows = running.peers.map(({ name, agreement, direction, address }) => [name, agreement, direction, address])
    lines.push('', ...table([['peer', 'heads root', 'came', 'address'], ...rows]))
  }
  if (running !== null && running.sources.length > 0) {
    lines.push('', ...table([['source', 'state'], ...running.sources.map(({ source, state }) => [source, state])]))
  }
  for (const { member, from, size } of running?.lacks ?? []) {
    lines.push(`lacks      blocks ${from} to ${size - 1} of ${member}: every neighbour that holds them has pruned what they say`)
  }
  for (const text of damage) lines.push(`damage     ${text}`)
  return lines.join('\n')
}

function stateText({ self, waiting }: Status, running: RunningNode): string {
  const { pid, peers, sources, heldBack, caughtUp, lacks, refusedBy } = running
  // That an observer seals nothing is no news.
  const isWriter =
    waiting > 0 || sources.length > 0 || (self.index !== null && self.roles.split(',').some((role) => WRITES.has(role)))
  const held = heldBack === null || !isWriter ? '' : `; seals nothing: ${heldBack}`
  const count = `${peers.length} peer${peers.length === 1 ? '' : 's'}`
  const catching = lacks.length === 0 ? 'catching up' : 'lacks what no neighbour gives'
  const state = peers.length === 0 ? 'nobody to compare with' : caughtUp ? 'caught up' : catching
  return `running (process ${shown(pid)}), ${count}, ${state}${peers.length === 0 ? refusalText(refusedBy) : ''}${held}`
}

/** With no link left this is why, and the only word of a revocation that a node gets that was away. */
function refusalText(refusedBy: readonly string[]): string {
  if (refusedBy.length === 0) return ''
  const more = refusedBy.length > NAMES_SHOWN ? ` and ${refusedBy.length - NAMES_SHOWN} more` : ''
  return `; refused by ${refusedBy.slice(0, NAMES_SHOWN).join(', ')}${more}: this node may have been revoked`
}

function notesOf(chain: ChainLine): string[] {
  const { quarantined, contestedFrom, contradicted, pruned } = chain
  return [
    quarantined ? 'QUARANTINED' : '',
    contestedFrom === null ? '' : `contested from ${contestedFrom}, not final`,
    contradicted ? 'two stories as a witness' : '',
    pruned > 0 ? `pruned below ${pruned}` : '',
    endText(chain),
  ].filter((text) => text !== '')
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function endText({ revoked }: MemberLine): string {
  if (revoked === null) return ''
  return revoked.replacedBy === null ? 'revoked' : `replaced by ${revoked.replacedBy}`
}

/** Columns wide enough for what is in them. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
