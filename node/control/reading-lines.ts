import { type Member, WattnessError } from '../../protocol/index.ts'
import {
  askReadings,
  type GroupLine,
  nameOfSeries,
  parseInstant,
  type RawLine,
  RESOLUTIONS,
  type Resolution,
  seriesOf,
  timeZone,
} from '../query/index.ts'
import { findMember } from './member-name.ts'
import type { LedgerView } from './status.ts'

/** What is to be written out; every word as it was typed. */
export interface ReadingOrder {
  /** Label, key prefix or index; every member unless given. */
  readonly member?: string
  /** A code; every register unless given. */
  readonly register?: string
  readonly from?: string
  readonly to?: string
  /** 'raw' unless given. */
  readonly resolution?: string
  readonly tz?: string
  readonly follow?: boolean
}

export type ExportedLine = { readonly member: number; readonly register: string; readonly unit: string } & (RawLine | GroupLine)

/** Lines of values, and between them how far it is: `done` of `of` registers, the next of which is being read. */
export type ReadingLineOrProgress =
  | { readonly value: ExportedLine }
  | { readonly progress: { readonly done: number; readonly of: number; readonly text: string } }

/** Readings may be ahead of the clock that sealed them. */
const DAY_MS = 86_400_000

const PARAMETERS: readonly (keyof ReadingOrder)[] = ['member', 'register', 'from', 'to', 'resolution', 'tz']

/** Readings of members' registers, one after another. Throws QUERY_INVALID, MEMBER_UNKNOWN and what askReadings throws. */
export async function* readReadingLines(view: LedgerView, order: ReadingOrder): AsyncGenerator<ReadingLineOrProgress> {
  const { membership, heldMembership = membership, store } = view
  const zone = timeZone(order.tz ?? 'UTC')
  const resolution = resolutionOf(order.resolution ?? 'raw')
  const members = order.member === undefined ? heldMembership.members : [findMember(heldMembership, order.member)]
  const fromMs = order.from === undefined ? 0 : parseInstant('from', order.from, zone)
  const jobs: { readonly member: Member; readonly register: string }[] = []
  for (const member of members) {
    const all = order.register === undefined ? seriesOf(await store.registersOf(member.key)).map(nameOfSeries) : [order.register]
    jobs.push(...all.map((register) => ({ member, register })))
  }
  const endMs = Math.max(fromMs, ...[...store.chains()].map(({ state }) => state.sealedAt + DAY_MS))
  const toMs = order.to === undefined ? endMs : parseInstant('to', order.to, zone)
  if (resolution !== 'raw' && order.from === undefined) {
    throw new WattnessError('QUERY_INVALID', 'from: needed where values are put into intervals', { name: 'from' })
  }
  for (const [done, { member, register }] of jobs.entries()) {
    yield { progress: { done, of: jobs.length, text: `${member.label ?? member.keyHex.slice(0, 12)} ${register}` } }
    const follow = order.follow === true
    const question = { member, register, fromMs, toMs, resolution, zone, follow, isLines: true }
    const answer = await askReadings(store, membership, question)
    const { head } = answer
    for await (const batch of answer.lines()) {
      for (const line of batch) yield { value: { member: member.index, register: head.register, unit: head.unit, ...line } }
    }
  }
}

function resolutionOf(text: string): Resolution {
  const found = RESOLUTIONS.find((each) => each === text)
  if (found !== undefined) return found
  const expected = `expected one of ${RESOLUTIONS.join(', ')}`
  throw new WattnessError('QUERY_INVALID', `resolution: ${expected}, found ${JSON.stringify(text.slice(0, 20))}`, {
    name: 'resolution',
  })
}

/** As `readingParameters` writes it. */
export function readingOrderOf(parameters: URLSearchParams): ReadingOrder {
  const given = PARAMETERS.flatMap((name) => (parameters.has(name) ? [[name, parameters.get(name)]] : []))
  return { ...(Object.fromEntries(given) as ReadingOrder), follow: parameters.get('follow') === 'yes' }
}

export function readingParameters(order: ReadingOrder): URLSearchParams {
  const parameters = new URLSearchParams()
  for (const name of PARAMETERS) if (order[name] !== undefined) parameters.set(name, String(order[name]))
  if (order.follow === true) parameters.set('follow', 'yes')
  return parameters
}
