import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { PROJECT_ROOT } from './harness/source-tree.ts'

const read = (file: string): string => readFileSync(path.join(PROJECT_ROOT, file), 'utf8')

/** A row of a table: name, what for, why this one, what would replace it, licence. */
const COLUMNS = 5

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
