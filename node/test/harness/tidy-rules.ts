import path from 'node:path'
import type { Rule } from './import-rules.ts'
import { maskSource } from './mask.ts'
import { isTestOrBench, isTypeScript, type SourceFile } from './source-tree.ts'

export const LONGEST_LINE = 130
export const LONGEST_FILE_LINES = 400

/** A file above the bound says why within its first lines. */
const LONG_REASON = /^\/\/ Long because: \S/m
const HEAD_LINES = 10

const TOP_LEVEL = new Set([
  'protocol',
  'node',
  'simulations',
  'docker',
  'docs',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
])

/** What bypasses the injected clock, timers, randomness and environment. A method of the same name is another thing. */
const BANNED_CALLS: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew\s+Date\b(?!\s*\(\s*[^\s)])/, 'new Date() without a time'],
  [/(?<!new\s+|[\w$.])Date\s*\(/, 'Date()'],
  [/\bperformance\s*\.\s*now\b/, 'performance.now'],
  [/\bprocess\s*\.\s*hrtime\b/, 'process.hrtime'],
  [/\bMath\s*\.\s*random\b/, 'Math.random'],
  [/(?<![\w$.]|function\s)setTimeout(?![\w$])|\bglobalThis\.setTimeout\b/, 'setTimeout'],
  [/(?<![\w$.]|function\s)setInterval(?![\w$])|\bglobalThis\.setInterval\b/, 'setInterval'],
  [/\bAbortSignal\s*\.\s*timeout\b/, 'AbortSignal.timeout'],
  [/\bprocess\s*\.\s*env\b/, 'process.env'],
]
const PLATFORM_FILE = 'node/platform.ts'
/** What runs in a browser takes the same things of the browser, in one file as well. */
const PAGE = 'node/observe/page/'
const PAGE_PLATFORM_FILE = `${PAGE}browser.ts`

const platformOf = (path: string): string => (path.startsWith(PAGE) ? PAGE_PLATFORM_FILE : PLATFORM_FILE)

const NOT_IN_A_BROWSER = ['Buffer', 'process', 'require', '__dirname', '__filename'].map(
  (name) => [new RegExp(`(?<![\\w$.])${name}(?![\\w$])(?!\\s*:)`), name] as const,
)

/** Names that others gave: registries, engines and readers look for them in this spelling. */
const GIVEN_NAMES = /^(README\.md|CHANGELOG\.md|LICENSE|Dockerfile(\.[a-z-]+)?)$/
/** systemd's templates have an @ behind their name. */
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(@(?=\.service$))?(\.[a-z0-9]+)*$/
const NAMES_NOTHING = /^(utils?|helpers?|common|misc|shared)(\.|$)/

/** Where each of the patterns stands in the code, comments and texts left out. */
function findInCode(file: SourceFile, patterns: readonly (readonly [RegExp, string])[], advice: string): string[] {
  const code = maskSource(file.text)
  return patterns.flatMap(([pattern, name]) =>
    [...code.matchAll(new RegExp(pattern, 'g'))].map(
      ({ index }) => `${file.path}:${code.slice(0, index).split('\n').length}: ${name}: ${advice}`,
    ),
  )
}

export const bannedCalls: Rule = (files) =>
  files
    // What stands in docker/ starts nodes by their command line, and none of it ever runs on virtual time.
    .filter((file) => isTypeScript(file) && !isTestOrBench(file) && !file.path.startsWith('docker/'))
    .filter((file) => file.path !== platformOf(file.path))
    .flatMap((file) => findInCode(file, BANNED_CALLS, `take it from the injected platform (${platformOf(file.path)})`))

export const browserSafe: Rule = (files) =>
  files
    .filter((file) => isTypeScript(file) && file.path.startsWith('protocol/') && !isTestOrBench(file))
    .flatMap((file) => findInCode(file, NOT_IN_A_BROWSER, 'protocol/ runs in a browser'))

export const fileLengths: Rule = (files) =>
  files.filter(isTypeScript).flatMap((file) => {
    const lines = file.text.trimEnd().split('\n')
    if (lines.length <= LONGEST_FILE_LINES || LONG_REASON.test(lines.slice(0, HEAD_LINES).join('\n'))) return []
    return [`${file.path}: ${lines.length} lines, and no "// Long because: …" in its first ${HEAD_LINES}`]
  })

export const lineLengths: Rule = (files) =>
  files.filter(isTypeScript).flatMap((file) =>
    file.text.split('\n').flatMap((line, index) => {
      if (line.length <= LONGEST_LINE) return []
      return [`${file.path}:${index + 1}: ${line.length} characters, at most ${LONGEST_LINE}`]
    }),
  )

export const kebabCase: Rule = (files) =>
  files.flatMap((file) =>
    file.path.split('/').every((name) => KEBAB_CASE.test(name) || GIVEN_NAMES.test(name))
      ? []
      : [`${file.path}: names are in kebab-case`],
  )

export const tellingNames: Rule = (files) =>
  files.flatMap((file) =>
    file.path.split('/').some((name) => NAMES_NOTHING.test(name)) ? [`${file.path}: the name says nothing of what is in it`] : [],
  )

/** `names`: what stands at the top of the project. */
export function topLevelFaults(names: readonly string[]): string[] {
  return names.filter((name) => !name.startsWith('.') && !TOP_LEVEL.has(name)).map((name) => `${name}: not at the top level`)
}

/** A page nobody links to is read by nobody. */
export const linkedDocs: Rule = (files) => {
  const linked = new Set(
    files
      .filter((file) => file.path === 'README.md' || file.path === 'docs/README.md')
      .flatMap((file) =>
        [...file.text.matchAll(/\]\(([^)#\s]+)/g)].map(([, link]) => path.posix.join(path.posix.dirname(file.path), link ?? '')),
      ),
  )
  return files
    .filter((file) => file.path.startsWith('docs/') && file.path.endsWith('.md') && file.path !== 'docs/README.md')
    .filter((file) => !linked.has(file.path))
    .map((file) => `${file.path}: linked from neither README.md nor docs/README.md`)
}
