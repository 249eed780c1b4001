import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { PROJECT_ROOT } from './harness/source-tree.ts'

const MOST_PACKED_BYTES = 1.5 * 1024 * 1024
/** What npm adds to the names in `files` by itself. */
const ALONGSIDE = new Set(['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE'])

interface Manifest {
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, Readonly<Record<'types' | 'default', string>>>>
}

interface Packed {
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

const read = (file: string): string => readFileSync(path.join(PROJECT_ROOT, file), 'utf8')

/** What `npm publish` would send. The build before it is left out: `npm ci` has made one, by `prepare`. */
function pack(): Packed {
  const words = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const output = execFileSync('npm', words, { cwd: PROJECT_ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const [packed] = JSON.parse(output) as Packed[]
  if (packed === undefined) throw new Error(`npm pack said ${output}`)
  return packed
}

describe('the package', () => {
  const manifest = JSON.parse(read('package.json')) as Manifest
  let packed: Packed
  let files: Set<string>

  before(function () {
    this.timeout(180_000)
    if (!existsSync(path.join(PROJECT_ROOT, 'dist/node/cli/wattness.js'))) {
      execFileSync('npm', ['run', '--silent', 'build'], { cwd: PROJECT_ROOT, stdio: 'ignore' })
    }
    packed = pack()
    files = new Set(packed.files.map((file) => file.path))
  })

  it('is at most 1.5 MB', () => {
    expect(packed.size).to.be.at.most(MOST_PACKED_BYTES)
  })

  it('holds node/ and protocol/ as built, and nothing else: no tests, no benches, no sources, no simulator', () => {
    const odd = [...files].filter((file) => !ALONGSIDE.has(file) && !/^dist\/(node|protocol)\//.test(file))
    expect(odd).to.deep.equal([])
    const unwanted = [...files].filter((file) => /(^|\/)(test|bench)\/|\.test\.|(?<!\.d)\.tsx?$|\.map$/.test(file))
    expect(unwanted).to.deep.equal([])
  })

  it('holds the command, and each door for libraries with its types', () => {
    for (const file of Object.values(manifest.bin)) {
      expect(files).to.include(file)
      expect(read(file)).to.match(/^#!\/usr\/bin\/env node\n/)
    }
    expect(Object.keys(manifest.exports)).to.include.members(['.', './protocol'])
    for (const { types, default: code } of Object.values(manifest.exports)) {
      expect(files).to.include(path.posix.normalize(types))
      expect(files).to.include(path.posix.normalize(code))
    }
  })

  it('holds the page as it is served', () => {
    const page = [...files].filter((file) => file.startsWith('dist/node/observe/page/'))
    expect(page.some((file) => file.endsWith('index.html'))).to.equal(true)
    expect(page.some((file) => file.endsWith('.js'))).to.equal(true)
    expect(page.some((file) => file.endsWith('.css'))).to.equal(true)
  })
})
