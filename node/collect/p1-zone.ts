import { parseZone, type Zone } from './local-time.ts'
import type { P1Zone } from './p1-time.ts'
import type { SourceSpec } from './source.ts'
import { refuseOption } from './source-spec.ts'

const HOUR_MS = 3_600_000

/**
 * Central European Time. Its rules are looked up at the first stamp that needs them: most meters say S or W, and Node's tables of
 * all zones and languages are 6 MiB of a node that reads nothing else.
 */
const CENTRAL_EUROPEAN: P1Zone = { standardOffsetMs: HOUR_MS, zone: onDemand('Europe/Amsterdam') }

/** The zone that a spec names for wall-clock times. Throws SOURCE_OPTION_INVALID. */
export function p1Zone(spec: SourceSpec): P1Zone {
  const name = spec.options.get('zone')
  if (name === undefined) return CENTRAL_EUROPEAN
  try {
    const zone = parseZone(name)
    // Standard time is what the clock shows in a January on the northern half, where P1 is spoken.
    const january = Date.UTC(2020, 0, 15)
    return { zone, standardOffsetMs: january - (zone.utcOf(january)[0] as number) }
  } catch {
    return refuseOption(spec, 'zone', 'expected UTC, an offset such as +02:00 or a name such as Europe/Vilnius')
  }
}

function onDemand(name: string): Zone {
  let zone: Zone | undefined
  return {
    name,
    utcOf: (localMs) => {
      zone ??= parseZone(name)
      return zone.utcOf(localMs)
    },
  }
}
