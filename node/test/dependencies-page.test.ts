import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { listImports } from './harness/imports.ts'
import { isTestOrBench, isTypeScript, PROJECT_ROOT, readProject } from './harness/source-tree.ts'

const read = (file: string): string => readFileSync(path.join(PROJECT_ROOT, file), 'utf8')

/** A row of a table: name, what for, why this one, what would replace it, licence. */
const COLUMNS = 5

/** The package that an import names; undefined for a file and for what Node brings. */
function packageOf(specifier: string): string | undefined {
  if (/^(\.|node:)/.test(specifier)) return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly license?: string }>>
}

describe('docs/dependencies.md', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Manifest
  const { packages } = JSON.parse(read('package-lock.json')) as Lock
  const rows = new Map(
    read('docs/dependencies.md')
      .split('\n')
      .flatMap((line) => {
        const cells = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim())
        const names = line.startsWith('| `') ? (cells[0]?.match(/`[^`]+`/g) ?? []) : []
        return names.map((name) => [name.slice(1, -1), cells] as const)
      }),
  )

  it('every direct dependency stands there, with a word in each column', () => {
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
      const cells = rows.get(name) ?? []
      expect(cells, name).to.have.length(COLUMNS)
      for (const cell of cells) expect(cell, name).not.to.equal('')
    }
  })

  it('what a running node is said to need something imports, and nothing else is imported', () => {
    // Node itself is run, not imported; why `level` is there stands on the page.
    const named = Object.keys(dependencies).filter((name) => name !== 'node' && name !== 'level')
    const sources = readProject().filter((file) => isTypeScript(file) && !isTestOrBench(file))
    const imported = new Set(sources.flatMap((file) => listImports(file).flatMap(({ specifier }) => packageOf(specifier) ?? [])))
    // Native parts are asked for by require, where they may be missing.
    const isAskedFor = (name: string): boolean =>
      sources.some(({ text }) => text.includes(`createRequire(import.meta.url)('${name}')`))
    expect(named.filter((name) => !imported.has(name) && !isAskedFor(name))).to.deep.equal([])
    const known = { ...dependencies, ...devDependencies }
    expect([...imported].filter((name) => known[name] === undefined)).to.deep.equal([])
  })

  it('nothing stands there that is none', () => {
    expect(
      [...rows.keys()].filter((name) => dependencies[name] === undefined && devDependencies[name] === undefined),
    ).to.deep.equal([])
  })

  it('the licence of each is the one that its package names', () => {
    for (const [name, cells] of rows) {
      const { license } = packages[`node_modules/${name}`] ?? {}
      expect(cells.at(-1), name).to.equal(license)
    }
  })
})
