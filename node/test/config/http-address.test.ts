import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import { nodeOptionsOf, parseHttpAddress, resolveConfig } from '../../config/index.ts'

const httpOf = (flags: object, environment = {}): unknown =>
  nodeOptionsOf(resolveConfig({ flags: { ...flags }, environment }).config, 'ab'.repeat(32)).http

describe('where HTTP is served', () => {
  it('nowhere by default', () => {
    expect(httpOf({})).to.equal(undefined)
    expect(httpOf({ http: 'off' })).to.equal(undefined)
  })

  it('a port without an address is this machine alone', () => {
    for (const http of ['8080', ':8080', 'localhost:8080', '127.0.0.1:8080'])
      expect(httpOf({ http }), http).to.deep.equal({ host: '127.0.0.1', port: 8_080 })
    expect(httpOf({}, { WATTNESS_HTTP: '0' })).to.deep.equal({ host: '127.0.0.1', port: 0 })
  })

  it('others are served only where the address is written', () => {
    expect(parseHttpAddress('192.0.2.7:80')).to.deep.equal({ host: '192.0.2.7', port: 80 })
    expect(parseHttpAddress('0.0.0.0:65535')).to.deep.equal({ host: '0.0.0.0', port: 65_535 })
    expect(parseHttpAddress('[::]:8080')).to.deep.equal({ host: '::', port: 8_080 })
    expect(parseHttpAddress('[::1]:0')).to.deep.equal({ host: '::1', port: 0 })
  })

  it('CONFIG_INVALID: names, wildcards and what is no port', () => {
    const bad = ['', 'on', '*:80', 'gateway:80', 'http://127.0.0.1:80', '::1:80', '[]:80', '[127.0.0.1]:80', '[gateway]:80']
    for (const http of [...bad, '1.2.3:80', '65536', '-1', '08', '80 ', '127.0.0.1:', '127.0.0.1', '80:80']) {
      let code = 'none'
      try {
        httpOf({ http })
      } catch (error) {
        code = isWattnessError(error) ? error.code : String(error)
      }
      expect(code, http).to.equal('CONFIG_INVALID')
    }
  })

  it('docs/configuration.md has every path', async () => {
    const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
    const paths = ['checkpoint', 'tile/<L>/<N>[.p/<W>]', 'tile/entries/<N>[.p/<W>]'].map((path) => `/tlog/<member>/${path}`)
    for (const path of [...paths, '/add-checkpoint', '/witness/<origin hash>/checkpoint']) expect(page).to.contain(`\`${path}\``)
  })
})
