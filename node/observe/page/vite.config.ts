import path from 'node:path'
import { defineConfig } from 'vite'

/** The explorer page: static files that an observer serves at `/`. Relative names: it works below any path. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: 'public',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: path.resolve(import.meta.dirname, '../../../dist/node/observe/page'),
    emptyOutDir: true,
    // Where Ed25519 stands in WebCrypto, so does all of this.
    target: 'es2022',
    // The policy of the page takes no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
})
