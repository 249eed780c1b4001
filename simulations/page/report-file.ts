import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { WattnessError } from '../../protocol/index.ts'
import type { Report } from '../report.ts'

/** A report of a thousand meters has a few MiB. */
const MAX_REPORT_BYTES = 64 * 1_048_576

type Fields = Readonly<Record<string, unknown>>
type Kind = 'text' | 'number' | 'list' | 'object'

/** What a comparison reads of a report. */
const FIELDS: Readonly<Record<string, Kind>> = {
  scenario: 'text',
  seed: 'text',
  commit: 'text',
  replay: 'text',
  settings: 'object',
  virtualSeconds: 'number',
  wallSeconds: 'number',
  speedUp: 'number',
  blocks: 'number',
  readings: 'number',
  deliveries: 'number',
  deliveriesPerSecond: 'number',
  deliveredShare: 'number',
  finalShare: 'number',
  attestations: 'number',
  cpuSeconds: 'number',
  crashes: 'number',
  storedMiBPerNode: 'number',
  rssMiB: 'number',
  delivery: 'object',
  'delivery.count': 'number',
  'delivery.maxMs': 'number',
  'delivery.curve': 'list',
  finality: 'object',
  'finality.count': 'number',
  'finality.maxMs': 'number',
  'finality.curve': 'list',
  traffic: 'object',
  'traffic.bytesPerNodePerDay': 'number',
  'traffic.messagesPerNodePerDay': 'number',
  'traffic.gossip': 'object',
  'traffic.gossip.heard': 'number',
  'traffic.gossip.duplicates': 'number',
  violations: 'list',
  violationsLeftOut: 'number',
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

const IS: { readonly [K in Kind]: (value: unknown) => boolean } = {
  text: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  list: Array.isArray,
  object: isFields,
}

/** The report of a file, or of `report.json` in a directory. Throws REPORT_UNREADABLE, and REPORT_INVALID with file and field. */
export function readReport(place: string): Report {
  const file = isDirectory(place) ? path.join(place, 'report.json') : place
  let value: unknown
  try {
    if (statSync(file).size > MAX_REPORT_BYTES) throw new Error(`larger than ${MAX_REPORT_BYTES} bytes`)
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new WattnessError('REPORT_UNREADABLE', `${file} is no report: ${reason}`, { file })
  }
  const refuse = (field: string, expected: string): never => {
    throw new WattnessError('REPORT_INVALID', `${file} is no report: ${field}: expected ${expected}`, { file, field })
  }
  if (!isFields(value)) return refuse('all of it', 'object')
  for (const [field, kind] of Object.entries(FIELDS)) {
    const found = field.split('.').reduce<unknown>((at, name) => (isFields(at) ? at[name] : undefined), value)
    if (!IS[kind](found)) refuse(field, kind)
  }
  const report = value as unknown as Report
  for (const name of ['delivery', 'finality'] as const) {
    const isPoint = (point: unknown): boolean => Array.isArray(point) && point.length === 2 && point.every(IS.number)
    const wrong = report[name].curve.findIndex((point) => !isPoint(point))
    if (wrong !== -1) refuse(`${name}.curve[${wrong}]`, 'two numbers')
  }
  const wrong = report.violations.findIndex(
    (each: unknown) => !isFields(each) || !IS.text(each['checker']) || !IS.text(each['what']),
  )
  if (wrong !== -1) refuse(`violations[${wrong}]`, 'object with checker and what')
  return report
}

function isDirectory(place: string): boolean {
  return statSync(place, { throwIfNoEntry: false })?.isDirectory() === true
}
