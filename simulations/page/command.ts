import type { Command } from 'commander'
import { compareReports, textOfComparison } from './comparison.ts'
import { writeComparison } from './files.ts'
import { readReport } from './report-file.ts'

interface CompareOptions {
  readonly report?: string
  readonly json?: boolean
}

/** `act` runs it and takes its status: 0, whatever the two runs were like. */
export function addCompare(program: Command, act: (run: () => Promise<number>) => Promise<void>): void {
  program
    .command('compare')
    .description('Puts two reports side by side.')
    .argument('<a>', 'a report.json, or the directory that holds it')
    .argument('<b>', 'another one')
    .option('--report <dir>', 'writes compare.html there')
    .option('--json', 'prints the comparison as JSON')
    .action((first: string, second: string, options: CompareOptions) =>
      act(async () => {
        const [a, b] = [readReport(first), readReport(second)]
        if (options.report !== undefined) writeComparison(options.report, a, b)
        const comparison = compareReports(a, b)
        console.log(options.json === true ? JSON.stringify(comparison) : textOfComparison(comparison))
        return 0
      }),
    )
}
