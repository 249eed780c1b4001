import { programVersion } from '../version.ts'
import {
  flag,
  flagUsuallyTrue,
  list,
  nullable,
  number,
  type ReadAnswer,
  readAnswer,
  record,
  type Shape,
  text,
  word,
} from './answer-shape.ts'
import { askControl } from './client.ts'
import type { FinalityStatus, WitnessLine } from './finality-status.ts'
import type { ChainLine, LackLine, ListedMember, MemberLine, PeerLine, RunningNode, Status } from './status.ts'

/** A running node's state, as a command of another version than the node's can read it. */
export interface StatusAnswer extends ReadAnswer<Status> {
  /** As it came. */
  readonly answer: object
}

const MEMBER = {
  index: number,
  key: text,
  label: nullable(text),
  roles: text,
  admittedAt: number,
  replaces: nullable(number),
  revoked: nullable(
    record<NonNullable<MemberLine['revoked']>>({ atSize: number, endSize: number, replacedBy: nullable(number) }),
  ),
}

const RUNNING: Shape<RunningNode> = record<RunningNode>({
  version: text,
  pid: number,
  addresses: list(text),
  peers: list(record<PeerLine>({ key: text, name: text, address: text, direction: text, agreement: word() })),
  caughtUp: flag,
  lacks: list(record<LackLine>({ member: text, from: number, size: number })),
  refusedBy: list(text),
  gossip: flag,
  heldBack: nullable(text),
  sources: list(record<RunningNode['sources'][number]>({ source: text, state: text })),
})

const CHAIN: Shape<ChainLine> = record<ChainLine>({
  ...MEMBER,
  size: number,
  head: nullable(text),
  sealedAt: nullable(text),
  quarantined: flag,
  final: number,
  contestedFrom: nullable(number),
  contradicted: flag,
  pruned: number,
  valuesPruned: number,
})

const FINALITY: Shape<FinalityStatus> = record<FinalityStatus>({
  epoch: number,
  fromSize: number,
  witnesses: number,
  quorum: nullable(number),
  tolerated: number,
  attestations: list(
    record<WitnessLine>({
      index: number,
      key: text,
      label: nullable(text),
      sequence: nullable(number),
      attestedAt: nullable(text),
      isCurrent: flag,
    }),
  ),
  isWitness: flag,
  sequence: nullable(number),
  halted: nullable(text),
  waiting: nullable(text),
})

const STATUS: Shape<Status> = record<Status>({
  network: record<Status['network']>({ name: text, id: text }),
  self: record<Status['self']>({ key: text, index: nullable(number), label: nullable(text), roles: text }),
  running: nullable(RUNNING),
  chains: list(CHAIN),
  frontier: list(number),
  headsRoot: text,
  finality: FINALITY,
  waiting: number,
  setAside: number,
  damage: list(text),
})

const MEMBERS: Shape<ListedMember[]> = list(record<ListedMember>({ ...MEMBER, counts: flagUsuallyTrue }))

export function readStatus(answer: object): StatusAnswer {
  return { answer, ...readAnswer(STATUS, answer) }
}

/** Undefined where no node runs. */
export async function askStatus(socket: string): Promise<StatusAnswer | undefined> {
  const answer = await askControl<object>(socket, 'GET', '/status')
  return answer === undefined ? undefined : readStatus(answer)
}

export async function askMembers(socket: string): Promise<ReadAnswer<ListedMember[]> | undefined> {
  const answer = await askControl<unknown>(socket, 'GET', '/members')
  return answer === undefined ? undefined : readAnswer(MEMBERS, answer)
}

/** For people: what the running node does not say. `version`: the node's own word, where it gives one. */
export function unknownText(unknown: readonly string[], version = '?'): string {
  const node = version === '?' ? 'of another version' : `of version ${version}`
  return `${unknown.join(', ')}: the running node is ${node} and does not say; this command is of version ${programVersion()}`
}
