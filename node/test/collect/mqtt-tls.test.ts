import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import { expect } from 'chai'
import { isWattnessError, type WattnessError } from '../../../protocol/errors.ts'
import { openSource } from '../../collect/formats.ts'
import { fileMemory } from '../../collect/source-memory.ts'
import { systemPlatform } from '../../platform.ts'
import { type Broker, startBroker, withPassword } from './broker.ts'
import { readingsOf, withFiles } from './inputs.ts'
import { ANOTHER_AUTHORITY, AUTHORITY, BROKER, BROKER_ELSEWHERE, METER } from './tls-certificates.ts'

const MAPPING = JSON.stringify({
  topics: ['meter/one'],
  time: { path: 'at', format: 'epoch-ms' },
  values: [{ path: 'energy', register: '1-0:1.8.0', unit: 'Wh' }],
})
const AT = Date.UTC(2026, 0, 15, 11)

/** The first reading that comes by TLS, or what the source says instead. */
async function firstBy(tls: TlsOptions, login: object): Promise<number | bigint | null | WattnessError> {
  const broker: Broker = await startBroker(0, withPassword('meter', 'secret'), tls)
  const stop = new AbortController()
  try {
    return await withFiles({ 'map.json': MAPPING, 'login.json': JSON.stringify(login) }, async (dir) => {
      await chmod(join(dir, 'login.json'), 0o600)
      await broker.publish('meter/one', JSON.stringify({ at: AT, energy: 41 }), { retain: true })
      const spec = `mqtt:mqtts://127.0.0.1:${broker.port}?map=map.json&login=login.json`
      const source = openSource(spec, { ...systemPlatform, directory: dir, memory: fileMemory(join(dir, 'memory')) })
      for await (const item of source.items(stop.signal)) {
        const [reading] = readingsOf([item])
        if (reading !== undefined) return reading.reading.values[0]?.value ?? null
      }
      throw new Error('the source ended without a word')
    })
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return error
  } finally {
    stop.abort()
    await broker.close()
  }
}

const user = { username: 'meter', password: 'secret' }

describe('MQTT over TLS', () => {
  it('a broker is believed whose certificate an authority of the login file has signed', async () => {
    expect(await firstBy(BROKER, { ...user, ca: AUTHORITY })).to.equal(41)
  })

  it('SOURCE_UNREADABLE: nobody is believed whom no authority, or another one, has signed', async () => {
    for (const trusted of [{}, { ca: ANOTHER_AUTHORITY }]) {
      const said = await firstBy(BROKER, { ...user, ...trusted })
      expect(said).to.have.property('code', 'SOURCE_UNREADABLE')
      expect((said as WattnessError).message).to.match(/^broker 127\.0\.0\.1:\d+ cannot be read: .*certificate/)
    }
  })

  it('SOURCE_UNREADABLE: a certificate is for the host that it names', async () => {
    const said = await firstBy(BROKER_ELSEWHERE, { ...user, ca: AUTHORITY })
    expect(said).to.have.property('code', 'SOURCE_UNREADABLE')
    expect((said as WattnessError).message).to.match(/127\.0\.0\.1/)
  })

  it('a broker that asks for a certificate is shown the one of the login file', async () => {
    const asking = { ...BROKER, ca: AUTHORITY, requestCert: true, rejectUnauthorized: true }
    expect(await firstBy(asking, { ...user, ca: AUTHORITY, ...METER })).to.equal(41)
    expect(await firstBy(asking, { ...user, ca: AUTHORITY })).to.have.property('code', 'SOURCE_UNREADABLE')
  })

  it('MQTT_LOGIN_REFUSED: a password is asked for behind TLS as well, and stands in no message', async () => {
    const said = await firstBy(BROKER, { username: 'meter', password: 'wrong-word', ca: AUTHORITY })
    expect(said).to.have.property('code', 'MQTT_LOGIN_REFUSED')
    expect((said as WattnessError).message).to.not.include('wrong-word')
  })
})
