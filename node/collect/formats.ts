import { WattnessError } from '../../protocol/errors.ts'
import { csvFormat } from './csv.ts'
import { dlmsFormat } from './dlms.ts'
import { greenButtonFormat } from './green-button.ts'
import { householdFormat } from './household.ts'
import { iecFormat } from './iec62056.ts'
import { jsonlFormat } from './jsonl.ts'
import { mbusFormat } from './mbus.ts'
import { mqttFormat } from './mqtt.ts'
import { nem12Format } from './nem12.ts'
import { ocmfFormat } from './ocmf.ts'
import { p1Format } from './p1.ts'
import { smlFormat } from './sml.ts'
import type { MeterSource, SourceDeps, SourceFormat, SourceSpec } from './source.ts'
import { parseSourceSpec } from './source-spec.ts'
import { sunspecFormat } from './sunspec.ts'

/** Every format, in the order in which a file is shown to them. A new format is one file and one row here. */
export const FORMATS: readonly SourceFormat[] = [
  ocmfFormat,
  greenButtonFormat,
  nem12Format,
  iecFormat,
  p1Format,
  smlFormat,
  dlmsFormat,
  mbusFormat,
  csvFormat,
  jsonlFormat,
  mqttFormat,
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
  return formatNamed(spec.kind).open(spec, deps)
}

/**
 * All that can be said of a source without its input: beside what `openSource` throws, CSV_MAPPING_INVALID.
 */
export async function checkSource(text: string, deps: SourceDeps): Promise<void> {
  const spec = parseSpec(text)
  const format = formatNamed(spec.kind)
  format.open(spec, deps)
  await format.check?.(spec, deps)
}

/** The format that recognises a file by its name and its first bytes (decompressed). */
export function recogniseFormat(fileName: string, firstBytes: Uint8Array): SourceFormat | undefined {
  return FORMATS.find((format) => format.recognise(fileName, firstBytes))
}
