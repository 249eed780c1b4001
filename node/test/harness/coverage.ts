import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import path from 'node:path'
import { maskSource } from './mask.ts'

/** Least share of lines that tests must run, in each part. */
export const LEAST_LINES_PERCENT = 90

export const COVERED_PARTS = ['protocol', 'node'] as const

export interface FileLines {
  /** From the top of the project. */
  readonly path: string
  readonly total: number
  readonly covered: number
}

/** The part of c8's json-summary that is read here; its keys are absolute paths and `total`. */
type Summary = Record<string, { readonly lines: { readonly total: number; readonly covered: number } }>

/** Lines of each file under `part`; files that hold nothing but types are left out, since nothing of them ever runs. */
export function readCoverage(root: string, part: string): FileLines[] {
  const summary = JSON.parse(readFileSync(path.join(root, 'coverage/coverage-summary.json'), 'utf8')) as Summary
  return Object.entries(summary)
    .map(([file, { lines }]) => ({ path: path.relative(root, file).replaceAll(path.sep, '/'), ...lines }))
    .filter((file) => file.path.startsWith(`${part}/`))
    .filter((file) => file.covered > 0 || holdsCode(readFileSync(path.join(root, file.path), 'utf8')))
}

/** False for a source that the compiler erases to nothing. */
export function holdsCode(source: string): boolean {
  return maskSource(stripTypeScriptTypes(source)).replace(/[/*\s;]|export \{\s*\}/g, '') !== ''
}

/** Share of covered lines in percent; a part without lines is covered. */
export function percentCovered(files: readonly FileLines[]): number {
  const total = files.reduce((sum, file) => sum + file.total, 0)
  const covered = files.reduce((sum, file) => sum + file.covered, 0)
  return total === 0 ? 100 : (100 * covered) / total
}

/** The `count` files with the smallest share, as a table. */
export function formatLowest(files: readonly FileLines[], count: number): string {
  return files
    .map((file) => ({ ...file, percent: percentCovered([file]) }))
    .sort((a, b) => a.percent - b.percent)
    .slice(0, count)
    .map(
      (file) =>
        `  ${file.percent.toFixed(1).padStart(5)} %  ${file.path} (${file.total - file.covered} of ${file.total} lines left)`,
    )
    .join('\n')
}
