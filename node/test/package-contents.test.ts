import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { PROJECT_ROOT } from './harness/source-tree.ts'

const MOST_PACKED_BYTES = 1.5 * 1024 * 1024
/** What npm adds to the names in `files` by itself. */
const ALONGSIDE = new Set(['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE'])

/** As node/cli/vite.config.ts has them. */
const ENTRIES = ['cli/wattness', 'cli/command', 'demo/host-process', 'validate/worker', 'audit/worker'].map(
  (entry) => `dist/node/${entry}.js`,
)

interface Manifest {
  readonly version: string
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

  it('holds the program put together, under the licences of what went into it, and nothing of a build before', () => {
    const program = [...files].filter((file) => file.startsWith('dist/node/program/'))
    const chunks = program.filter((file) => file.endsWith('.js'))
    const all = chunks.map(read).concat(ENTRIES.map(read)).join('\n')
    for (const chunk of chunks) expect(all, chunk).to.include(path.basename(chunk))
    expect(program.filter((file) => !chunks.includes(file))).to.deep.equal(['dist/node/program/licences.md'])
    const licences = read('dist/node/program/licences.md')
    for (const name of ['libp2p', '@libp2p/gossipsub', '@libp2p/noise', '@noble/hashes', 'abstract-level', 'commander', 'pino'])
      expect(licences).to.include(`## ${name} `)
  })

  it('the command loads nothing of the program before it has a Node that can', () => {
    const imports = [...read(ENTRIES[0] as string).matchAll(/(?:^|[;\n])import[^;(]*?from\s*"([^"]+)"/g)].map(([, name]) => name)
    expect(imports).to.not.be.empty
    expect(imports.filter((name) => name?.startsWith('node:') !== true)).to.deep.equal([])
  })

  it('each file that a process or a thread begins with loads', () => {
    const version = execFileSync(process.execPath, [path.join(PROJECT_ROOT, ENTRIES[0] as string), '--version'], {
      encoding: 'utf8',
    })
    expect(version.trim()).to.equal(manifest.version)
    for (const entry of ENTRIES) {
      const code = read(entry)
      for (const [, name] of code.matchAll(/(?:from|import\()\s*["`](\.[^"`]+)["`]/g)) {
        expect(files, `${entry}: ${name}`).to.include(path.posix.join(path.posix.dirname(entry), name as string))
      }
    }
  })

  it('holds the page as it is served', () => {
    const page = [...files].filter((file) => file.startsWith('dist/node/observe/page/'))
    expect(page.some((file) => file.endsWith('index.html'))).to.equal(true)
    expect(page.some((file) => file.endsWith('.js'))).to.equal(true)
    expect(page.some((file) => file.endsWith('.css'))).to.equal(true)
  })
})
