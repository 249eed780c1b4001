import type { Command } from 'commander'
import {
  askStatus,
  type BlockLine,
  blockQueryOf,
  describeStatus,
  formatBlockLine,
  formatQuorum,
  readBlockLines,
  type Status,
  streamControl,
} from '../control/index.ts'
import { addCommand, addDir, type Context, type SharedOptions } from './context.ts'
import { write } from './io.ts'
import { socketOf, withStore } from './ledger.ts'

interface BlocksFlags extends SharedOptions {
  readonly member?: string
  readonly from?: string
  readonly limit?: string
}

export function registerBlocks(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'blocks',
      'the chains, block by block with their readings, and whether each is final: text, or a line of JSON for each block',
      'wattness blocks --dir meter-01 --member "Elm Street 12" --from 96 --limit 4',
    ),
  )
    .option('--member <member>', "one member's chain: label, first digits of its key, or index")
    .option('--from <height>', 'first height')
    .option('--limit <count>', 'blocks of each chain')
    .action((flags: BlocksFlags) => blocks(context, flags))
}

async function blocks(context: Context, flags: BlocksFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const query = blockQueryOf(flags)
  const parameters = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))
  const lines = await streamControl<BlockLine>(socketOf(dir), `/blocks?${parameters}`)
  if (lines !== undefined) {
    await print(context, flags, lines)
    return noteQuorum(context, flags, (await askStatus(socketOf(dir)))?.value)
  }
  await withStore(dir, async (view) => {
    await print(context, flags, readBlockLines(view, query))
    await noteQuorum(context, flags, await describeStatus(view, null))
  })
}

/** Where "final" tolerates no liar, that is said beside it. */
async function noteQuorum(context: Context, flags: BlocksFlags, status: Status | undefined): Promise<void> {
  const { witnesses, tolerated } = status?.finality ?? { witnesses: 0, tolerated: 0 }
  if (flags.json !== true && witnesses > 0 && tolerated === 0) await context.note(`final: ${formatQuorum(witnesses)}`)
}

async function print(context: Context, flags: BlocksFlags, lines: AsyncIterable<BlockLine>): Promise<void> {
  for await (const line of lines) {
    if (context.io.stopped.aborted) return
    await write(context.io.stdout, `${flags.json === true ? JSON.stringify(line) : formatBlockLine(line)}\n`)
  }
}
