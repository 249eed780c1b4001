import { resolve } from 'node:path'
import type { Command } from 'commander'
import { formatEvidenceFile, fromBase64, toUtf8, WattnessError } from '../../protocol/index.ts'
import { type EvidenceLine, formatEvidenceLine, readEvidenceLines, streamControl } from '../control/index.ts'
import { filesOf, readGenesisFile, writeNewFile } from '../directory/index.ts'
import { verifySignature } from '../index.ts'
import { addCommand, addDir, type Context, type SharedOptions, usage } from './context.ts'
import { socketOf, withStore } from './ledger.ts'

interface EvidenceFlags extends SharedOptions {
  readonly member?: string
  readonly kind?: string
  readonly out?: string
}

const KINDS = ['author', 'witness']

export function registerEvidence(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'evidence',
      'what is proven against members: two histories signed by one key; one of them as a file that anyone can check',
      'wattness evidence --dir meter-01 --member "Elm Street 12" --out evidence.json',
    ),
  )
    .option('--member <member>', 'against one member: label, first digits of its key, or index')
    .option('--kind <kind>', 'author (of its own chain) or witness (of the chains of others)')
    .option('--out <file>', 'write the one that is left to a file, which `wattness check` checks without any node')
    .action((flags: EvidenceFlags) => evidence(context, flags))
}

async function evidence(context: Context, flags: EvidenceFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const { member, kind, out } = flags
  if (kind !== undefined && !KINDS.includes(kind)) {
    throw usage(`--kind: found ${JSON.stringify(kind)}, expected author or witness`)
  }
  const lines = (await linesOf(dir, member)).filter((line) => kind === undefined || line.kind === kind)
  if (out === undefined) {
    await context.print(flags, lines, lines.length === 0 ? noneText(flags) : lines.map(formatEvidenceLine).join('\n\n'))
    return
  }
  const line = theOneOf(lines, flags)
  const genesis = await readGenesisFile(filesOf(dir))
  const file = resolve(out)
  const text = formatEvidenceFile({ genesis: genesis.bytes, evidence: fromBase64(line.evidence) })
  if (!(await writeNewFile(file, toUtf8(text), 0o644))) {
    throw new WattnessError('FILE_EXISTS', `${file} is there already: it is not overwritten`, { path: file })
  }
  const { index, label, key } = line
  await context.print(
    flags,
    { file, kind: line.kind, index, label, key },
    `${file}: evidence against member ${index} ${key}; anyone can check it`,
  )
}

async function linesOf(dir: string, member: string | undefined): Promise<EvidenceLine[]> {
  const query = member === undefined ? '' : `?${new URLSearchParams({ member })}`
  const running = await streamControl<EvidenceLine>(socketOf(dir), `/evidence${query}`)
  if (running !== undefined) return allOf(running)
  return withStore(dir, (view) => allOf(readEvidenceLines(view, verifySignature, member)))
}

/** Two for each member at most. */
async function allOf(lines: AsyncIterable<EvidenceLine>): Promise<EvidenceLine[]> {
  const all: EvidenceLine[] = []
  for await (const line of lines) all.push(line)
  return all
}

function noneText({ member, kind }: EvidenceFlags): string {
  const what = kind === undefined ? 'no evidence' : `no evidence of kind ${kind}`
  return member === undefined ? `${what} is held` : `${what} is held against ${member}`
}

function theOneOf(lines: readonly EvidenceLine[], flags: EvidenceFlags): EvidenceLine & { readonly evidence: string } {
  const [line, ...more] = lines
  if (line === undefined) throw new WattnessError('EVIDENCE_UNKNOWN', noneText(flags))
  if (more.length > 0) {
    const found = lines.map((each) => `${each.kind} ${each.index}`).join(', ')
    throw usage(`--out takes one evidence, and ${lines.length} are held (${found}): say which by --member and --kind`)
  }
  const { evidence, words } = line
  if (evidence === null) throw new WattnessError('STORE_DAMAGED', `evidence against member ${line.index}: ${words}`)
  return { ...line, evidence }
}
