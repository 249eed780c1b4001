import type { Command } from 'commander'
import {
  formatGenesis,
  type GenesisInit,
  type GenesisLimits,
  isWattnessError,
  parseGenesis,
  toHex,
  WattnessError,
} from '../../protocol/index.ts'
import { parseDuration } from '../config/index.ts'
import {
  createGenesisFile,
  createKeyFile,
  type DirectoryFiles,
  keyFileExists,
  makeDirectory,
  readGenesisFile,
  readKeyFile,
} from '../directory/index.ts'
import { createSigner, generateSeed } from '../index.ts'
import { addCommand, addDir, type Context, type SharedOptions, usage } from './context.ts'
import { holdDirectory } from './ledger.ts'

interface CreateFlags extends SharedOptions {
  readonly name: string
  readonly observers?: string
  readonly openObservers?: boolean
  readonly maxBodyBytes?: string
  readonly minBlockInterval?: string
  readonly maxClockDrift?: string
}

export function registerNetwork(program: Command, context: Context): void {
  const network = program.command('network').description('networks')
  const example = 'wattness network create --name "Elm Street" --dir registrar'
  addDir(addCommand(network, 'create', "make a network: its genesis and its registrar's key", example))
    .requiredOption('--name <name>', 'what the network is called')
    .option('--observers <rule>', '"listed": only admitted observers may read; "open": anyone who connects', 'listed')
    .option('--open-observers', 'the same as --observers open')
    .option('--max-body-bytes <count>', 'largest body of a block (default: 65535)')
    .option('--min-block-interval <duration>', 'least time between two blocks of one chain (default: none)')
    .option('--max-clock-drift <duration>', "how far a block's time may lie ahead of a node's clock (default: 2m)")
    .action((flags: CreateFlags) => create(context, flags))
}

async function create(context: Context, flags: CreateFlags): Promise<void> {
  const init = genesisInitOf(flags)
  // Before anything is made: what genesis refuses does not depend on whose key is in it.
  const anybody = createSigner(generateSeed(context.io.platform.random)).publicKey
  parseGenesis(formatGenesis({ ...init, registrar: anybody }))
  const files = await makeDirectory(context.dirOf(flags))
  const lock = await holdDirectory(files.dir)
  try {
    await assertNoNetwork(files)
    // A key without a genesis is what an earlier try left: no block can have been signed with it.
    const seed = (await keyFileExists(files)) ? await readKeyFile(files) : await createKeyFile(files, context.io.platform.random)
    const genesis = parseGenesis(formatGenesis({ ...init, registrar: createSigner(seed).publicKey }))
    await createGenesisFile(files, genesis)
    const id = toHex(genesis.networkId)
    const registrar = toHex(genesis.registrar)
    const next = `next: wattness run --dir ${files.dir}\n      wattness ticket --dir ${files.dir} --invite`
    await context.print(
      flags,
      { network: { name: genesis.name, id }, registrar, dir: files.dir },
      `network "${genesis.name}" ${id}\nregistrar ${registrar}\n${next}`,
    )
  } finally {
    await lock.release()
  }
}

function genesisInitOf(flags: CreateFlags): Omit<GenesisInit, 'registrar'> {
  const observers = flags.openObservers === true ? 'open' : flags.observers
  if (observers !== 'open' && observers !== 'listed')
    throw usage(`--observers: found ${JSON.stringify(observers)}, expected open or listed`)
  const limits: Partial<Record<keyof GenesisLimits, number>> = {
    ...optional('maxBodyBytes', flags.maxBodyBytes, (text) => countOf('--max-body-bytes', text)),
    ...optional('minBlockIntervalMs', flags.minBlockInterval, (text) => durationOf('--min-block-interval', text)),
    ...optional('maxClockDriftMs', flags.maxClockDrift, (text) => durationOf('--max-clock-drift', text)),
  }
  return { name: flags.name, observers, limits }
}

function optional<K extends string>(name: K, text: string | undefined, read: (text: string) => number): { [N in K]?: number } {
  return text === undefined ? {} : ({ [name]: read(text) } as { [N in K]?: number })
}

function countOf(flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usage(`${flag}: found ${JSON.stringify(text)}, expected a whole number`)
}

export function durationOf(flag: string, text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw usage(`${flag}: found ${JSON.stringify(text)}, expected a duration such as 7d, 15m, 2s or 500ms`)
}

async function assertNoNetwork(files: DirectoryFiles): Promise<void> {
  try {
    const { name } = await readGenesisFile(files)
    throw new WattnessError('NETWORK_EXISTS', `${files.dir} belongs to the network "${name}" already: use another directory`, {
      name,
    })
  } catch (error) {
    if (!isWattnessError(error, 'NO_NETWORK')) throw error
  }
}
