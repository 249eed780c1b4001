import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { isWattnessError } from '../../../protocol/errors.ts'
import {
  environmentName,
  formatConfigReference,
  formatDuration,
  KEYS,
  nodeOptionsOf,
  parseDuration,
  type ResolveInit,
  resolveConfig,
} from '../../config/index.ts'
import { announceDelayOf, DEFAULT_SETTINGS } from '../../settings.ts'

const NETWORK_ID = 'ab'.repeat(32)

function faultsOf(init: ResolveInit): string[] {
  try {
    resolveConfig(init)
  } catch (error) {
    if (isWattnessError(error, 'CONFIG_INVALID')) return error.data['faults'] as string[]
    throw error
  }
  return []
}

describe('configuration', () => {
  let dir: string
  const file = (): string => join(dir, 'config.json')
  const inFile = async (value: unknown): Promise<ResolveInit> => {
    await writeFile(file(), typeof value === 'string' ? value : JSON.stringify(value))
    return { file: file() }
  }
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wattness-config-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('the defaults are those of a node', () => {
    const { config, origins } = resolveConfig()
    expect(nodeOptionsOf(config, NETWORK_ID).settings).to.deep.equal(DEFAULT_SETTINGS)
    expect(new Set(Object.values(origins))).to.deep.equal(new Set(['default']))
  })

  it('a file that is not there is no fault', () => {
    expect(faultsOf({ file: file() })).to.deep.equal([])
  })

  it('files of sources are looked for beside the file that names them, else where the command runs', async () => {
    const init = await inFile({ sources: ['csv:a.csv'] })
    expect(resolveConfig(init).sourcesDirectory).to.equal(dir)
    expect(resolveConfig({ ...init, flags: { sources: ['csv:b.csv'] } }).sourcesDirectory).to.equal(undefined)
    expect(resolveConfig({ ...init, environment: { WATTNESS_SOURCES: 'csv:b.csv' } }).sourcesDirectory).to.equal(undefined)
    expect(resolveConfig(await inFile({})).sourcesDirectory).to.equal(undefined)
  })

  it('flags go before the environment, the environment before the file, the file before the defaults', async () => {
    const init = await inFile({ interval: '1m', maxRows: 5, gossip: 'on' })
    const environment = { WATTNESS_INTERVAL: '2m', WATTNESS_MAX_ROWS: '6' }
    const { config, origins } = resolveConfig({ ...init, environment, flags: { interval: '3m' } })
    expect(config).to.include({ interval: '3m', maxRows: 6, gossip: 'on', crossCheck: 'auto' })
    expect(origins).to.include({
      interval: 'flag --interval',
      maxRows: 'environment WATTNESS_MAX_ROWS',
      gossip: file(),
      crossCheck: 'default',
    })
  })

  it('an unknown key of the file is refused by its name', async () => {
    expect(faultsOf(await inFile({ intervall: '1m' }))).to.deep.equal([
      `${file()}: intervall: unknown key, did you mean interval?`,
    ])
  })

  it('an unknown variable of the environment is refused by its name', () => {
    expect(faultsOf({ environment: { WATTNESS_GOSIP: 'on' } })).to.deep.equal([
      'environment WATTNESS_GOSIP: unknown variable, did you mean WATTNESS_GOSSIP?',
    ])
    expect(faultsOf({ environment: { PATH: '/bin', WATTNESS_DIR: '/x', WATTNESS_DATA: '/y' } })).to.deep.equal([])
  })

  it('an unknown flag is refused by its name', () => {
    expect(faultsOf({ flags: { fnord: '1' } })).to.deep.equal(['flag --fnord: unknown'])
  })

  it('every fault of every place is said at once, with the place and what was expected', async () => {
    const init = await inFile({ listen: ['/ip4/192.0.2.1/tcp/1', 'here'], mdns: 1 })
    const faults = faultsOf({ ...init, environment: { WATTNESS_GOSSIP: 'maybe' }, flags: { maxRows: '0' } })
    expect(faults).to.deep.equal([
      `${file()}: listen[1]: found "here", expected multiaddrs, such as /ip4/192.0.2.7/tcp/4001`,
      `${file()}: mdns: found 1, expected true or false`,
      'environment WATTNESS_GOSSIP: found "maybe", expected "on", "off" or "auto"',
      'flag --max-rows: found 0, expected a whole number from 1 to 4096',
    ])
  })

  it('a file that is no JSON object is refused', async () => {
    expect(faultsOf(await inFile('{'))[0]).to.match(/not JSON/)
    expect(faultsOf(await inFile([]))[0]).to.match(/expected a JSON object/)
    expect(faultsOf({ file: dir })[0]).to.match(/cannot be read/)
  })

  it('durations out of bounds are refused, and "auto" only where it means something', () => {
    for (const interval of ['99ms', '2d', 'auto', '', '15', '1m1h'])
      expect(faultsOf({ flags: { interval } }), interval).to.have.length(1)
    for (const announceDelay of ['auto', '10ms', '5m']) expect(faultsOf({ flags: { announceDelay } })).to.deep.equal([])
  })

  it('the environment spells lists with commas or as JSON, and truth in several ways', () => {
    const of = (name: string, text: string): unknown => {
      const { config } = resolveConfig({ environment: { [name]: text } })
      return name === 'WATTNESS_SOURCES' ? config.sources : config.mdns
    }
    expect(of('WATTNESS_SOURCES', 'household:1, household:2')).to.deep.equal(['household:1', 'household:2'])
    expect(of('WATTNESS_SOURCES', '["csv:a,b.csv"]')).to.deep.equal(['csv:a,b.csv'])
    expect(of('WATTNESS_SOURCES', '')).to.deep.equal([])
    expect(faultsOf({ environment: { WATTNESS_SOURCES: '["a' } })).to.have.length(1)
    for (const text of ['no', 'false', 'off', '0']) expect(of('WATTNESS_MDNS', text)).to.equal(false)
    for (const text of ['yes', 'true', 'on', '1']) expect(of('WATTNESS_MDNS', text)).to.equal(true)
  })

  it('the announce delay is a sixth of the interval unless it is set', () => {
    const delayOf = (flags: object): number =>
      announceDelayOf(nodeOptionsOf(resolveConfig({ flags: { ...flags } }).config, NETWORK_ID).settings)
    expect(delayOf({ interval: '1m' })).to.equal(10_000)
    expect(delayOf({ interval: '1m', announceDelay: '2s' })).to.equal(2_000)
  })

  it('mDNS is left out where a node listens on loopback alone', () => {
    const mdns = (...listen: string[]): boolean | undefined =>
      nodeOptionsOf(resolveConfig({ flags: { listen } }).config, NETWORK_ID).reach.mdns
    expect(mdns('/ip4/127.0.0.1/tcp/0')).to.equal(false)
    expect(mdns('/ip4/127.0.0.1/tcp/0', '/ip4/0.0.0.0/tcp/0')).to.equal(true)
  })

  it('a duration is written as it is read', () => {
    fc.assert(fc.property(fc.nat(3_650 * 86_400_000), (ms) => parseDuration(formatDuration(ms)) === ms))
    expect(formatDuration(5_400_000)).to.equal('1h30m')
    expect(formatDuration(0)).to.equal('0ms')
  })

  it('each setting has a name of its own in the environment', () => {
    expect(environmentName('announceDelay')).to.equal('WATTNESS_ANNOUNCE_DELAY')
    expect(new Set(KEYS.map(environmentName)).size).to.equal(KEYS.length)
  })

  it('docs/configuration.md holds the table that the settings make', async () => {
    const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
    expect(page).to.contain(formatConfigReference())
  })
})
