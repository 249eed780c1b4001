import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Report } from '../report.ts'

/** Writes `report.json` into a directory, which is made. */
export function writeReport(directory: string, report: Report): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(path.join(directory, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`)
}
