import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { formatGenesis, MAX_WITNESSES, parseGenesis, ROLE_METER, ROLE_WITNESS, WattnessError } from '../../protocol/index.ts'
import {
  createGenesisFile,
  createKeyFile,
  type DirectoryFiles,
  filesOf,
  keyFileExists,
  makeDirectory,
  readGenesisFile,
  readKeyFile,
} from '../directory/index.ts'
import type { Random } from '../platform.ts'
import { createSigner } from '../signature.ts'
import { MAX_METERS, meterNames, OBSERVER, REGISTRAR } from './plan.ts'

/** The directories that a demonstration stands on: one per node, each an ordinary node's. */
export interface Ground {
  readonly dir: string
  readonly meters: readonly string[]
  /** True where an earlier demonstration goes on. */
  readonly isContinued: boolean
}

export const DEFAULT_METERS = 8

const NETWORK_NAME = 'demo'

/**
 * Makes the network of a new demonstration in `dir`, or finds that of an earlier one. Throws DEMO_SIZE where `meters` asks
 * for another number than there are, or for none or too many, and what the directories throw.
 */
export async function layGround(dir: string, meters: number | undefined, random: Random): Promise<Ground> {
  if (meters !== undefined && (!Number.isInteger(meters) || meters < 1 || meters > MAX_METERS)) {
    throw new WattnessError('DEMO_SIZE', `a demonstration has 1 to ${MAX_METERS} meters, asked for ${meters}`, { meters })
  }
  const known = await knownMeters(dir)
  if (known === undefined) return makeGround(dir, meterNames(meters ?? DEFAULT_METERS), random)
  if (meters !== undefined && meters !== known.length) {
    const message = `${dir} holds a network of ${known.length} meters, asked for ${meters}: leave out --meters or change --dir`
    throw new WattnessError('DEMO_SIZE', message, { meters, found: known.length })
  }
  const names = [REGISTRAR, ...known]
  const genesis = await readGenesisFile(filesOf(join(dir, REGISTRAR)))
  for (const name of names) {
    const files = filesOf(join(dir, name))
    await readKeyFile(files)
    await createGenesisFile(files, genesis)
  }
  await settle(dir, OBSERVER, random)
  await createGenesisFile(filesOf(join(dir, OBSERVER)), genesis)
  return { dir, meters: known, isContinued: true }
}

/** Labels of the members in the registrar's genesis; undefined where there is none. */
async function knownMeters(dir: string): Promise<string[] | undefined> {
  try {
    const { members } = await readGenesisFile(filesOf(join(dir, REGISTRAR)))
    return members.map(({ label }) => label)
  } catch (error) {
    if (error instanceof WattnessError && error.code === 'NO_NETWORK') return undefined
    throw error
  }
}

async function makeGround(dir: string, meters: readonly string[], random: Random): Promise<Ground> {
  // Each waits for the disk several times: together they wait once.
  const names = [REGISTRAR, ...meters, OBSERVER]
  const settled = await Promise.all(names.map((name) => settle(dir, name, random)))
  const [registrar, ...others] = settled as [Settled, ...Settled[]]
  const bytes = formatGenesis({
    name: NETWORK_NAME,
    registrar: registrar.key,
    observers: 'open',
    members: meters.map((label, at) => ({
      key: (others[at] as Settled).key,
      roles: at < witnessCount(meters.length) ? ROLE_METER | ROLE_WITNESS : ROLE_METER,
      label,
    })),
  })
  const genesis = parseGenesis(bytes)
  await Promise.all(others.map(({ files }) => createGenesisFile(files, genesis)))
  // Last: its genesis says that the ground is laid.
  await createGenesisFile(registrar.files, genesis)
  return { dir, meters, isContinued: false }
}

/** Of so many meters the first ones witness too: 3f + 1, since one or two more would tolerate no more liars. */
export function witnessCount(meters: number): number {
  const most = Math.min(meters, MAX_WITNESSES)
  return most - ((most - 1) % 3)
}

interface Settled {
  readonly files: DirectoryFiles
  /** Public. */
  readonly key: Uint8Array
}

/** One node's directory with its key, as far as it is not there yet. */
async function settle(dir: string, name: string, random: Random): Promise<Settled> {
  const files = await makeDirectory(join(dir, name))
  const seed = (await keyFileExists(files)) ? await readKeyFile(files) : await createKeyFile(files, random)
  return { files, key: createSigner(seed).publicKey }
}

export function removeGround(dir: string): Promise<void> {
  return rm(dir, { recursive: true, force: true, maxRetries: 3 })
}
