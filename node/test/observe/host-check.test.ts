import { expect } from 'chai'
import { ObservedStreet } from './observed-street.ts'

describe('names under which this machine is asked', () => {
  let street: ObservedStreet
  let app: ReturnType<ObservedStreet['app']>

  before(async () => {
    street = await ObservedStreet.create({ meters: 1, witnesses: 0, rounds: 0 })
    app = street.app(undefined, { names: ['Observer.example.com'] })
  })
  after(() => street.stop())

  const ask = async (host: string, remoteAddress = '127.0.0.1', headers: Record<string, string> = {}): Promise<string> => {
    const answer = await app.inject({ url: '/v1/peers', remoteAddress, headers: { ...headers, host } })
    return answer.statusCode === 200 ? 'fine' : `${answer.statusCode} ${answer.json<{ code: string }>().code}`
  }

  it('its own names and addresses are answered', async () => {
    const own = ['localhost', 'localhost:8080', 'LOCALHOST', '127.0.0.1:8080', '[::1]:8080', '192.168.1.7:8080', 'box', 'box:80']
    const home = ['meter.local', 'meter.lan:8080', 'meter.home.arpa', 'a.localhost', 'observer.internal.']
    for (const host of [...own, ...home]) expect(await ask(host), host).to.equal('fine')
  })

  it('HOST_REFUSED: a name that anybody may own and let point here', async () => {
    for (const host of [
      'evil.example.com',
      'evil.example.com:8080',
      '127.0.0.1.example.com',
      'localhost.example',
      'xlocal.com',
    ]) {
      for (const from of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
        expect(await ask(host, from), host).to.equal('403 HOST_REFUSED')
      }
    }
  })

  it('from elsewhere any name will do, through a proxy on this machine those that are configured', async () => {
    expect(await ask('other.example.com', '192.0.2.7')).to.equal('fine')
    expect(await ask('observer.example.com:443')).to.equal('fine')
    // A page may send such a header itself.
    expect(await ask('evil.example.com', '127.0.0.1', { 'x-forwarded-for': '192.0.2.7' })).to.equal('403 HOST_REFUSED')
  })
})
