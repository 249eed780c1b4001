import { resolve } from 'node:path'
import type { Command } from 'commander'
import { equalBytes, hasRoles, ROLE_METER, toHex, WattnessError } from '../../protocol/index.ts'
import { type BackFillCounts, type BackFillRow, backFill, FORMATS, type ReadOptions, type SourceDeps } from '../collect/index.ts'
import { findMember, type LedgerView, streamControl } from '../control/index.ts'
import { addCommand, addDir, type Context, FOUND_WRONG, type SharedOptions } from './context.ts'
import { socketOf, withStore } from './ledger.ts'
import { ProgressBar } from './progress-bar.ts'

interface ImportFlags extends SharedOptions {
  readonly format?: string
  readonly map?: string
  readonly key?: string
  readonly authKey?: string
  readonly keyFile?: string
  readonly member?: string
}

/** What a running node is asked for: it reads the file itself, so paths are absolute. */
export interface ImportOrder extends Omit<ReadOptions, 'signal'> {
  readonly path: string
  readonly member?: string
}

export interface ImportReport extends Omit<BackFillCounts, 'firstMs' | 'lastMs'> {
  readonly first: string | null
  readonly last: string | null
}

/** A fault is told where it was read; of the same kind only so many. */
export type ImportLine = { readonly progress: BackFillCounts } | { readonly fault: string } | { readonly report: ImportReport }

/** Of each kind; the rest is in the counts. */
const FAULTS_TOLD = 5

export function registerImport(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'import <file>',
      "take the readings of a meter file into this node's spool; what was taken before is left out",
      'wattness import nem12:year.csv#6407000000 --dir meter-01',
    ),
  )
    .option('--format <name>', `${FORMATS.map(({ name }) => name).join(', ')}; recognised by the first bytes unless given`)
    .option('--map <file>', 'column mapping of a CSV file')
    .option('--member <who>', 'refuse unless the directory holds the key of this member: a label, key or index')
    .option('--key <hex>', 'key of an encrypted meter; --key-file keeps it out of the list of processes')
    .option('--auth-key <hex>', 'authentication key, where the meter has one')
    .option('--key-file <path>', 'file with the key, and the authentication key on a second line; readable by its owner alone')
    .action((file: string, flags: ImportFlags) => importFile(context, file, flags))
}

async function importFile(context: Context, file: string, flags: ImportFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const { io } = context
  const order = orderOf(file, flags)
  const bar = new ProgressBar(io, flags.json !== true)
  const follow = (lines: AsyncIterable<ImportLine>): Promise<ImportReport> => followed(context, bar, lines)
  let report: ImportReport
  try {
    const lines = await streamControl<ImportLine>(socketOf(dir), '/import', order)
    const stopped = (): Promise<ImportReport> =>
      withStore(dir, (view) => {
        const deps = { ...io.platform, standardInput: () => io.stdin as AsyncIterable<Uint8Array> }
        return follow(importLines(view, (rows) => view.store.spool.append(rows), deps, order, io.stopped))
      })
    report = lines === undefined ? await stopped() : await follow(lines)
  } finally {
    await bar.end()
  }
  if (report.refused > 0) context.status = FOUND_WRONG
  await context.print(flags, report, formatReport(report))
}

function orderOf(file: string, { format, map, key, authKey, keyFile, member }: ImportFlags): ImportOrder {
  return {
    path: absolute(file),
    ...(format === undefined ? {} : { format }),
    ...(map === undefined ? {} : { map: resolve(map) }),
    ...(key === undefined ? {} : { key }),
    ...(authKey === undefined ? {} : { authKey }),
    ...(keyFile === undefined ? {} : { keyFile: resolve(keyFile) }),
    ...(member === undefined ? {} : { member }),
  }
}

/** A path, or a source with a path in it. */
function absolute(file: string): string {
  const kind = FORMATS.find(({ name }) => file.startsWith(`${name}:`))?.name
  if (kind === undefined) return file === '-' ? file : resolve(file)
  const target = file.slice(kind.length + 1)
  return target.startsWith('-') || /^[a-z]+:\/\//.test(target) ? file : `${kind}:${resolve(target)}`
}

