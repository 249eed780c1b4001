import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { equalBytes, type Genesis, parseGenesis, toHex, WattnessError } from '../../protocol/index.ts'
import { readIfThere, systemCode, unusable, writeNewFile } from './durable-file.ts'

/** Where everything of one node is. */
export interface DirectoryFiles {
  readonly dir: string
  /** The node's Ed25519 seed, 64 hex digits, mode 0600. */
  readonly key: string
  readonly genesis: string
  readonly config: string
  /** LevelDB. */
  readonly ledger: string
  /** Who uses the directory at present, for people. */
  readonly lock: string
  readonly controlSocket: string
  /** Who may read and write over HTTP, mode 0600; written by its operator. */
  readonly httpTokens: string
  /** How this node came into the network: its ticket's addresses and its request to join. */
  readonly entry: string
  /** Where this node was last reached. */
  readonly addresses: string
  /** Where its neighbours were last reached. */
  readonly neighbours: string
  /** What meter sources keep beyond a restart. */
  readonly sources: string
}

export function filesOf(dir: string): DirectoryFiles {
  return {
    dir,
    key: join(dir, 'key'),
    genesis: join(dir, 'genesis.json'),
    config: join(dir, 'config.json'),
    ledger: join(dir, 'ledger'),
    lock: join(dir, 'lock'),
    controlSocket: join(dir, 'control.sock'),
    httpTokens: join(dir, 'http-tokens'),
    entry: join(dir, 'entry.json'),
    addresses: join(dir, 'addresses.json'),
    neighbours: join(dir, 'neighbours.json'),
    sources: join(dir, 'sources'),
  }
}

/** Makes the directory, for its owner alone, where there is none yet. Throws DIRECTORY_UNUSABLE. */
export async function makeDirectory(dir: string): Promise<DirectoryFiles> {
  try {
    await makeWithParents(resolve(dir))
  } catch (error) {
    throw unusable(dir, 'cannot be made', error)
  }
  return filesOf(dir)
}

/** Step by step: where a file system makes nothing (/proc), Node's own recursive mkdir tries for ever. */
async function makeWithParents(dir: string): Promise<void> {
  const missing: string[] = []
  for (let at = dir; !(await isThere(at)); at = dirname(at)) missing.push(at)
  for (const path of missing.toReversed()) {
    try {
      await mkdir(path, { mode: 0o700 })
    } catch (error) {
      // Somebody else was quicker.
      if (systemCode(error) !== 'EEXIST') throw error
    }
  }
  if (!(await stat(dir)).isDirectory()) throw new Error('something else than a directory stands there')
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && path !== dirname(path)) return false
    throw error
  }
}

/** Throws NO_NETWORK where the directory holds no genesis, GENESIS_INVALID, DIRECTORY_UNUSABLE. */
export async function readGenesisFile(files: DirectoryFiles): Promise<Genesis> {
  const bytes = await readIfThere(files.genesis)
  if (bytes !== undefined) return parseGenesis(bytes)
  const hint = 'make a network with `network create`, or enter one with `join` or `observe`'
  throw new WattnessError('NO_NETWORK', `${files.dir} belongs to no network yet: ${hint}`, { dir: files.dir })
}

/**
 * Writes the genesis as it stands; nothing to do where the same one is there already. Throws OTHER_NETWORK where the
 * directory belongs to another network.
 */
export async function createGenesisFile(files: DirectoryFiles, genesis: Genesis): Promise<void> {
  if (await writeNewFile(files.genesis, genesis.bytes, 0o644)) return
  assertGenesisSame(files, await readGenesisFile(files), genesis)
}

export function assertGenesisSame(files: DirectoryFiles, found: Genesis, expected: Genesis): void {
  if (equalBytes(found.networkId, expected.networkId)) return
  const [has, wants] = [found, expected].map(({ name, networkId }) => `"${name}" (${toHex(networkId).slice(0, 12)})`)
  throw new WattnessError('OTHER_NETWORK', `${files.dir} belongs to the network ${has}, not to ${wants}`, {
    found: toHex(found.networkId),
    expected: toHex(expected.networkId),
  })
}
