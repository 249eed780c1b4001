import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { fromHex, fromUtf8, toHex, toUtf8 } from '../bytes.ts'
import { formatGenesis, type GenesisInit, MIN_BODY_LIMIT_BYTES, parseGenesis } from '../genesis.ts'
import { sha256 } from '../hash.ts'
import { MAX_GENESIS_BYTES } from '../limits.ts'
import { ROLE_METER, ROLE_WITNESS } from '../roles.ts'
import { survive } from './made-up-bytes.ts'
import { keyOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'
import { genesisVectors, readGenesisCase } from './vectors/make-genesis.ts'

const init: GenesisInit = {
  name: 'Elm Street',
  registrar: keyOf(1),
  members: [{ key: keyOf(2), roles: ROLE_METER | ROLE_WITNESS, label: 'Elm Street 12' }],
}

/** A genesis file as JSON, loose enough to be broken. */
interface LooseFile {
  [field: string]: unknown
  limits: Record<string, unknown>
  members: [Record<string, unknown>, ...unknown[]]
}

/** The file with one thing changed: `change` gets the parsed JSON. */
function changed(change: (file: LooseFile) => unknown): Uint8Array {
  const file = JSON.parse(fromUtf8(formatGenesis(init))) as LooseFile
  return toUtf8(JSON.stringify(change(file) ?? file))
}

function expectFault(bytes: Uint8Array, path: string, message: RegExp): void {
  const error = expectRefusal('GENESIS_INVALID', () => parseGenesis(bytes))
  expect(error.data.path).to.equal(path)
  expect(error.message).to.match(message)
}

describe('genesis', () => {
  it('G1: networkId is SHA-256 of the bytes as they stand', () => {
    const bytes = formatGenesis(init)
    expect(toHex(parseGenesis(bytes).networkId)).to.equal(toHex(sha256(bytes)))
    const spaced = toUtf8(`${fromUtf8(bytes)} `)
    expect(toHex(parseGenesis(spaced).networkId)).not.to.equal(toHex(sha256(bytes)))
  })

  it('G1: the bytes are kept in a copy', () => {
    const bytes = Buffer.from(formatGenesis(init))
    const genesis = parseGenesis(bytes)
    bytes.fill(0)
    expect(toHex(sha256(genesis.bytes))).to.equal(toHex(genesis.networkId))
  })

  it('G2: what was formatted is read back, with presets', () => {
    const genesis = parseGenesis(formatGenesis(init))
    expect(genesis).to.deep.include({
      name: 'Elm Street',
      registrar: keyOf(1),
      observers: 'listed',
      limits: { maxBodyBytes: 65_535, minBlockIntervalMs: 0, maxClockDriftMs: 120_000 },
      members: [{ key: keyOf(2), roles: 6, label: 'Elm Street 12' }],
    })
    expect(fromUtf8(genesis.bytes)).to.match(/^\{\n {2}"version": 1,\n[^]*\}\n$/)
  })

  it('G2: everything may be set', () => {
    const limits = { maxBodyBytes: 512, minBlockIntervalMs: 1_000, maxClockDriftMs: 1 }
    const genesis = parseGenesis(formatGenesis({ ...init, limits, observers: 'open', members: [] }))
    expect(genesis).to.deep.include({ limits, observers: 'open', members: [] })
  })

  it('G1: 65,536 bytes are read, one more is not', () => {
    const text = fromUtf8(formatGenesis(init))
    expect(parseGenesis(toUtf8(text.padEnd(MAX_GENESIS_BYTES))).name).to.equal('Elm Street')
    expectFault(toUtf8(text.padEnd(MAX_GENESIS_BYTES + 1)), '', /65537 bytes long, 65536 allowed/)
  })

  it('G1: bytes that are not UTF-8, a byte order mark, and text that is not JSON are refused', () => {
    expectFault(Uint8Array.of(0xff), '', /not valid UTF-8/)
    expectFault(toUtf8(`\ufeff${fromUtf8(formatGenesis(init))}`), '', /not JSON/)
    expectFault(toUtf8('{'), '', /not JSON/)
    expectFault(toUtf8('[]'), '', /expected an object/)
    expectFault(toUtf8('null'), '', /expected an object/)
  })

  it('G2: an unknown field is refused by name, at every level', () => {
    expectFault(
      changed((file) => ({ ...file, predecessor: {} })),
      'predecessor',
      /unknown field, expected only version, name/,
    )
    expectFault(
      changed((file) => void (file.limits.x = 1)),
      'limits.x',
      /unknown field/,
    )
    expectFault(
      changed((file) => void (file.members[0].x = 1)),
      'members[0].x',
      /unknown field/,
    )
  })

  it('G2: a missing field is refused by name, at every level', () => {
    for (const name of ['version', 'name', 'registrar', 'limits', 'observers', 'members']) {
      expectFault(
        changed((file) => void delete file[name]),
        name,
        /missing/,
      )
    }
    for (const name of ['maxBodyBytes', 'minBlockIntervalMs', 'maxClockDriftMs']) {
      expectFault(
        changed((file) => void delete file.limits[name]),
        `limits.${name}`,
        /missing/,
      )
    }
    for (const name of ['key', 'roles', 'label']) {
      expectFault(
        changed((file) => void delete file.members[0][name]),
        `members[0].${name}`,
        /missing/,
      )
    }
  })

  it('G2: version is 1', () => {
    expectFault(
      changed((file) => void (file.version = 2)),
      'version',
      /found 2, expected 1/,
    )
    expectFault(
      changed((file) => void (file.version = '1')),
      'version',
      /found "1", expected 1/,
    )
  })

  it('G3: a name given twice is refused, however it is spelled', () => {
    const text = fromUtf8(formatGenesis(init))
    expectFault(toUtf8(text.replace('"name"', '"name": "x", "name"')), '', /1 field\(s\) given twice/)
    expectFault(toUtf8(text.replace('"name"', '"n\\u0061me" : "x", "name"')), '', /1 field\(s\) given twice/)
    expectFault(toUtf8(text.replace('"label"', '"label": "x", "label"')), '', /1 field\(s\) given twice/)
  })

  it('G3: a name inside text is no name', () => {
    const tricky = { ...init, name: 'a\\"b": "c' }
    expect(parseGenesis(formatGenesis(tricky)).name).to.equal(tricky.name)
  })

  it('G3: numbers are decimal digits alone', () => {
    const text = fromUtf8(formatGenesis(init))
    for (const spelling of ['0.0', '0e0', '-0', '1e-400']) {
      expectFault(
        toUtf8(text.replace('"minBlockIntervalMs": 0', `"minBlockIntervalMs": ${spelling}`)),
        '',
        /decimal digits alone/,
      )
    }
  })

  it('G4: names and labels are 1 to 64 bytes of plain text', () => {
    for (const bad of ['', 'x'.repeat(65), 'a\nb', '\ud800', 7]) {
      expectFault(
        changed((file) => void (file.name = bad)),
        'name',
        /text/,
      )
      expectFault(
        changed((file) => void (file.members[0].label = bad)),
        'members[0].label',
        /text/,
      )
    }
    expect(parseGenesis(formatGenesis({ ...init, name: 'x'.repeat(64) })).name).to.have.length(64)
  })

  it('G5: keys are 64 lower-case hex digits and acceptable', () => {
    const upper = toHex(keyOf(3)).toUpperCase()
    for (const bad of [upper, 'ab', 7, `${toHex(keyOf(3))}00`, '00'.repeat(32), `01${'00'.repeat(31)}`, 'ff'.repeat(32)]) {
      expectFault(
        changed((file) => void (file.registrar = bad)),
        'registrar',
        /expected 64 lower-case hex|no Ed25519 key/,
      )
      expectFault(
        changed((file) => void (file.members[0].key = bad)),
        'members[0].key',
        /expected 64 lower-case hex|no Ed25519 key/,
      )
    }
  })

  it('G6: limits have bounds', () => {
    const bounds = [
      ['maxBodyBytes', MIN_BODY_LIMIT_BYTES, 65_535],
      ['minBlockIntervalMs', 0, 86_400_000],
      ['maxClockDriftMs', 1, 86_400_000],
    ] as const
    for (const [name, least, most] of bounds) {
      for (const good of [least, most]) {
        expect(parseGenesis(changed((file) => void (file.limits[name] = good))).limits[name]).to.equal(good)
      }
      for (const bad of [least - 1, most + 1, least + 0.5, '600', null]) {
        expectFault(
          changed((file) => void (file.limits[name] = bad)),
          `limits.${name}`,
          /expected an integer from/,
        )
      }
    }
    expectFault(
      changed((file) => ({ ...file, limits: [] })),
      'limits',
      /expected an object/,
    )
  })

  it('G7: a key stands once, the registrar’s not among the members', () => {
    expectFault(
      changed((file) => void file.members.push(file.members[0])),
      'members[1].key',
      /key of members\[0\] already/,
    )
    expectFault(
      changed((file) => void (file.members[0].key = file.registrar)),
      'members[0].key',
      /key of registrar already/,
    )
  })

  it('G7: 255 members beside the registrar, no more', () => {
    const member = (i: number): object => {
      const key = keyOf(7)
      key[0] = i
      return { key: toHex(key), roles: 'meter', label: 'm' }
    }
    const list = Array.from({ length: 255 }, (_, i) => member(i))
    expect(parseGenesis(changed((file) => ({ ...file, members: list }))).members).to.have.length(255)
    expectFault(
      changed((file) => ({ ...file, members: [...list, member(255)] })),
      'members',
      /256 members, 255 allowed/,
    )
    expectFault(
      changed((file) => ({ ...file, members: {} })),
      'members',
      /expected a list/,
    )
    expectFault(
      changed((file) => ({ ...file, members: [7] })),
      'members[0]',
      /expected an object/,
    )
  })

  it('G7: 22 witnesses, no more', () => {
    const member = (i: number): object => {
      const key = keyOf(7)
      key[0] = i
      return { key: toHex(key), roles: 'witness', label: 'm' }
    }
    const list = Array.from({ length: 22 }, (_, i) => member(i))
    const { members } = parseGenesis(changed((file) => ({ ...file, members: [...list, file.members[0]].slice(0, 22) })))
    expect(members).to.have.length(22)
    expectFault(
      changed((file) => ({ ...file, members: [...list, file.members[0]] })),
      'members',
      /23 witnesses, 22 allowed/,
    )
  })

  it('G7: roles are text, and the registrar’s is not given', () => {
    for (const bad of ['', 'king', 'registrar,meter', 'meter,meter', 6, ['meter']]) {
      expectFault(
        changed((file) => void (file.members[0].roles = bad)),
        'members[0].roles',
        /roles|expected text/,
      )
    }
  })

  it('G8: observers are open or listed', () => {
    for (const bad of ['closed', true, null]) {
      expectFault(
        changed((file) => void (file.observers = bad)),
        'observers',
        /expected "open" or "listed"/,
      )
    }
  })

  it('formatGenesis refuses what parseGenesis would', () => {
    expectRefusal('GENESIS_INVALID', () => formatGenesis({ ...init, name: '' }))
    expectRefusal('GENESIS_INVALID', () => formatGenesis({ ...init, registrar: new Uint8Array(32) }))
  })

  it('bytes that are no genesis are refused with a WattnessError, whatever they are', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => survive(() => parseGenesis(bytes))))
    fc.assert(fc.property(fc.json(), (json) => survive(() => parseGenesis(toUtf8(json)))))
    const text = formatGenesis(init)
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const mutated = text.slice()
        mutated[at] = byte
        survive(() => parseGenesis(mutated))
      }),
    )
  })

  it('vectors: regenerating gives the same file, and each case reads as it says', () => {
    const file = readFileSync(new URL('vectors/genesis.json', import.meta.url), 'utf8')
    expect(`${JSON.stringify(genesisVectors, null, 2)}\n`).to.equal(file)
    for (const { bytes, ...expected } of JSON.parse(file).cases) {
      expect({ name: expected.name, ...readGenesisCase(fromHex(bytes)) }).to.deep.equal(expected)
    }
  })
})
