import { type Membership, toHex } from '../../protocol/index.ts'
import type { CheckedFiles, DamageKind } from '../store/index.ts'
import type { LedgerAudit } from './ledger-audit.ts'

export interface FileLine {
  readonly file: string
  /** The byte where it shows. */
  readonly offset: number
  readonly what: string
}

/** Whose: index and label where membership tells them. */
export interface MemberRef {
  readonly index: number | null
  readonly key: string
  readonly label: string | null
}

export interface AuditedChain extends MemberRef {
  /** Blocks that the head names; null where it cannot be read. */
  readonly size: number | null
  /** Blocks found whole, from height 0. */
  readonly blocks: number
  /** Those of them whose bodies were dropped: they were checked but for that. */
  readonly pruned: number
  readonly signatures: number
  /** The first; what lies above it was not looked at. `rule`: its number in the specification, where there is one. */
  readonly fault: { readonly height: number; readonly rule: string | null; readonly what: string } | null
}

export interface DamageLine {
  readonly what: string
  readonly kind: DamageKind | null
  /** Of the member's chain: where it goes on no more, and how many blocks are known to have stood there. */
  readonly height: number | null
  readonly lost: number | null
  readonly member: MemberRef | null
}

/** What `verify` found, for programs; `formatReport` tells people. */
export interface VerifyReport {
  readonly ok: boolean
  /** Null for a running node, whose files change while they are read. */
  readonly files: { readonly checked: number; readonly bytes: number; readonly faults: readonly FileLine[] } | null
  /** False where the store could not be opened even in part: then only the files were checked. */
  readonly opened: boolean
  readonly chains: readonly AuditedChain[]
  readonly damage: readonly DamageLine[]
  readonly blocks: number
  /** Blocks whose bodies were dropped by `wattness prune`. */
  readonly pruned: number
  readonly signatures: number
  readonly records: number
  readonly seconds: number
  readonly blocksPerSecond: number
}

export function reportOf(files: CheckedFiles | undefined, audit: LedgerAudit | undefined, elapsedMs: number): VerifyReport {
  // The end that a crash leaves was never acknowledged: LevelDB leaves it out, and nothing is lost by it.
  const faults = (files?.faults ?? []).filter((fault) => fault.torn !== true)
  const chains = (audit?.chains ?? []).map((chain): AuditedChain => {
    const { height, what, rule } = chain.fault ?? {}
    return {
      ...refOf(audit?.membership, chain.member),
      size: chain.size ?? null,
      blocks: chain.blocks,
      pruned: chain.pruned,
      signatures: chain.signatures,
      fault: height === undefined || what === undefined ? null : { height, rule: rule ?? null, what },
    }
  })
  const damage = (audit?.damage ?? []).map(({ what, kind, member, height, lost }) => ({
    what,
    kind: kind ?? null,
    height: height ?? null,
    lost: lost ?? null,
    member: member === undefined ? null : refOf(audit?.membership, member),
  }))
  const blocks = audit?.blocks ?? 0
  const isStore = files === undefined || files.files > 0
  return {
    ok: faults.length === 0 && damage.length === 0 && chains.every(({ fault }) => fault === null),
    files:
      files === undefined
        ? null
        : { checked: files.files, bytes: files.bytes, faults: faults.map(({ file, offset, what }) => ({ file, offset, what })) },
    opened: audit !== undefined || !isStore,
    chains: chains.toSorted((a, b) => (a.index ?? Number.MAX_SAFE_INTEGER) - (b.index ?? Number.MAX_SAFE_INTEGER)),
    damage,
    blocks,
    pruned: chains.reduce((sum, { pruned }) => sum + pruned, 0),
    signatures: audit?.signatures ?? 0,
    records: audit?.records ?? 0,
    seconds: Math.round(elapsedMs) / 1_000,
    blocksPerSecond: elapsedMs > 0 ? Math.round((blocks / elapsedMs) * 1_000) : 0,
  }
}

function refOf(membership: Membership | undefined, key: Uint8Array): MemberRef {
  const member = membership?.member(key)
  return { index: member?.index ?? null, key: toHex(key), label: member?.label ?? null }
}

/** A line for each fault, then the counts. */
export function formatReport(report: VerifyReport): string {
  const { files, chains, damage, blocks, pruned, signatures, records, seconds, blocksPerSecond, opened } = report
  const lines: string[] = []
  for (const { file, offset, what } of files?.faults ?? []) lines.push(`damaged: ${file}, byte ${offset}: ${what}`)
  if (!opened) lines.push('damaged: the store cannot be opened, not even a copy of it in part')
  for (const chain of chains) {
    if (chain.fault === null) continue
    const { height, rule, what } = chain.fault
    lines.push(`damaged: ${memberText(chain)}, height ${height}: ${what}${rule === null ? '' : ` (rule ${rule})`}`)
  }
  for (const { what, member } of damage) lines.push(`damaged: ${member === null ? '' : `${memberText(member)}: `}${what}`)
  const held = `${count(blocks, 'block')} in ${count(chains.length, 'chain')}`
  const counted = `${held}, ${count(signatures, 'signature')} and ${count(records, 'other record')}`
  lines.push(`${counted} checked in ${seconds} s: ${blocksPerSecond} blocks/s`)
  if (pruned > 0) {
    const where = count(chains.filter((chain) => chain.pruned > 0).length, 'chain')
    lines.push(
      `of these ${count(pruned, 'block')} in ${where} pruned: without their bodies, which were checked before they were dropped`,
    )
  }
  if (files !== null) lines.push(`${count(files.checked, 'file')} of ${(files.bytes / 1_000_000).toFixed(1)} MB checked`)
  const faults = lines.filter((line) => line.startsWith('damaged: ')).length
  lines.push(
    report.ok ? 'everything is whole' : `${count(faults, 'fault')} found: \`wattness repair\` mends what peers still hold`,
  )
  return lines.join('\n')
}

function memberText({ index, key, label }: MemberRef): string {
  return index === null ? `key ${key.slice(0, 16)}` : `member ${index} "${label ?? '?'}" (${key.slice(0, 12)})`
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
