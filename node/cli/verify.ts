import type { Command } from 'commander'
import { type Genesis, isWattnessError, WattnessError } from '../../protocol/index.ts'
import { formatReport, type Progress, type VerifyReport, verifyDirectory } from '../audit/index.ts'
import { streamControl, type VerifyLine } from '../control/index.ts'
import { type DirectoryFiles, explainFullDisk, filesOf, readGenesisFile, readKeyFile } from '../directory/index.ts'
import { createSigner, useNativeHash, verifySignature } from '../index.ts'
import { addCommand, addDir, type Context, FOUND_WRONG, type SharedOptions } from './context.ts'
import { socketOf } from './ledger.ts'
import { ProgressBar } from './progress-bar.ts'

interface VerifyFlags extends SharedOptions {
  readonly allSignatures?: boolean
}

export function registerVerify(program: Command, context: Context): void {
  addDir(
    addCommand(
      program,
      'verify',
      're-check everything in the store from genesis: links, rules, bodies, tree roots, signatures, and every other record',
      'wattness verify --dir meter-01 --all-signatures',
    ),
  )
    .option('--all-signatures', "every signature that is kept, not only each chain's newest")
    .action((flags: VerifyFlags) => verify(context, flags))
}

async function verify(context: Context, flags: VerifyFlags): Promise<void> {
  const dir = context.dirOf(flags)
  const bar = new ProgressBar(context.io, flags.json !== true)
  const onProgress = ({ blocks, ofBlocks }: Progress): void => bar.show(blocks, ofBlocks, `${blocks} of ${ofBlocks} blocks`)
  let report: VerifyReport
  try {
    report =
      (await askRunning(dir, flags.allSignatures === true, onProgress)) ??
      (await verifyStopped(context, dir, flags.allSignatures === true, onProgress))
  } finally {
    await bar.end()
  }
  if (!report.ok) context.status = FOUND_WRONG
  await context.print(flags, report, formatReport(report))
}

/** The node that has the store open looks through it itself. */
async function askRunning(
  dir: string,
  allSignatures: boolean,
  onProgress: (progress: Progress) => void,
): Promise<VerifyReport | undefined> {
  const lines = await streamControl<VerifyLine>(socketOf(dir), `/verify${allSignatures ? '?signatures=all' : ''}`)
  if (lines === undefined) return undefined
  for await (const line of lines) {
    if ('report' in line) return line.report
    onProgress(line.progress)
  }
  throw new WattnessError('CONTROL_FAILED', 'the running node ended its answer without a result')
}

async function verifyStopped(
  { io }: Context,
  dir: string,
  allSignatures: boolean,
  onProgress: (progress: Progress) => void,
): Promise<VerifyReport> {
  useNativeHash()
  const files = filesOf(dir)
  return verifyDirectory({
    directory: dir,
    genesis: await genesisOf(files),
    ownKey: await ownKeyOf(files),
    verify: verifySignature,
    clock: io.platform.clock,
    allSignatures,
    onProgress,
    turn: async () => {
      io.stopped.throwIfAborted()
    },
  }).catch((error: unknown) => explainFullDisk(dir, error))
}

/** A genesis that is none any more is damage found, and no wrong usage. */
export async function genesisOf(files: DirectoryFiles): Promise<Genesis> {
  try {
    return await readGenesisFile(files)
  } catch (error) {
    if (!isWattnessError(error, 'GENESIS_INVALID')) throw error
    const what = `${files.genesis}: ${error.message}`
    throw new WattnessError('STORE_DAMAGED', what, { file: 'genesis.json' }, { cause: error })
  }
}

/** Undefined where there is no key: a store is checked without it too, but for what this node signed last. */
export async function ownKeyOf(files: DirectoryFiles): Promise<Uint8Array | undefined> {
  try {
    return createSigner(await readKeyFile(files)).publicKey
  } catch (error) {
    if (isWattnessError(error, 'NO_KEY') || isWattnessError(error, 'KEY_EXPOSED')) return undefined
    throw error
  }
}
