import type { Command } from 'commander'
import { MAX_MEMBERS, WattnessError } from '../../protocol/index.ts'
import { Harbour } from './harbour.ts'
import { lendWorker } from './lent-worker.ts'

const MAX_PORT = 65_535

export interface MachineOptions {
  readonly workers?: string
  readonly machines?: string
}

export interface Gathered {
  readonly harbour: Harbour
  readonly machines: number
  /** As if typed before everything else: a meter for each machine, and this one's process, with the registrar, beside theirs. */
  readonly told: readonly string[]
}

/** `simulate worker HOST:PORT`: this machine takes part in the runs that are begun there, until it is told to stop. */
export function addWorker(program: Command, act: (run: () => Promise<number>) => Promise<void>): void {
  program
    .command('worker')
    .description('Lends this machine to runs that --transport libp2p --workers begins on another one.')
    .argument('<host:port>', 'where such a run waits')
    .action((place: string) => act(() => runWorker(place)))
}

async function runWorker(place: string): Promise<number> {
  const [, host, digits] = /^(.+):(\d{1,5})$/.exec(place) ?? []
  if (host === undefined || digits === undefined || Number(digits) < 1 || Number(digits) > MAX_PORT) {
    throw new WattnessError('SETTING_INVALID', `${place}: expected HOST:PORT`)
  }
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  await lendWorker({ host, port: Number(digits), signal: stop.signal, note: (text) => console.error(text) })
  return 0
}

/**
 * Waits for other machines where `--workers` says so; undefined where it does not. Throws SETTING_INVALID, and WORKERS_PORT where
 * the port cannot be listened at.
 */
export async function gather(
  { workers, machines }: MachineOptions,
  isReal: boolean,
  isStopped: () => boolean,
): Promise<Gathered | undefined> {
  if (workers === undefined) {
    if (machines === undefined) return undefined
    throw new WattnessError('SETTING_INVALID', '--machines: expected --workers beside it')
  }
  if (!isReal) throw new WattnessError('SETTING_INVALID', '--workers: expected --transport libp2p beside it')
  const count = machines === undefined ? undefined : wholeNumber('--machines', machines, 1, MAX_MEMBERS - 1)
  const harbour = await Harbour.open({ port: wholeNumber('--workers', workers, 0, MAX_PORT) })
  console.error(`port ${harbour.port}: waits for ${count ?? 'other'} machines`)
  const found = await harbour.gather(count, isStopped)
  console.error(`${found} machines take part`)
  return { harbour, machines: found, told: [`meters=${found}`, `processes=${found + 1}`] }
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new WattnessError('SETTING_INVALID', `${name} ${text}: expected a whole number, ${least} to ${most}`)
}
