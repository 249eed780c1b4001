import { WattnessError } from '../../protocol/errors.ts'
import { csvFormat } from './csv.ts'
import { directoryFormat } from './directory-source.ts'
import { dlmsFormat } from './dlms.ts'
import { greenButtonFormat } from './green-button.ts'
import { householdFormat } from './household.ts'
import { iecFormat } from './iec62056.ts'
import { jsonlFormat } from './jsonl.ts'
import { mbusFormat } from './mbus.ts'
import { mqttFormat } from './mqtt.ts'
import { msconsFormat } from './mscons.ts'
import { nem12Format } from './nem12.ts'
import { ocmfFormat } from './ocmf.ts'
import { p1Format } from './p1.ts'
import { smlFormat } from './sml.ts'
import type { MeterSource, SourceDeps, SourceFormat, SourceSpec } from './source.ts'
import { parseSourceSpec, refuseOption } from './source-spec.ts'
import { sunspecFormat } from './sunspec.ts'

/** Every format, in the order in which a file is shown to them. A new format is one file and one row here. */
export const FORMATS: readonly SourceFormat[] = [
  ocmfFormat,
  greenButtonFormat,
  nem12Format,
  msconsFormat,
  iecFormat,
  p1Format,
  smlFormat,
  dlmsFormat,
  mbusFormat,
  csvFormat,
  jsonlFormat,
  mqttFormat,
  directoryFormat({
    recognise: (fileName, firstBytes) => recogniseFormat(fileName, firstBytes),
    named: (name) => FORMATS.find((format) => format.name === name),
  }),
  sunspecFormat,
  householdFormat,
]

/** Formats whose files hold homes: only there is `#` a home and no part of the name. */
const WITH_HOMES = new Set(FORMATS.filter((format) => format.offer !== undefined).map(({ name }) => name))

/** The format of that name. Throws SOURCE_KIND_UNKNOWN, naming those that exist. */
export function formatNamed(name: string): SourceFormat {
  const format = FORMATS.find((candidate) => candidate.name === name)
  if (format !== undefined) return format
  const known = FORMATS.map((candidate) => candidate.name)
  throw new WattnessError(
    'SOURCE_KIND_UNKNOWN',
    `source kind ${JSON.stringify(name)} is unknown; there are ${known.join(', ')}`,
    { found: name, known },
  )
}

/** Throws SOURCE_SPEC_MALFORMED. */
export function parseSpec(text: string): SourceSpec {
  return parseSourceSpec(text, WITH_HOMES)
}

/**
 * Opens nothing yet: the input is touched when its items are asked for.
 * Throws SOURCE_SPEC_MALFORMED, SOURCE_KIND_UNKNOWN, SOURCE_OPTION_INVALID.
 */
export function openSource(text: string, deps: SourceDeps): MeterSource {
  return openSpec(parseSpec(text), deps)
}

/** The same of a spec that was taken apart: options may be added to it that are in no text. */
export function openSpec(spec: SourceSpec, deps: SourceDeps): MeterSource {
  const maxWatts = maxWattsOf(spec)
  const source = formatNamed(spec.kind).open(ofFormat(spec), deps)
  return maxWatts === undefined ? source : { ...source, maxWatts }
}

/** What every source may say of its meter, and no format needs to know: the power that it can measure at most. */
const MAX_POWER = 'max'
const POWER_TEXT = /^(\d{1,6})(W|kW|MW)$/
const POWER_WATTS: Readonly<Record<string, number>> = { W: 1, kW: 1_000, MW: 1_000_000 }

function maxWattsOf(spec: SourceSpec): number | undefined {
  const text = spec.options.get(MAX_POWER)
  if (text === undefined) return undefined
  const match = POWER_TEXT.exec(text)
  if (match === null || Number(match[1]) === 0) return refuseOption(spec, MAX_POWER, 'expected a power such as 25kW')
  return Number(match[1]) * (POWER_WATTS[match[2] as string] as number)
}

function ofFormat(spec: SourceSpec): SourceSpec {
  return { ...spec, options: new Map([...spec.options].filter(([name]) => name !== MAX_POWER)) }
}

/**
 * All that can be said of a source without its input: beside what `openSource` throws, CSV_MAPPING_INVALID.
 */
export async function checkSource(text: string, deps: SourceDeps): Promise<void> {
  const spec = parseSpec(text)
  const format = formatNamed(spec.kind)
  maxWattsOf(spec)
  format.open(ofFormat(spec), deps)
  await format.check?.(ofFormat(spec), deps)
}

/** The format that recognises a file by its name and its first bytes (decompressed). */
export function recogniseFormat(fileName: string, firstBytes: Uint8Array): SourceFormat | undefined {
  return FORMATS.find((format) => format.recognise(fileName, firstBytes))
}
