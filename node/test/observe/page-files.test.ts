import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { PAGE_DIR } from '../../observe/page-files.ts'
import { ObservedStreet } from './observed-street.ts'

describe('the page and the documentation', () => {
  let street: ObservedStreet
  let dir: string

  before(async () => {
    street = await ObservedStreet.create({ meters: 1, witnesses: 0, rounds: 0 })
    dir = await mkdtemp(join(tmpdir(), 'wattness-page-'))
    await mkdir(join(dir, 'assets'))
    await writeFile(join(dir, 'index.html'), '<!doctype html><title>page</title>')
    await writeFile(join(dir, 'assets', 'main-1234.js'), 'console.log(1)')
  })
  after(async () => {
    await street.stop()
    await rm(dir, { recursive: true, force: true })
  })

  it('the built page is served at /, what has a hash in its name for ever', async () => {
    const app = street.app(undefined, { pageDir: dir })
    const page = await app.inject({ url: '/' })
    expect([page.statusCode, page.body]).to.deep.equal([200, '<!doctype html><title>page</title>'])
    expect(page.headers).to.include({ 'cache-control': 'no-cache', 'content-type': 'text/html; charset=utf-8' })
    const script = await app.inject({ url: '/assets/main-1234.js' })
    expect(script.headers['cache-control']).to.equal('max-age=31536000, immutable')
    await writeFile(join(dir, 'assets', 'main-5678.js'), 'console.log(2)')
    expect((await app.inject({ url: '/assets/main-5678.js' })).body, 'built anew meanwhile').to.equal('console.log(2)')
    const missing = await app.inject({ url: '/assets/main-9999.js' })
    expect([missing.statusCode, missing.json<{ code: string }>().code]).to.deep.equal([404, 'NO_SUCH_RESOURCE'])
    for (const url of ['/assets/other.js', '/assets/', '/../package.json', '/%2e%2e/package.json', '/assets/%2e%2e/%2e%2e/x']) {
      expect((await app.inject({ url })).statusCode, url).to.be.oneOf([400, 404])
    }
    expect((await app.inject({ method: 'POST', url: '/' })).statusCode).to.equal(405)
  })

  it('where it is not built, that is said', async () => {
    const page = await street.app().inject({ url: '/' })
    expect([page.statusCode, page.headers['content-type']]).to.deep.equal([200, 'text/html; charset=utf-8'])
    expect(page.body).to.include('npm run build')
    expect(PAGE_DIR).to.match(/\/dist\/node\/observe\/page\/$/)
  })

  it('the documentation asks nobody else: all that its page names is served here', async () => {
    const app = street.app()
    const page = await app.inject({ url: '/docs/' })
    expect(page.statusCode).to.equal(200)
    expect(page.headers['content-security-policy']).to.include("script-src 'self';").and.not.include('http')
    const names = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name]) => name as string)
    expect(names.length).to.be.above(4)
    for (const name of names) {
      expect(name).to.match(/^\.\/static\//)
      expect((await app.inject({ url: `/docs/${name.slice(2)}` })).statusCode, name).to.equal(200)
    }
    const start = await app.inject({ url: '/docs/static/swagger-initializer.js' })
    expect(start.body).to.include('/openapi.json')
    expect(page.body).not.to.match(/<script>|onload=|<style>/)
  })
})
