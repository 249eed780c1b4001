import type { Command } from 'commander'
import { toHex } from '../../protocol/index.ts'
import { type AuditedChain, type DamageLine, type FileLine, type Mended, mendDirectory } from '../audit/index.ts'
import { nodeOptionsOf, parseDuration } from '../config/index.ts'
import { explainFullDisk, filesOf } from '../directory/index.ts'
import { useNativeHash, verifySignature } from '../index.ts'
import { configOf } from './config.ts'
import { addCommand, addDir, type Context, collect, FOUND_WRONG, type SharedOptions, usage } from './context.ts'
import { ProgressBar } from './progress-bar.ts'
import { type Refetched, refetch } from './refetch.ts'
import { genesisOf, ownKeyOf } from './verify.ts'

interface RepairFlags extends SharedOptions {
  readonly offline?: boolean
  readonly timeout?: string
  readonly bootstrap?: readonly string[]
}

/** One chain before and after. */
export interface RepairedLine {
  readonly index: number | null
  readonly key: string
  readonly label: string | null
  /** Blocks that were still whole. */
  readonly kept: number
  /** Blocks that came from peers. */
  readonly fetched: number
  /** Blocks that were there before, or that a neighbour holds, and that are not here. */
  readonly missing: number
}

export interface RepairResult {
  readonly ok: boolean
  /** What was found: `wattness verify` says the same. */
  readonly damaged: {
    readonly files: readonly FileLine[]
    readonly chains: readonly AuditedChain[]
    readonly records: readonly DamageLine[]
  }
  readonly chains: readonly RepairedLine[]
  /** Readings that wait for their block; what a fetched block of this node's own holds waits no more. */
  readonly spool: { readonly kept: number; readonly setAside: number } | null
  readonly movedTo: string | null
  /** Neighbours that answered; null where none was asked. */
  readonly neighbours: number | null
  /** What could not be had, in words. */
  readonly lost: readonly string[]
}

const DEFAULT_TIMEOUT = '60s'

export function registerRepair(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'repair',
      "move what is damaged of a stopped node's store aside and fetch it from its peers again",
      'wattness repair --dir meter-01',
    ),
  )
    .option('--offline', 'do not ask peers: the node fetches what is missing when it runs')
    .option('--timeout <duration>', `give up after this long without anything new (default: ${DEFAULT_TIMEOUT})`)
    .option('--bootstrap <address>', 'a peer to ask, beside those of the ticket, config.json and earlier runs', collect)
    .action((flags: RepairFlags) => repair(context, flags))
}

async function repair(context: Context, flags: RepairFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const { io } = context
  const timeoutMs = parseDuration(flags.timeout ?? DEFAULT_TIMEOUT)
  if (timeoutMs === undefined) throw usage(`--timeout: found ${JSON.stringify(flags.timeout)}, expected a duration such as 60s`)
  useNativeHash()
  const files = filesOf(dir)
  const genesis = await genesisOf(files)
  const config = configOf(io, dir, flags.bootstrap === undefined ? {} : { bootstrap: flags.bootstrap })
  const options = nodeOptionsOf(config.config, toHex(genesis.networkId))
  const bar = new ProgressBar(io, flags.json !== true)
  let mended: Mended
  let refetched: Refetched | undefined
  try {
    mended = await mendDirectory({
      directory: dir,
      genesis,
      verify: verifySignature,
      ownKey: await ownKeyOf(files),
      clock: io.platform.clock,
      onStep: (what) => bar.show(0, 0, what),
      turn: async () => io.stopped.throwIfAborted(),
    }).catch((error: unknown) => explainFullDisk(dir, error))
    const isNeeded = !mended.before.ok && flags.offline !== true
    const expected = expectedOf(mended)
    const onProgress = ({ neighbours, held, wanted }: { neighbours: number; held: number; wanted: number }): void =>
      bar.show(held, wanted, `${held} of ${wanted} blocks, ${neighbours} peer${neighbours === 1 ? '' : 's'}`)
    if (isNeeded) refetched = await refetch({ io, dir, options, expected, timeoutMs, onProgress })
  } finally {
    await bar.end()
  }
  const result = resultOf(mended, refetched)
  if (!result.ok) context.status = FOUND_WRONG
  await context.print(flags, result, formatResult(result))
  const warning = droppedText(dir, result)
  if (warning !== undefined) await context.note(warning)
}

/** Blocks above a damaged one are whole and useless without it: whoever asks no peer must know what that costs. */
function droppedText(dir: string, { chains, neighbours, movedTo }: RepairResult): string | undefined {
  const dropped = chains.reduce((sum, { missing }) => sum + missing, 0)
  if (dropped === 0 || (neighbours !== null && neighbours > 0)) return undefined
  const blocks = dropped === 1 ? '1 block is' : `${dropped} blocks are`
  const why = neighbours === null ? 'no peer was asked' : 'no peer answered'
  return [
    `WARNING: ${why}, and ${blocks} NO LONGER IN THIS STORE: of each chain all from its first damaged block on.`,
    `They are kept in ${movedTo ?? `${dir}/ledger.damaged-…`}: do not delete it before peers have`,
    'given them back, by a run of the node or another `wattness repair` that reaches a peer.',
  ].join('\n')
}

/** What each chain had: its head said so, before or after the damage was moved aside. */
function expectedOf({ before, rebuilt, after }: Mended): Map<string, number> {
  const expected = new Map<string, number>()
  const raise = (key: string, size: number): void => void expected.set(key, Math.max(expected.get(key) ?? 0, size))
  for (const { key, size, blocks } of [...before.chains, ...after.chains]) raise(key, size ?? blocks)
  for (const { member, kept, missing = 0 } of rebuilt?.chains ?? []) raise(member, kept + missing)
  for (const { member, height, lost } of before.damage) {
    if (member !== null && height !== null && lost !== null) raise(member.key, height + lost)
  }
  return expected
}

