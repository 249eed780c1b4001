import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { parseProofFile, splitProofFile, toUtf8, WattnessError } from '../../protocol/index.ts'
import { askControl, type ProveOrder, type ProveResult } from '../control/index.ts'
import { filesOf, readGenesisFile, unusable, writeNewFile } from '../directory/index.ts'
import { addCommand, addDir, type Context, type SharedOptions, usage } from './context.ts'
import { socketOf } from './ledger.ts'

interface ProveFlags extends SharedOptions {
  readonly member?: string
  readonly height?: string
  readonly time?: string
  readonly out?: string
  readonly split?: string
}

/** Others are to read them. */
const FILE_MODE = 0o644

export function registerProve(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'prove',
      'one block as a file that proves itself to anyone: the running node asks the witnesses to cosign it',
      'wattness prove --dir meter-01 --member "Elm Street 12" --height 96 --out proof.json\n' +
        'wattness prove --dir meter-01 --member 3 --time 2013-01-01T12:30:00Z --out proof.json --split parts',
    ),
  )
    .option('--member <member>', 'whose chain: label, first digits of its key, or index')
    .option('--height <height>', 'the block of this height, from 0')
    .option('--time <time>', 'the first block with a reading of this time or later, such as 2013-01-01T12:30:00Z')
    .option('--out <file>', 'where the proof is written; `wattness check` checks it without any node')
    .option('--split <directory>', "the proof's parts as files of their own beside it, for other tools (C2SP tlog-proof)")
    .action((flags: ProveFlags) => prove(context, flags))
}

async function prove(context: Context, flags: ProveFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const out = wanted(flags.out, '--out <file>')
  const order: ProveOrder = {
    member: wanted(flags.member, '--member <member>'),
    ...(flags.height === undefined ? {} : { height: flags.height }),
    ...(flags.time === undefined ? {} : { time: flags.time }),
  }
  const result = await askControl<ProveResult>(socketOf(dir), 'POST', '/prove', order)
  if (result === undefined) {
    // What is no node's directory at all is said first.
    await readGenesisFile(filesOf(dir))
    throw new WattnessError('NOT_RUNNING', `no node runs on ${dir}: only a running one can ask the witnesses (wattness run)`, {
      directory: dir,
    })
  }
  const { file, ...proven } = result
  const path = resolve(out)
  await writeFile(path, toUtf8(file))
  const parts = flags.split === undefined ? [] : await split(resolve(flags.split), file)
  const { height, size, index, key, cosignatures, witnesses, existedBy } = proven
  const seen = `${cosignatures} of ${witnesses} witnesses cosigned ${size} blocks`
  const lines = [
    `${path}: block ${height} of member ${index} ${key}; ${seen}`,
    `it existed by ${existedBy}; anyone can check it: wattness check ${out}`,
    ...parts,
  ]
  await context.print(flags, { ...proven, file: path, parts }, lines.join('\n'))
}

/** The paths that were written. */
async function split(directory: string, file: string): Promise<string[]> {
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw unusable(directory, 'cannot be made', error)
  })
  const paths: string[] = []
  for (const { name, bytes } of splitProofFile(parseProofFile(file))) {
    const path = join(directory, name)
    await writeFile(path, bytes)
    paths.push(path)
  }
  return paths
}

async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  if (await writeNewFile(path, bytes, FILE_MODE)) return
  throw new WattnessError('FILE_EXISTS', `${path} is there already: it is not overwritten`, { path })
}

function wanted(value: string | undefined, flag: string): string {
  if (value === undefined) throw usage(`${flag} is missing`)
  return value
}
