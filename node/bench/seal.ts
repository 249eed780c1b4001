import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EMPTY_CHAIN, initialMembership } from '../../protocol/index.ts'
import { systemPlatform } from '../platform.ts'
import { Sealer } from '../seal/index.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import type { LedgerStore } from '../store/index.ts'
import { Door } from '../validate/index.ts'
import { openBenchStore } from './bench-node.ts'
import type { BenchResult } from './run.ts'
import { median, round } from './statistics.ts'
import { IMPORT_REGISTER, readingAt, Street } from './street.ts'

/** `npm run bench -- seal`: readings durable in the spool and sealed 96 a block, through sealer, door and LevelDB on disk. */

const METER = 'meter 0'
const ROWS = 96
const IN_FLIGHT = 64
const IN_FLIGHT_READINGS = 60_000
const SINGLE_READINGS = 96
const ROUNDS = 15

interface Meter {
  readonly store: LedgerStore
  readonly sealer: Sealer
  taken: number
}

export async function run(): Promise<BenchResult> {
  useNativeHash()
  const dir = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  const street = new Street(1)
  const store = await openBenchStore({ name: METER, dir: join(dir, 'ledger'), genesisBytes: street.genesis.bytes })
  try {
    const meter: Meter = { store, sealer: sealerOf(street, store), taken: 0 }
    await takeAndSeal(meter, IN_FLIGHT_READINGS / 4, IN_FLIGHT)
    const inFlight: number[] = []
    for (let i = 0; i < 3; i++) inFlight.push(await takeAndSeal(meter, IN_FLIGHT_READINGS, IN_FLIGHT))
    const singles: number[] = []
    const fdatasyncs: number[] = []
    const ratios: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      const fdatasyncPerSecond = fdatasyncRate(dir, SINGLE_READINGS)
      const singlePerSecond = await takeAndSeal(meter, SINGLE_READINGS, 1)
      fdatasyncs.push(fdatasyncPerSecond)
      singles.push(singlePerSecond)
      ratios.push(singlePerSecond / fdatasyncPerSecond)
    }
    const inFlight64PerSecond = round(median(inFlight))
    const singleToFdatasyncRatio = round(median(ratios))
    return {
      figures: { inFlight64PerSecond, singleToFdatasyncRatio, singlePerSecond: round(median(singles)) },
      yardstick: { fdatasyncPerSecond: round(median(fdatasyncs)) },
      budget: { inFlight64PerSecond: '>= 20000', singleToFdatasyncRatio: '>= 0.6' },
      ok: inFlight64PerSecond >= 20_000 && singleToFdatasyncRatio >= 0.6,
    }
  } finally {
    await store.close()
    rmSync(dir, { recursive: true })
  }
}

function sealerOf(street: Street, store: LedgerStore): Sealer {
  const [signer] = street.signers
  if (signer === undefined) throw new Error('the street has no meter')
  const membership = initialMembership(street.genesis)
  const door = new Door({
    store,
    genesis: street.genesis,
    clock: systemPlatform.clock,
    turn: () => systemPlatform.turn(),
    verify: verifySignature,
    membership: () => membership,
    onStored: () => undefined,
  })
  return new Sealer({
    genesis: street.genesis,
    signer,
    clock: systemPlatform.clock,
    random: systemPlatform.random,
    spool: store.spool,
    head: () => store.head(signer.publicKey) ?? EMPTY_CHAIN,
    registrarSize: () => 0,
    submit: (run, own) => door.submit(run, own),
    maxRows: ROWS,
  })
}

/** Readings a second, each awaited by whoever took it, `writers` of them at a time; the last block is sealed within the time. */
async function takeAndSeal(meter: Meter, readings: number, writers: number): Promise<number> {
  const { store, sealer } = meter
  const end = meter.taken + readings
  const startMs = performance.now()
  let sealing: Promise<void> | undefined
  const seal = async (atLeast: number): Promise<void> => {
    while (store.spool.size >= atLeast && (await sealer.sealNext()) !== undefined);
    sealing = undefined
  }
  const write = async (): Promise<void> => {
    while (meter.taken < end) {
      const time = Date.UTC(2026, 0, 1) + meter.taken++ * 900_000
      await store.spool.append([{ source: 'bench', reading: readingAt(time, 0, [IMPORT_REGISTER]) }])
      if (store.spool.size >= ROWS) sealing ??= seal(ROWS)
    }
  }
  await Promise.all(Array.from({ length: writers }, write))
  await sealing
  await seal(1)
  return (readings / (performance.now() - startMs)) * 1000
}

/** What the disk itself does: appends of 64 bytes a second, each forced down before the next. */
function fdatasyncRate(dir: string, count: number): number {
  const file = openSync(join(dir, 'yardstick'), 'a')
  const bytes = new Uint8Array(64).fill(7)
  const startMs = performance.now()
  for (let i = 0; i < count; i++) {
    writeSync(file, bytes)
    fdatasyncSync(file)
  }
  const elapsedMs = performance.now() - startMs
  closeSync(file)
  return (count / elapsedMs) * 1000
}
