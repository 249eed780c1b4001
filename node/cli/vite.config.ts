import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { defineConfig, type Plugin } from 'vite'

/**
 * The program as it is installed: the command, also for a process that becomes one, the demonstration's hosts and the worker
 * threads, each at the place where the compiler has put it, with what they import in a few files beside them. A process that
 * loads some 1,500 modules one by one holds 28 MiB more for it and takes three times as long to begin. `npm run build` runs
 * this after the compiler, whose output the library's doors keep.
 */

const ROOT = path.resolve(import.meta.dirname, '../..')
/** As deep as the folders of the entries: what one of these files finds beside itself, the others find as well. */
const CHUNKS = 'node/program'

/** Files that a process or a thread begins with, or goes on with. */
const ENTRIES = ['node/cli/wattness', 'node/cli/command', 'node/demo/host-process', 'node/validate/worker', 'node/audit/worker']

/** Loaded from where they are installed: native parts, and what reads files of its own or serves HTTP, as not every node does. */
const INSTALLED = [
  'classic-level',
  'serialport',
  'modbus-serial',
  'mqtt',
  'fastify',
  '@fastify/helmet',
  '@fastify/rate-limit',
  '@fastify/static',
  '@fastify/swagger',
  '@fastify/swagger-ui',
  'prom-client',
]

/** Our own modules look for files beside themselves: each is told where it would be, had it not been put together with others. */
function ownPlaces(): Plugin {
  return {
    name: 'own-places',
    transform: {
      filter: { id: /\/(node|protocol)\/[^?]*\.ts$/, code: 'import.meta.url' },
      handler(code, id) {
        const file = path.relative(ROOT, id).replace(/\.ts$/, '.js')
        const place = path.posix.relative(CHUNKS, file)
        return { code: code.replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, import.meta.url).href`), map: null }
      },
    },
  }
}

/**
 * These are CommonJS, and required: where a module imports such a file, Node reads its text for the names that it exports, with a
 * WebAssembly of its own, which is 3 MiB of a process.
 */
function required(): Plugin {
  const PREFIX = '\0required:'
  return {
    name: 'required',
    enforce: 'pre',
    resolveId: (source) => (INSTALLED.includes(source) ? PREFIX + source : undefined),
    load(id) {
      if (!id.startsWith(PREFIX)) return undefined
      const name = id.slice(PREFIX.length)
      const names = Object.keys(createRequire(import.meta.url)(name) as object).filter((each) => IDENTIFIER.test(each))
      return [
        "import { createRequire } from 'node:module'",
        `const installed = createRequire(import.meta.url)(${JSON.stringify(name)})`,
        'export default installed',
        `export const { ${names.join(', ')} } = installed`,
      ].join('\n')
    },
  }
}

const IDENTIFIER = /^(?!default$)[A-Za-z_$][\w$]*$/

/** `node/net/noise-crypto.ts` computes for Noise: what the package would else choose is WebAssembly, compiled at each start. */
function noDefaultNoise(): Plugin {
  return {
    name: 'no-default-noise',
    enforce: 'pre',
    resolveId: (source, importer) =>
      source === './crypto/index.js' && importer?.includes('/@chainsafe/libp2p-noise/') ? '\0no-default-noise' : undefined,
    load: (id) => (id === '\0no-default-noise' ? 'export const defaultCrypto = undefined' : undefined),
  }
}

/** One character beyond Latin-1 makes V8 keep two bytes for each of a whole file. They stand in strings and patterns only. */
function plainText(): Plugin {
  return {
    name: 'plain-text',
    generateBundle(_options, files) {
      for (const file of Object.values(files)) {
        if (file.type !== 'chunk') continue
        file.code = file.code.replace(/[\u0080-\uffff]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
      }
    },
  }
}

/** Names of chunks change with what is in them: what a build before has left would be packed with the rest. */
function noRemains(): Plugin {
  return {
    name: 'no-remains',
    renderStart: ({ dir }) => rm(path.resolve(ROOT, dir ?? 'dist', CHUNKS), { recursive: true, force: true }),
  }
}

export default defineConfig({
  root: ROOT,
  publicDir: false,
  logLevel: 'warn',
  plugins: [ownPlaces(), required(), noDefaultNoise(), noRemains(), plainText()],
  ssr: { noExternal: true, target: 'node' },
  build: {
    ssr: true,
    outDir: 'dist',
    emptyOutDir: false,
    target: 'node22',
    license: { fileName: `${CHUNKS}/licences.md` },
    rolldownOptions: {
      input: Object.fromEntries(ENTRIES.map((entry) => [entry, path.join(ROOT, `${entry}.ts`)])),
      output: {
        format: 'esm',
        entryFileNames: '[name].js',
        chunkFileNames: `${CHUNKS}/[name]-[hash].js`,
        // V8 keeps the text of what it runs: 3 MiB more of it as written. Names of functions stay, for stacks.
        minify: { compress: true, mangle: { toplevel: false }, codegen: true },
      },
    },
  },
})
