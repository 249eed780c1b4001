/** The line every check ends with: what a reader, or the build server, looks for. */

export interface Tally {
  readonly passed: number
  readonly failed: number
}

export function formatClosingLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed`
}

/** The tally of the output's last line that is not blank; undefined when that line is anything else. */
export function parseClosingLine(output: string): Tally | undefined {
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  const match = /^(\d+) passed, (\d+) failed$/.exec(last.trim())
  return match === null ? undefined : { passed: Number(match[1]), failed: Number(match[2]) }
}
