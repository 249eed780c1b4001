import { expect } from 'chai'
import * as imports from './harness/import-rules.ts'
import { listTopLevel, readProject, type SourceFile } from './harness/source-tree.ts'
import * as tidy from './harness/tidy-rules.ts'

/**
 * The house's rules, read off the source. Each rule is first shown something bad and something good of its kind: a rule that
 * cannot fail holds nothing.
 */

const project = readProject()

function at(path: string, text = ''): SourceFile {
  return { path, text }
}

/** Each bad source alone must be a fault, all good ones together must be none, and the project must be none. */
function hold(rule: imports.Rule, bad: readonly (SourceFile | readonly SourceFile[])[], good: readonly SourceFile[]): void {
  for (const source of bad) expect(rule([source].flat()), JSON.stringify(source)).to.have.length.above(0)
  expect(rule(good)).to.deep.equal([])
  expect(rule(project)).to.deep.equal([])
}

describe('tidy', () => {
  it('the source is found', () => {
    expect(project.map((file) => file.path)).to.include.members(['package.json', 'protocol/bytes.ts', 'node/test/tidy.test.ts'])
  })

  it('protocol/ imports only @noble/hashes and itself', () => {
    hold(
      imports.protocolImports,
      [
        at('protocol/a.ts', "import { join } from 'node:path'"),
        at('protocol/a.ts', "import type { Clock } from '../node/platform.ts'"),
        at('protocol/a.ts', "export * from 'ajv'"),
        at('protocol/a.ts', "const ajv = await import('ajv')"),
        at('protocol/a.ts', "import '@noble/hashes-too/x.js'"),
        at('protocol/test/a.test.ts', "import { sleep } from '../../node/platform.ts'"),
      ],
      [
        at('protocol/a.ts', "import {\n  sha256,\n} from '@noble/hashes/sha2.js'\nimport { b } from './b.ts'"),
        at('protocol/a.ts', "// import 'ajv'\nconst text = `import x from 'ajv'`"),
        at('protocol/test/a.test.ts', "import { readFileSync } from 'node:fs'\nimport { a } from '../a.ts'"),
      ],
    )
  })

  it('node/ does not import simulations/', () => {
    hold(
      imports.nodeImports,
      [at('node/seal/a.ts', "import { x } from '../../simulations/x.ts'"), at('node/test/a.test.ts', "import '../../dist/x.js'")],
      [at('node/seal/a.ts', "import { x } from '../../protocol/x.ts'\nimport y from 'pino'\nimport { z } from '../platform.ts'")],
    )
  })

  it('simulations/ import only protocol/ and node/index.ts, their tests the suites of the ports too', () => {
    hold(
      imports.simulationImports,
      [
        at('simulations/a.ts', "import { x } from '../node/node.ts'"),
        at('simulations/a.ts', "import '../node/seal/index.ts'"),
        at('simulations/a.ts', "import { x } from '../node/test/net/contract.ts'"),
        at('simulations/test/a.test.ts', "import { x } from '../../node/node.ts'"),
      ],
      [
        at('simulations/a.ts', "import { x } from '../node/index.ts'\nimport y from '../protocol/y.ts'\nimport './b.ts'"),
        at('simulations/test/a.test.ts', "import { x } from '../../node/test/net/contract.ts'"),
      ],
    )
  })

  it('docker/ imports only itself', () => {
    hold(
      imports.dockerImports,
      [
        at('docker/entry/a.ts', "import { x } from '../../node/index.ts'"),
        at('docker/test/a.ts', "import '../../protocol/x.ts'"),
      ],
      [at('docker/entry/a.ts', "import { x } from './b.ts'\nimport path from 'node:path'")],
    )
  })

  it('a room is entered by its index.ts only', () => {
    hold(
      imports.roomDoors,
      [
        at('node/seal/a.ts', "import { x } from '../store/database.ts'"),
        at('node/seal/a.ts', "import type { X } from '../store/database.ts'"),
        at('node/node.ts', "import { x } from './store/database.ts'"),
        at('node/cli/deep/a.ts', "import { x } from '../../store/database.ts'"),
      ],
      [
        at('node/seal/a.ts', "import { x } from '../store/index.ts'\nimport { y } from './spool.ts'"),
        at('node/test/seal/a.test.ts', "import { x } from '../../store/database.ts'"),
      ],
    )
  })

  it('only node/node.ts and its parts wire the rooms, and only node/cli and node/demo stand on the whole node', () => {
    hold(
      imports.wiring,
      [
        at('node/platform.ts', "import { x } from './store/index.ts'"),
        at('node/seal/a.ts', "import { createNode } from '../index.ts'"),
        at('node/seal/a.ts', "import { x } from '../node.ts'"),
        at('node/seal/a.ts', "import { x } from '../parts.ts'"),
        at('node/seal/a.ts', "import { x } from '../cli/index.ts'"),
      ],
      [
        at('node/node.ts', "import { x } from './store/index.ts'"),
        at('node/parts.ts', "import { x } from './store/index.ts'"),
        at('node/index.ts', "export { x } from './store/index.ts'\nexport { y } from './node.ts'"),
        at('node/demo/a.ts', "import { openNode } from '../open-node.ts'"),
        at('node/cli/a.ts', "import { createNode } from '../index.ts'\nimport { x } from '../store/index.ts'"),
        at('node/seal/a.ts', "import { systemClock } from '../platform.ts'"),
        at('node/events.ts', "import type { Block } from './store/index.ts'"),
      ],
    )
  })

  it('rooms do not load each other in a circle', () => {
    const toStore = at('node/seal/a.ts', "import { x } from '../store/index.ts'")
    hold(
      imports.roomCycles,
      [[toStore, at('node/store/b.ts', "import { y } from '../seal/index.ts'")]],
      [toStore, at('node/store/b.ts', "import type { Y } from '../seal/index.ts'")],
    )
  })

  it('the rooms of node/ are the known ones', () => {
    hold(imports.knownRooms, [at('node/attic/a.ts')], [at('node/seal/a.ts'), at('node/bench/seal.ts'), at('node/platform.ts')])
  })

  it('clock, timers, randomness and environment are read in node/platform.ts only', () => {
    const bad = [
      'const t = Date.now()',
      'const d = new Date()',
      'const d = new Date',
      'const d = Date()',
      'const t = performance.now()',
      'const t = process.hrtime.bigint()',
      'const r = Math.random()',
      'setTimeout(run, 5)',
      'const later = setTimeout',
      'globalThis.setTimeout(run, 5)',
      'setInterval(run, 5)',
      'const home = process.env.HOME',
      'const home = `${process.env.HOME}/x`',
      'const signal = AbortSignal.timeout(5)',
    ]
    const good = [
      'const d = new Date(0)\nclearTimeout(timer)\nclock.now()',
      "// Date.now() is banned\nconst text = 'Math.random()'\nconst r = /setTimeout/",
      'const d = new Date(\n  ms,\n)\nconst t: Date = d',
    ]
    hold(
      tidy.bannedCalls,
      [
        ...bad.map((text) => at('node/seal/a.ts', text)),
        at('node/seal/browser.ts', 'const t = Date.now()'),
        at('node/observe/page/views/a.tsx', 'const t = <p>{Date.now()}</p>'),
      ],
      [
        ...good.map((text) => at('node/seal/a.ts', text)),
        at('node/platform.ts', bad.join('\n')),
        at('node/observe/page/browser.ts', bad.join('\n')),
        at('node/test/a.test.ts', bad.join('\n')),
      ],
    )
  })

  it('protocol/ uses nothing that a browser lacks', () => {
    hold(
      tidy.browserSafe,
      [at('protocol/a.ts', "const b = Buffer.from('x')"), at('protocol/a.ts', 'process.exit(1)')],
      [
        at('protocol/a.ts', "type Bytes = ArrayBuffer // Buffer\nconst what = 'process'"),
        at('protocol/test/a.ts', 'Buffer.alloc(1)'),
      ],
    )
  })

  it('no file is longer than 400 lines without a reason at its head', () => {
    const long = 'x\n'.repeat(401)
    hold(
      tidy.fileLengths,
      [
        at('node/seal/a.ts', long),
        at('node/seal/a.ts', `${long}// Long because: it is\n`),
        at('node/seal/a.ts', `// Long because:\n${long}`),
      ],
      [at('node/seal/a.ts', 'x\n'.repeat(400)), at('node/seal/b.ts', `// Long because: one table of codes.\n${long}`)],
    )
  })

  it('no line is longer than 130 characters', () => {
    hold(
      tidy.lineLengths,
      [at('node/a.ts', `x\n${'x'.repeat(131)}`)],
      [at('node/a.ts', 'x'.repeat(130)), at('a.md', 'x'.repeat(131))],
    )
  })

  it('names are in kebab-case', () => {
    hold(
      tidy.kebabCase,
      [at('node/Seal/a.ts'), at('node/seal/a@.ts'), at('node/seal/blockSealer.ts'), at('node/seal/block_sealer.ts')],
      [at('node/seal/block-sealer.test.ts'), at('docker/Dockerfile'), at('a@.service'), at('protocol/README.md'), at('LICENSE')],
    )
  })

  it('a name says what is in the file', () => {
    hold(
      tidy.tellingNames,
      [at('node/seal/utils.ts'), at('node/helpers/a.ts'), at('protocol/common.ts')],
      [at('node/seal/common-mode.ts'), at('protocol/bytes.ts')],
    )
  })

  it('the top level holds nothing but the fixed names and dot-files', () => {
    expect(tidy.topLevelFaults(['src', 'biome.json', 'protocol', '.biome.json', 'LICENSE'])).to.have.length(2)
    expect(tidy.topLevelFaults(listTopLevel())).to.deep.equal([])
  })

  it('every page of docs/ is linked from README.md or docs/README.md', () => {
    hold(
      tidy.linkedDocs,
      [at('docs/errors.md'), [at('docs/errors.md'), at('README.md', '[errors](docs/error.md)')]],
      [
        at('README.md', '[house](docs/README.md) and [errors](docs/errors.md#codes)'),
        at('docs/README.md', '[glossary](./glossary.md)'),
        at('docs/errors.md'),
        at('docs/glossary.md'),
        at('docs/picture.svg'),
      ],
    )
  })
})
