import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { Noun } from './api.ts'

/** Where vite builds the page: beside this file where that is built too, else where it would be. */
export const PAGE_DIR = fileURLToPath(
  new URL(import.meta.url.endsWith('.js') ? './page/' : '../../dist/node/observe/page/', import.meta.url),
)

const NOT_BUILT = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Wattness</title>
<h1>This node answers, its page is not built</h1>
<p>Build it with <code>npm run build</code>, then start the node again. The API is at <a href="/v1/status">/v1/status</a>, its
documentation at <a href="/docs">/docs</a>.</p>
</html>
`

const ASSETS = 'assets'

/** The page at `/`. */
export const page: Noun = (app, { pageDir }, done) => {
  if (!existsSync(`${pageDir}/index.html`)) {
    app.get('/', { schema: { hide: true } }, (_request, reply) =>
      reply.header('content-type', 'text/html; charset=utf-8').header('cache-control', 'no-cache').send(NOT_BUILT),
    )
    done()
    return
  }
  const files = { schemaHide: true, decorateReply: false, cacheControl: false }
  void app.register(fastifyStatic, {
    ...files,
    root: pageDir,
    wildcard: false,
    globIgnore: [`${ASSETS}/**`],
    setHeaders: (reply) => void reply.header('cache-control', 'no-cache'),
  })
  // What has a hash of its content in its name; looked for when it is asked for, since a new build makes new names.
  if (existsSync(`${pageDir}/${ASSETS}`)) {
    void app.register(fastifyStatic, {
      ...files,
      root: `${pageDir}/${ASSETS}`,
      prefix: `/${ASSETS}/`,
      index: false,
      setHeaders: (reply) => void reply.header('cache-control', 'max-age=31536000, immutable'),
    })
  }
  done()
}
