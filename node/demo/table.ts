import { formatQuorum } from '../control/index.ts'
import type { NodeRow, Picture, RowState } from './picture.ts'

/** The live table as lines of text, for a screen of a given size. */

export interface TableInit {
  readonly picture: Picture
  /** Names by process: above MAX_NODE_ROWS nodes a process is one line. */
  readonly hosts: readonly (readonly string[])[]
  readonly clock: ClockLine
  readonly columns: number
  /** Lines that may be used. */
  readonly lines: number
  readonly paint: Paint
}

export type Phase = 'starting' | 'connecting' | 'running' | 'draining' | 'stopping' | 'agreed' | 'not agreed'

/** What the last line says beside the picture. */
export interface ClockLine {
  readonly phase: Phase
  /** Since all were connected; undefined before. */
  readonly elapsedMs: number | undefined
  /** Undefined: until Ctrl-C. */
  readonly forMs: number | undefined
  readonly blocksPerSecond: number
  /** From sealed to final, the middle one of all; null before the first. */
  readonly finalLagMs: number | null
  /** Where the observer's page is. */
  readonly page?: string | undefined
}

export type Colour = 'green' | 'yellow' | 'red' | 'bold' | 'dim'
export type Paint = (text: string, colour: Colour) => string

export const plain: Paint = (text) => text

const CODES: Readonly<Record<Colour, readonly [number, number]>> = {
  green: [32, 39],
  yellow: [33, 39],
  red: [31, 39],
  bold: [1, 22],
  dim: [2, 22],
}

export const inColour: Paint = (text, colour) => {
  const [on, off] = CODES[colour]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

/** More nodes than this are shown by process. */
export const MAX_NODE_ROWS = 20

/** From here on there is room for what is held, what waits, and what the newest reading is dated. */
const WIDE_COLUMNS = 118

const SHORT_HASH = 8
const NOTHING = '–'

interface Cell {
  readonly text: string
  readonly colour?: Colour
}

interface Column {
  readonly title: string
  readonly width: number
  readonly isRight: boolean
  readonly isWide?: true
  readonly of: (rows: readonly NodeRow[]) => Cell
}

const NAME_WIDTH = 14

const COLUMNS: readonly Column[] = [
  { title: 'node', width: NAME_WIDTH, isRight: false, of: (rows) => ({ text: nameOf(rows.map(({ name }) => name)) }) },
  { title: 'peers', width: 6, isRight: true, of: (rows) => spread(rows, ({ report }) => report?.peers.length) },
  { title: 'height', width: 8, isRight: true, of: (rows) => spread(rows, ({ report }) => report?.height) },
  { title: 'head', width: SHORT_HASH, isRight: false, of: headCell },
  { title: 'final', width: 11, isRight: true, of: finalCell },
  { title: 'behind', width: 7, isRight: true, of: behindCell },
  { title: 'heads root', width: 12, isRight: false, of: rootCell },
  {
    title: 'held',
    width: 11,
    isRight: true,
    isWide: true,
    of: (rows) => spread(rows, ({ report, held }) => (report === undefined ? undefined : held)),
  },
  {
    title: 'waiting',
    width: 7,
    isRight: true,
    isWide: true,
    of: (rows) => spread(rows, ({ report }) => (report?.height === undefined ? undefined : report.waiting)),
  },
  { title: 'newest reading', width: 16, isRight: false, isWide: true, of: newestCell },
]

export function formatTable(init: TableInit): string[] {
  const { picture, columns, paint } = init
  const shown = COLUMNS.filter(({ isWide }) => isWide !== true || columns >= WIDE_COLUMNS)
  const groups = groupsOf(init)
  const body = groups.map((rows) =>
    formatRow(
      shown.map((column) => column.of(rows)),
      shown,
      paint,
    ),
  )
  const header = formatRow(
    shown.map(({ title }) => ({ text: title, colour: 'dim' })),
    shown,
    paint,
  )
  const footer = formatFooter(picture, init.clock, columns, paint)
  // The header, a blank line and the footer are always there.
  const room = Math.max(1, init.lines - 2 - footer.length)
  const left = body.length - room
  const visible = left <= 0 ? body : [...body.slice(0, room - 1), paint(`  … and ${left + 1} more lines`, 'dim')]
  return [header, ...visible, '', ...footer]
}

/** A line of its own for each node, or, for many, for each process. */
function groupsOf({ picture, hosts, lines }: TableInit): NodeRow[][] {
  const { rows } = picture
  const byName = new Map(rows.map((row) => [row.name, row]))
  if (rows.length <= MAX_NODE_ROWS && rows.length <= lines - 4) return rows.map((row) => [row])
  return hosts.map((names) => names.flatMap((name) => byName.get(name) ?? []))
}

function formatRow(cells: readonly Cell[], columns: readonly Column[], paint: Paint): string {
  const texts = cells.map(({ text, colour }, at) => {
    const { width, isRight } = columns[at] as Column
    const fitted = text.length > width ? `${text.slice(0, width - 1)}…` : text
    const padding = ' '.repeat(width - fitted.length)
    const painted = colour === undefined ? fitted : paint(fitted, colour)
    return isRight ? padding + painted : painted + padding
  })
  return texts.join('  ').trimEnd()
}

/** `meter-01…08` for several. */
function nameOf(names: readonly string[]): string {
  const [first, last] = [names[0] ?? '', names.at(-1) ?? '']
  return names.length === 1 ? first : `${first}…${last.slice(last.lastIndexOf('-') + 1)}`
}

/** One number, or from the smallest to the largest. */
function spread(rows: readonly NodeRow[], of: (row: NodeRow) => number | undefined): Cell {
  const numbers = rows.flatMap((row) => of(row) ?? [])
  if (numbers.length === 0) return { text: NOTHING, colour: 'dim' }
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)]
  return { text: least === most ? formatCount(least) : `${formatCount(least)}–${formatCount(most)}` }
}

