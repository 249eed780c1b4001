import { Ajv } from 'ajv'
import { expect } from 'chai'
import fc from 'fast-check'
import { KEYS, SETTINGS } from '../../config/index.ts'
import { faultsBy, faultsOf } from '../../config/schema.ts'

/** Settings whose schemas are JSON Schema alone. */
const PLAIN = KEYS.filter((key) => !/durationWithin|httpAddress|multiaddr/.test(JSON.stringify(SETTINGS[key].schema)))

const value = fc.oneof(
  fc.integer({ min: -1, max: 5_000 }),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('', 'on', 'auto', 'info', 'text', 'tokens', 'interval', 'example.org', 'not a name', 'p1:/dev/ttyUSB0'),
  fc.array(fc.oneof(fc.string(), fc.integer(), fc.constantFrom('example.org', 'a b')), { maxLength: 20 }),
  fc.object({ maxDepth: 1 }),
)

describe('what is wrong with a setting', () => {
  it('is found where JSON Schema finds it, as Ajv reads it', () => {
    const ajv = new Ajv({ allErrors: true })
    const checks = new Map(PLAIN.map((key) => [key, ajv.compile(SETTINGS[key].schema)]))
    fc.assert(
      fc.property(fc.constantFrom(...PLAIN), value, (key, found) => {
        const check = checks.get(key) as ReturnType<typeof ajv.compile>
        void check(found)
        const places = new Set((check.errors ?? []).map(({ instancePath }) => key + instancePath.replace(/\/(\d+)/g, '[$1]')))
        expect(new Set(faultsOf(key, found).map(({ path }) => path))).to.deep.equal(places)
      }),
      { numRuns: 500 },
    )
  })

  it('an item is named by its place, and shown', () => {
    expect(faultsOf('listen', ['/ip4/127.0.0.1/tcp/1', 'nowhere', 3])).to.deep.equal([
      { path: 'listen[1]', found: 'nowhere' },
      { path: 'listen[2]', found: 3 },
    ])
  })

  it('a schema that says what nothing checks is a fault of the program', () => {
    expect(() => faultsBy({ type: 'integer', multipleOf: 2 }, 'x', 3)).to.throw(/multipleOf/)
    expect(faultsOf('nothing of that name', 1)).to.deep.equal([])
  })

  it('every setting is checked by what is known here, its default among what it may be', () => {
    for (const key of KEYS) expect(faultsOf(key, SETTINGS[key].preset), key).to.deep.equal([])
  })
})
