import { readFileSync } from 'node:fs'
import path from 'node:path'
import { PROJECT_ROOT } from '../harness/source-tree.ts'

const TITLE = '## Three meters on three hosts\n'
const NAMES = ['alpha', 'beta', 'gamma'] as const

/** What docs/operations.md tells the operators of three hosts to type, line by line. */
export interface ThreeHosts {
  /** On the first host: the network, its registrar, an invitation for each. */
  readonly registrar: readonly string[]
  /** On a host, 1 to 3: its own member. */
  readonly member: (host: number) => readonly string[]
  /** On any host, to look whether all is well. */
  readonly look: readonly string[]
}

/** Throws where the page has other blocks of commands than these three. */
export function readThreeHosts(page = readFileSync(path.join(PROJECT_ROOT, 'docs/operations.md'), 'utf8')): ThreeHosts {
  const [, rest = ''] = page.split(TITLE)
  const [section = ''] = rest.split(/^## /m)
  const blocks = section
    .split(/\n\n/)
    .map((part) => part.split('\n').filter((line) => line.startsWith('    ')))
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => line.trim()))
  const [registrar, member, look] = blocks
  if (registrar === undefined || member === undefined || look === undefined || blocks.length !== 3) {
    throw new Error(`docs/operations.md, three hosts: expected three blocks of commands, found ${blocks.length}`)
  }
  return { registrar, member: (host) => member.map((line) => asOn(host, line)), look }
}

export function nameOf(host: number): string {
  const name = NAMES[host - 1]
  if (name === undefined) throw new Error(`host ${host}: there are ${NAMES.length}`)
  return name
}

/** "With its own name, address and meter": the page shows the first host's. */
function asOn(host: number, line: string): string {
  return line
    .replaceAll(NAMES[0], nameOf(host))
    .replaceAll('198.51.100.1/', `198.51.100.${host}/`)
    .replaceAll('household:1?', `household:${host}?`)
}
