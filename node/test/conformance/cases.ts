import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { compareDecoded, compareObjects } from './dlms.ts'
import { compareUpstream, compareValues } from './dsmr.ts'
import { compareGreenButton, compareNem12, compareTotals } from './intervals.ts'
import { compareMeterBus } from './meter-bus.ts'
import { compareOcmf } from './ocmf.ts'
import type { Case, Outcome } from './outcome.ts'
import { compareObisLines, compareSnapshot } from './sml.ts'

/** How an expected file of a name's ending is compared, and what the capture it belongs to is called. */
interface Rule {
  readonly kind: string
  readonly ending: RegExp
  /** Endings of the capture, the first that is there. */
  readonly captures: readonly string[]
  compare(capture: string, expected: string): Promise<Outcome>
}

const RULES: readonly Rule[] = [
  { kind: 'sml', ending: /\.obis\.txt$/, captures: ['.bin'], compare: compareObisLines },
  { kind: 'sml', ending: /\.snap$/, captures: ['.bin'], compare: compareSnapshot },
  { kind: 'dsmr', ending: /\.values\.json$/, captures: ['.txt'], compare: compareValues },
  { kind: 'dsmr', ending: /\.upstream\.json$/, captures: ['.txt'], compare: compareUpstream },
  { kind: 'dlms', ending: /_decoded\.(?:log|xml)$/, captures: ['.log'], compare: compareDecoded },
  { kind: 'dlms', ending: /\.json$/, captures: ['.hex.txt', '.hex', '.txt'], compare: compareObjects },
  { kind: 'ocmf', ending: /\.json$/, captures: ['.xml', '.txt', '.ocmf'], compare: compareOcmf },
  { kind: 'mbus', ending: /\.norm\.xml$/, captures: ['.hex'], compare: compareMeterBus },
  { kind: 'greenbutton', ending: /\.txt(?:\.gz)?$/, captures: ['.xml', '.xml.gz'], compare: compareGreenButton },
]

/** Every expected file below a data directory. */
export function casesOf(directory: string): Case[] {
  return readdirSync(directory)
    .sort()
    .flatMap((kind) => {
      const folder = join(directory, kind, 'expected')
      return existsSync(folder)
        ? readdirSync(folder)
            .sort()
            .map((name) => caseOf(directory, kind, name))
        : []
    })
}

function caseOf(directory: string, kind: string, name: string): Case {
  const expected = join(directory, kind, 'expected', name)
  const made = (compare: () => Promise<Outcome>): Case => ({ kind, file: `${kind}/expected/${name}`, compare })
  for (const rule of RULES) {
    const match = rule.kind === kind ? rule.ending.exec(name) : null
    if (match === null) continue
    const stem = name.slice(0, match.index)
    const capture = rule.captures.map((ending) => join(directory, kind, stem + ending)).find((path) => existsSync(path))
    if (capture !== undefined) return made(() => rule.compare(capture, expected))
  }
  if (kind === 'nem12') return made(() => nem12Case(join(directory, kind), expected))
  if (kind === 'csv') return made(() => csvCase(join(directory, kind), name, expected))
  return made(() => Promise.resolve({ state: 'refused', reason: 'there is no parser of this kind' }))
}

/** The example names no file; it holds days of the year's export of the same package. */
async function nem12Case(folder: string, expected: string): Promise<Outcome> {
  const captures = readdirSync(folder).filter((name) => name.startsWith('nem12reader_'))
  let last: Outcome = { state: 'refused', reason: 'no capture of that package' }
  for (const name of captures) {
    last = await compareNem12(join(folder, name), expected)
    if (last.state === 'matched') break
  }
  return last
}

/** A portal's name is what its expected files begin with; the rest of the name says which register. */
async function csvCase(folder: string, name: string, expected: string): Promise<Outcome> {
  const portal = name.slice(0, name.indexOf('_'))
  const capture = readdirSync(folder).find((candidate) => candidate.startsWith(`${portal}_`))
  if (capture === undefined) return { state: 'refused', reason: `no capture of ${portal}` }
  const fedIn = name.includes('feed_out')
  const c = fedIn ? 2 : 1
  const candidates: readonly (string | readonly string[])[] = [
    `1-0:${c}.8.1`,
    `1-0:${c}.8.2`,
    `1-0:${c}.29.1`,
    `1-0:${c}.29.2`,
    `1-0:${c}.29.0`,
    [`1-0:${c}.29.1`, `1-0:${c}.29.2`],
  ]
  let last: Outcome = { state: 'refused', reason: 'no register' }
  for (const register of candidates) {
    const outcome = await compareTotals(join(folder, capture), expected, register)
    if (outcome.state === 'matched') return outcome
    if (outcome.state === 'differs') last = outcome
  }
  return last
}