function headCell(rows: readonly NodeRow[]): Cell {
  const [row] = rows
  if (rows.length !== 1 || row?.report?.head === undefined) return { text: NOTHING, colour: 'dim' }
  return { text: shortHash(row.report.head) }
}

function behindCell(rows: readonly NodeRow[]): Cell {
  const reported = rows.filter(({ report }) => report !== undefined)
  const cell = spread(reported, ({ behind }) => behind)
  return reported.some(({ behind }) => behind > 0) ? { ...cell, colour: 'yellow' } : cell
}

/** Blocks of all chains that are final there. */
function finalCell(rows: readonly NodeRow[]): Cell {
  const reported = rows.filter(({ report }) => report !== undefined)
  const cell = spread(reported, ({ final }) => final)
  return reported.some(({ finalBehind }) => finalBehind > 0) ? { ...cell, colour: 'yellow' } : cell
}

const STATE_MARKS: Readonly<Record<RowState, readonly [mark: string, colour: Colour]>> = {
  ended: ['✗', 'red'],
  silent: ['?', 'red'],
  different: ['≠', 'red'],
  behind: ['✓', 'yellow'],
  starting: ['·', 'dim'],
  equal: ['✓', 'green'],
}

/** The worst of several decides. */
const WORST_FIRST: readonly RowState[] = ['ended', 'different', 'silent', 'behind', 'starting', 'equal']

function rootCell(rows: readonly NodeRow[]): Cell {
  const state = WORST_FIRST.find((each) => rows.some((row) => row.state === each)) ?? 'starting'
  const [mark, colour] = STATE_MARKS[state]
  const row = rows.find((each) => each.state === state)
  if (state === 'starting' || state === 'silent' || state === 'ended') return { text: `${mark} ${state}`, colour }
  // Its root is over fewer blocks than the others': shown beside theirs it would look like a difference.
  if (state === 'behind') return { text: `${mark} so far`, colour }
  const count = rows.filter((each) => each.state === state).length
  if (state === 'different' && rows.length > 1) return { text: `${mark} ${count} of ${rows.length}`, colour }
  return { text: `${mark} ${shortHash(row?.report?.headsRoot ?? '')}`, colour }
}

function newestCell(rows: readonly NodeRow[]): Cell {
  const times = rows.flatMap(({ report }) => report?.lastReadingMs ?? [])
  if (times.length === 0) return { text: NOTHING, colour: 'dim' }
  return { text: new Date(Math.max(...times)).toISOString().slice(0, 16).replace('T', ' ') }
}

const HINTS: Readonly<Partial<Record<Phase, string>>> = {
  starting: 'Ctrl-C stops',
  connecting: 'Ctrl-C stops',
  running: 'Ctrl-C stops',
  draining: 'Ctrl-C stops',
  stopping: 'Ctrl-C again ends at once',
}
const PHASE_COLOURS: Readonly<Partial<Record<Phase, Colour>>> = { agreed: 'green', 'not agreed': 'red' }

function formatFooter(picture: Picture, clock: ClockLine, columns: number, paint: Paint): string[] {
  const { phase, elapsedMs, forMs, blocksPerSecond } = clock
  const counts = [
    `${formatCount(picture.blocks)} blocks`,
    `${formatCount(picture.finalBlocks)} final`,
    `${formatCount(picture.readings)} readings`,
    `${blocksPerSecond.toFixed(1)} blocks/s`,
    ...(picture.gossipsBlocks === undefined ? [] : [`gossip ${picture.gossipsBlocks ? 'on' : 'off'}`]),
  ]
  const time = elapsedMs === undefined ? '' : `${formatTime(elapsedMs)}${forMs === undefined ? '' : ` of ${formatTime(forMs)}`}`
  const first = counts.join(' · ')
  const finality = formatFinality(picture, clock)
  const second = [phase, time, HINTS[phase] ?? ''].filter((text) => text !== '').join(' · ')
  const fit = (text: string): string => (text.length > columns ? `${text.slice(0, columns - 1)}…` : text)
  return [
    paint(fit(first), 'bold'),
    ...finality.map((text) => paint(fit(text), 'dim')),
    ...(clock.page === undefined ? [] : [paint(fit(`page: ${clock.page}`), 'bold')]),
    paint(fit(second), PHASE_COLOURS[phase] ?? 'dim'),
  ]
}

/** Who makes blocks final, and how soon; nothing before a node has said. */
function formatFinality({ witnesses, gossipsBlocks }: Picture, { finalLagMs }: ClockLine): string[] {
  if (gossipsBlocks === undefined) return []
  return [`${formatQuorum(witnesses)}${finalLagMs === null ? '' : ` · final in ${finalLagMs} ms`}`]
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `00:27`, `1:00:05`. */
export function formatTime(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  const [hours, minutes, rest] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  const two = (number: number): string => String(number).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${two(minutes)}:${two(rest)}`
}

export function shortHash(hex: string): string {
  return hex.slice(0, SHORT_HASH)
}
