import { maskSource } from './mask.ts'
import { isTypeScript, type SourceFile } from './source-tree.ts'

/** Comments that switch a check off. What a check finds is mended, or the check is changed for everybody. */
const IGNORE_COMMENTS = new RegExp(
  [
    '@ts-(ignore|expect-error|nocheck)',
    '\\b([cv]8|istanbul) ignore',
    '\\bnode:coverage (disable|ignore)',
    '\\b(ox|es)lint-disable',
    '\\bbiome-ignore',
  ].join('|'),
  'g',
)

/** Tests that do not run, or keep the others from running. */
const SKIPPED_TESTS =
  /\b(describe|context|it|specify)\s*\.\s*(skip|only)\b|\bx(describe|context|it|specify)\s*\(|\bthis\s*\.\s*skip\b/g

/** Each place where a check is switched off, as `file:line: what stands there`. */
export function findSilencedChecks(files: readonly SourceFile[]): string[] {
  return files.filter(isTypeScript).flatMap((file) => {
    const inTest = file.path.endsWith('.test.ts')
    const comments = [...file.text.matchAll(IGNORE_COMMENTS)]
    const skipped = inTest ? [...maskSource(file.text).matchAll(SKIPPED_TESTS)] : []
    return [...comments, ...skipped].map(
      ({ index, 0: found }) => `${file.path}:${file.text.slice(0, index).split('\n').length}: ${found}`,
    )
  })
}
