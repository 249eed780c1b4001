import { resolve } from 'node:path'
import type { Command } from 'commander'
import { WattnessError } from '../../protocol/index.ts'
import {
  type ArchiveProgress,
  type ArchiveReport,
  archiveDirectory,
  type RestoreReport,
  restoreArchive,
} from '../archive/index.ts'
import { type ArchiveLine, streamControl } from '../control/index.ts'
import { explainFullDisk, filesOf, readKeyFile } from '../directory/index.ts'
import { useNativeHash, verifySignature } from '../index.ts'
import { addCommand, addDir, type Context, type SharedOptions, usage } from './context.ts'
import { socketOf } from './ledger.ts'
import { ProgressBar } from './progress-bar.ts'
import { genesisOf, ownKeyOf } from './verify.ts'

interface CreateFlags extends SharedOptions {
  readonly out?: string
  readonly withPrivateKey?: boolean
}

export function registerArchive(program: Command, context: Context): void {
  const archive = program.command('archive').description('a whole store as one file, checked on its way in and out')
  addDir(
    addCommand(
      archive,
      'create',
      "check a node's store and write all of it as one file, without its private key; the node may be running",
      'wattness archive create --dir meter-01 --out meter-01.archive',
    ),
  )
    .option('--out <file>', 'the archive: a name that is free')
    .option('--with-private-key', 'the key as well: whoever has the archive can be this node; keep it like the key itself')
    .action((flags: CreateFlags) => create(context, flags))
  addDir(
    addCommand(
      archive,
      'restore <file>',
      "make a node's directory of an archive: all of it, checked from genesis on, or nothing",
      'wattness archive restore meter-01.archive --dir restored',
    ),
  ).action((file: string, flags: SharedOptions) => restore(context, file, flags))
}

async function create(context: Context, flags: CreateFlags): Promise<void> {
  const dir = context.dirOf(flags)
  if (flags.out === undefined || flags.out === '') throw usage('--out <file> is missing: where the archive is to be written')
  const order = { out: resolve(flags.out), withPrivateKey: flags.withPrivateKey === true }
  const report = await shown(context, flags, async (onProgress) => {
    const lines = await streamControl<ArchiveLine>(socketOf(dir), '/archive', order)
    return lines === undefined ? archiveStopped(context, dir, order, onProgress) : lastOf(lines, onProgress)
  })
  await context.print(flags, report, formatCreated(report))
  if (order.withPrivateKey) await context.note(`WARNING: ${order.out} holds the private key: whoever reads it can be this node`)
}

async function archiveStopped(
  { io }: Context,
  dir: string,
  order: { readonly out: string; readonly withPrivateKey: boolean },
  onProgress: (progress: ArchiveProgress) => void,
): Promise<ArchiveReport> {
  useNativeHash()
  const files = filesOf(dir)
  const genesis = await genesisOf(files)
  if (order.withPrivateKey) await readKeyFile(files)
  return archiveDirectory({
    directory: dir,
    ...order,
    genesis,
    verify: verifySignature,
    clock: io.platform.clock,
    ownKey: await ownKeyOf(files),
    onProgress,
    turn: async () => io.stopped.throwIfAborted(),
  }).catch((error: unknown) => explainFullDisk(dir, error))
}

async function lastOf(
  lines: AsyncIterable<ArchiveLine>,
  onProgress: (progress: ArchiveProgress) => void,
): Promise<ArchiveReport> {
  for await (const line of lines) {
    if ('report' in line) return line.report
    onProgress(line.progress)
  }
  throw new WattnessError('CONTROL_FAILED', 'the running node ended its answer without a result')
}

async function restore(context: Context, file: string, flags: SharedOptions): Promise<void> {
  const directory = context.dirOf(flags)
  const { io } = context
  useNativeHash()
  const report = await shown(context, flags, (onProgress) =>
    restoreArchive({
      archive: resolve(file),
      directory,
      verify: verifySignature,
      onProgress,
      turn: async () => io.stopped.throwIfAborted(),
    }),
  )
  await context.print(flags, report, formatRestored(report))
}

async function shown<T>(
  { io }: Context,
  flags: SharedOptions,
  work: (onProgress: (progress: ArchiveProgress) => void) => Promise<T>,
): Promise<T> {
  const bar = new ProgressBar(io, flags.json !== true)
  try {
    return await work(({ doing, done, of }) => {
      bar.show(done, of, of > 0 ? `${doing}: ${done} of ${of} blocks` : `${doing}: ${done} records`)
    })
  } finally {
    await bar.end()
  }
}

function formatCreated({ archive, blocks, records, bytes, network }: ArchiveReport): string {
  return [
    `${archive}: ${(bytes / 1_000_000).toFixed(1)} MB`,
    `${blocks} blocks and ${records} records of ${network.name}, all of them checked`,
  ].join('\n')
}

function formatRestored(report: RestoreReport): string {
  const { directory, createdAt, network, blocks, records, hasPrivateKey, sealAloneLeftOut } = report
  const lines = [
    `${directory}: ${blocks} blocks and ${records} records of ${network.name} as of ${createdAt}, all of them checked`,
  ]
  if (!hasPrivateKey) lines.push(`without a private key: put the node's own as ${directory}/key, mode 0600, before it is run`)
  if (sealAloneLeftOut)
    lines.push('config.json had sealAlone: it was left out, since neighbours may hold more of the chain by now')
  lines.push('the node asks its neighbours for what has come since, before it seals; never run it beside the one it was made of')
  return lines.join('\n')
}