async function followed(context: Context, bar: ProgressBar, lines: AsyncIterable<ImportLine>): Promise<ImportReport> {
  for await (const line of lines) {
    context.io.stopped.throwIfAborted()
    if ('report' in line) return line.report
    if ('fault' in line) await context.note(line.fault)
    else bar.show(0, 0, `${line.progress.taken} taken, ${line.progress.known} known, ${line.progress.refused} refused`)
  }
  throw new WattnessError('CONTROL_FAILED', 'the running node ended its answer without a result')
}

const ORDER_FIELDS = ['path', 'format', 'map', 'key', 'authKey', 'keyFile', 'member'] as const

/** The running node's side of the socket. Throws QUERY_INVALID. */
export function importOrdered(
  node: Parameters<typeof importLines>[0] & { take: Parameters<typeof importLines>[1] },
  platform: SourceDeps,
  body: Readonly<Record<string, unknown>>,
): AsyncIterable<ImportLine> {
  const wrong = ORDER_FIELDS.find((name) => typeof (body[name] ?? '') !== 'string')
  const { path } = body
  if (wrong !== undefined || typeof path !== 'string' || path === '') {
    throw new WattnessError('QUERY_INVALID', `${wrong ?? 'path'}: expected text`, { name: wrong ?? 'path' })
  }
  if (path === '-' || /^[a-z-]+:-/.test(path)) {
    throw new WattnessError('QUERY_INVALID', 'a running node cannot read the standard input of a command: give a file', {
      name: 'path',
    })
  }
  return importLines(node, (rows) => node.take(rows), platform, body as Readonly<Record<string, string>> & { path: string })
}

/**
 * The import itself, beside a running node or in a stopped one's store. Throws IMPORT_NOT_OWN where the directory's key is not
 * the member's, IMPORT_NO_METER where it is no meter's, and what backFill throws.
 */
export async function* importLines(
  view: Pick<LedgerView, 'key' | 'membership' | 'heldMembership'>,
  take: (rows: readonly BackFillRow[]) => Promise<{ readonly taken: number; readonly duplicates: number }>,
  deps: SourceDeps,
  { path, member, ...options }: ImportOrder,
  signal?: AbortSignal,
): AsyncGenerator<ImportLine> {
  assertOwn(view, member)
  const told = new Map<string, number>()
  const faults: string[] = []
  const init = {
    path,
    options: { ...options, ...(signal === undefined ? {} : { signal }) },
    deps,
    take,
    onFault: ({ code, message }: { readonly code: string; readonly message: string }) => {
      const count = (told.get(code) ?? 0) + 1
      told.set(code, count)
      if (count <= FAULTS_TOLD) faults.push(`${code}: ${message}`)
    },
  }
  let last: BackFillCounts | undefined
  for await (const progress of backFill(init)) {
    for (const fault of faults.splice(0)) yield { fault }
    yield { progress }
    last = progress
  }
  if (last !== undefined) yield { report: reportOf(last) }
}

/** A reading is vouched for by the key that seals it: no other member's may be written here. */
function assertOwn({ key, membership, heldMembership }: Parameters<typeof importLines>[0], who: string | undefined): void {
  const { members } = heldMembership ?? membership
  // A node that was never in touch knows no members but those of genesis: its own key it knows.
  const isKey = who !== undefined && /^[0-9a-f]{6,}$/i.test(who) && toHex(key).startsWith(who.toLowerCase())
  if (who !== undefined && !isKey) {
    const wanted = findMember(heldMembership ?? membership, who)
    if (!equalBytes(wanted.key, key)) {
      const message = `the directory holds another key than member ${who}'s: import into that member's own directory`
      throw new WattnessError('IMPORT_NOT_OWN', message, { member: who })
    }
  }
  const own = members.find((member) => equalBytes(member.key, key))
  if (own !== undefined && !hasRoles(own.roles, ROLE_METER)) {
    throw new WattnessError('IMPORT_NO_METER', 'this member is no meter: its readings would never be sealed', {
      roles: own.roles,
    })
  }
}

function reportOf({ firstMs, lastMs, ...counts }: BackFillCounts): ImportReport {
  const text = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
  return { ...counts, first: text(firstMs), last: text(lastMs) }
}

function formatReport({ taken, known, refused, refusedByCode, first, last }: ImportReport): string {
  const codes = Object.entries(refusedByCode).map(([code, count]) => `${code} ${count}`)
  const range = first === null || last === null ? '' : `, from ${first} to ${last}`
  const why = codes.length === 0 ? '' : ` (${codes.join(', ')})`
  return `${taken} taken, ${known} known, ${refused} refused${why}${range}`
}
