import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Report } from '../report.ts'
import { comparePage } from './compare-page.ts'
import { reportPage } from './report-page.ts'

/** Writes `report.json` and `report.html` into a directory, which is made. */
export function writeReport(directory: string, report: Report): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(path.join(directory, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`)
  writeFileSync(path.join(directory, 'report.html'), reportPage(report))
}

/** Writes `compare.html` into a directory, which is made. */
export function writeComparison(directory: string, a: Report, b: Report): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(path.join(directory, 'compare.html'), comparePage(a, b))
}
