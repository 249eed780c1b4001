import { parseZone } from './local-time.ts'
import type { P1Zone } from './p1-time.ts'
import type { SourceSpec } from './source.ts'
import { refuseOption } from './source-spec.ts'

const DEFAULT_ZONE = 'Europe/Amsterdam'

/** The zone that a spec names for wall-clock times. Throws SOURCE_OPTION_INVALID. */
export function p1Zone(spec: SourceSpec): P1Zone {
  const name = spec.options.get('zone') ?? DEFAULT_ZONE
  try {
    const zone = parseZone(name)
    // Standard time is what the clock shows in a January on the northern half, where P1 is spoken.
    const january = Date.UTC(2020, 0, 15)
    return { zone, standardOffsetMs: january - (zone.utcOf(january)[0] as number) }
  } catch {
    return refuseOption(spec, 'zone', 'expected UTC, an offset such as +02:00 or a name such as Europe/Vilnius')
  }
}