function resultOf(mended: Mended, refetched: Refetched | undefined): RepairResult {
  const { before, rebuilt, after, movedTo } = mended
  const wanted = refetched?.wanted ?? expectedOf(mended)
  const last = refetched?.report ?? after
  const kept = new Map(after.chains.map(({ key, blocks }) => [key, blocks]))
  const chains = [...new Set([...wanted.keys(), ...kept.keys(), ...last.chains.map(({ key }) => key)])].map(
    (key): RepairedLine => {
      const held = last.chains.find((chain) => chain.key === key)
      const named = held ?? before.chains.find((chain) => chain.key === key)
      const now = held?.blocks ?? 0
      const whole = Math.min(kept.get(key) ?? 0, now)
      const missing = Math.max(0, (wanted.get(key) ?? 0) - now)
      return { index: named?.index ?? null, key, label: named?.label ?? null, kept: whole, fetched: now - whole, missing }
    },
  )
  const lost = lostOf(mended, refetched, chains)
  return {
    ok: lost.length === 0,
    damaged: {
      files: before.files?.faults ?? [],
      chains: before.chains.filter(({ fault }) => fault !== null),
      records: before.damage,
    },
    chains: chains
      .filter((line) => line.kept + line.fetched + line.missing > 0)
      .toSorted((a, b) => (a.index ?? Number.MAX_SAFE_INTEGER) - (b.index ?? Number.MAX_SAFE_INTEGER)),
    spool: rebuilt === undefined ? null : { ...rebuilt.spool, kept: refetched?.waiting ?? rebuilt.spool.kept },
    movedTo: movedTo ?? null,
    neighbours: refetched?.neighbours ?? null,
    lost,
  }
}

/** Kinds of records that this node alone has. */
const NOWHERE_ELSE = new Set<DamageLine['kind']>(['spool', 'frame', 'invitation'])

function lostOf({ before, after }: Mended, refetched: Refetched | undefined, chains: readonly RepairedLine[]): string[] {
  if (before.ok) return []
  const lost: string[] = []
  for (const line of chains) {
    if (line.missing > 0) lost.push(`${line.missing} block${line.missing === 1 ? '' : 's'} of ${nameOf(line)}`)
  }
  for (const { kind, what, member } of before.damage) {
    if (NOWHERE_ELSE.has(kind)) lost.push(what)
    if (member === null) continue
    // A label of nobody, and evidence that proves nothing, are no loss.
    const isLabel = kind === 'label' && member.index !== null
    if (isLabel && refetched?.labelled.has(member.key) !== true) lost.push(`the label of ${nameOf(member)}`)
    const isDamaged = kind === 'evidence' && what.includes('checksum')
    if (isDamaged && refetched?.quarantined.has(member.key) !== true) lost.push(`the evidence against ${nameOf(member)}`)
    const isOfWitness = kind === 'witness-evidence' && what.includes('checksum')
    if (isOfWitness && refetched?.contradicted.has(member.key) !== true) {
      lost.push(`the evidence against ${nameOf(member)} as a witness`)
    }
  }
  const last = refetched?.report ?? after
  for (const { fault, ...chain } of last.chains) {
    if (fault !== null) lost.push(`${nameOf(chain)} from height ${fault.height} on: ${fault.what}`)
  }
  for (const { kind, what, member } of last.damage) {
    // Missing blocks of the own chain were counted with the others.
    if (kind !== 'own') lost.push(member === null ? what : `${nameOf(member)}: ${what}`)
  }
  if (refetched === undefined || (refetched.neighbours === 0 && refetched.others > 0)) {
    lost.push('what the damaged files may have held beyond this: no peer was asked that could tell')
  }
  return [...new Set(lost)]
}

function nameOf({ index, key, label }: { index: number | null; key: string; label: string | null }): string {
  return index === null ? `key ${key.slice(0, 16)}` : `member ${index} "${label ?? key.slice(0, 12)}"`
}

function formatResult({ ok, damaged, chains, spool, movedTo, neighbours, lost }: RepairResult): string {
  const lines = damaged.files.map(({ file, offset, what }) => `damaged: ${file}, byte ${offset}: ${what}`)
  for (const chain of damaged.chains) lines.push(`damaged: ${nameOf(chain)}, height ${chain.fault?.height}: ${chain.fault?.what}`)
  for (const { what, member } of damaged.records) lines.push(`damaged: ${member === null ? '' : `${nameOf(member)}: `}${what}`)
  if (lines.length === 0) return 'nothing is damaged'
  for (const line of chains) {
    const gone = line.missing > 0 ? `, ${line.missing} missing` : ''
    lines.push(`${nameOf(line)}: ${line.kept} blocks kept, ${line.fetched} fetched from peers${gone}`)
  }
  if (spool !== null && spool.kept + spool.setAside > 0) {
    lines.push(`waiting readings: ${spool.kept} kept${spool.setAside > 0 ? `, ${spool.setAside} damaged and set aside` : ''}`)
  }
  if (movedTo !== null) lines.push(`what was there is kept in ${movedTo}`)
  if (neighbours !== null) lines.push(`${neighbours} peer${neighbours === 1 ? '' : 's'} answered`)
  for (const what of lost) lines.push(`could not be had: ${what}`)
  lines.push(ok ? 'whole again' : 'not whole: a node that runs goes on fetching what its peers hold')
  return lines.join('\n')
}
