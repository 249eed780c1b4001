import { householdReadings, openDataDir, openSource, type Platform, Replay } from '../../node/index.ts'
import { type Reading, WattnessError } from '../../protocol/index.ts'

/** What one meter reads during a run, oldest first. */
export interface Home {
  readonly name: string
  readonly readings: readonly Reading[]
}

export interface LoadInit {
  readonly meters: number
  readonly startMs: number
  readonly forMs: number
  readonly readingIntervalMs: number
}

const DAY_MS = 86_400_000

/** Rows read of a home at a time, and so many at most. */
const STRETCH_ROWS = 512
const MAX_ROWS = 100_000

/** Invented homes, every fourth with panels on its roof: the same on every machine. */
export function builtInHomes({ meters, startMs, forMs, readingIntervalMs }: LoadInit): Home[] {
  return Array.from({ length: meters }, (_, number) => {
    const name = `household-${number + 1}`
    const solarWp = number % 4 === 3 ? 4_000 : 0
    const heating = number % 5 === 2 ? ('heat-pump' as const) : ('none' as const)
    const rowAt = householdReadings(name, { intervalMs: readingIntervalMs, startMs: startMs - DAY_MS, solarWp, heating })
    const readings: Reading[] = []
    const first = Math.floor(startMs / readingIntervalMs) + 1
    for (let count = first; count * readingIntervalMs <= startMs + forMs; count++) readings.push(rowAt(count * readingIntervalMs))
    return { name, readings }
  })
}

/**
 * Real homes of a directory or file, as `wattness demo --data` finds them, measured ones first; each begins at its own first day,
 * which becomes the first day of the run. Throws SOURCE_UNREADABLE, and TOO_FEW_HOMES where there are fewer than meters.
 */
export async function realHomes(path: string, init: LoadInit, platform: Platform): Promise<Home[]> {
  const { sources } = await openDataDir(path)
  if (sources.length < init.meters) {
    const message = `${path} holds ${sources.length} homes, ${init.meters} meters want one each`
    throw new WattnessError('TOO_FEW_HOMES', message, { homes: sources.length, meters: init.meters })
  }
  const homes: Home[] = []
  for (const { spec } of sources.slice(0, init.meters)) {
    const replay = new Replay(openSource(spec, platform))
    try {
      homes.push({ name: spec.slice(spec.lastIndexOf('/') + 1), readings: await readingsOf(replay, init) })
    } finally {
      await replay.close()
    }
  }
  return homes
}

async function readingsOf(replay: Replay, { startMs, forMs }: LoadInit): Promise<Reading[]> {
  const readings: Reading[] = []
  let shiftMs: number | undefined
  while (readings.length < MAX_ROWS) {
    const { items, done } = await replay.nextStretch(STRETCH_ROWS)
    for (const { reading } of items) {
      // Whole days: a home's evening stays in the evening.
      shiftMs ??= Math.ceil((startMs - reading.time) / DAY_MS) * DAY_MS
      const time = reading.time + shiftMs
      if (time > startMs + forMs) return readings
      readings.push({ ...reading, time })
    }
    if (done) return readings
  }
  return readings
}
