import { writeFileSync } from 'node:fs'
import { fromUtf8, toHex, toUtf8 } from '../../bytes.ts'
import { isWattnessError } from '../../errors.ts'
import { formatGenesis, parseGenesis } from '../../genesis.ts'
import { ROLE_METER, ROLE_OBSERVER, ROLE_WITNESS } from '../../roles.ts'
import { keyOf } from '../numbered-keys.ts'

const registrar = keyOf(1)

const small = formatGenesis({ name: 'Elm Street', registrar })
const full = formatGenesis({
  name: 'Nachbarschaft Süd',
  registrar,
  limits: { maxBodyBytes: 4_096, minBlockIntervalMs: 1_000, maxClockDriftMs: 60_000 },
  observers: 'open',
  members: [
    { key: keyOf(2), roles: ROLE_METER | ROLE_WITNESS, label: 'Haus 1' },
    { key: keyOf(3), roles: ROLE_OBSERVER, label: 'Netzbetreiber' },
  ],
})

const smallText = fromUtf8(small)
const cases: readonly (readonly [string, Uint8Array])[] = [
  ['no members, preset limits', small],
  ['members, own limits, open to observers', full],
  ['the same in one line is another network', toUtf8(JSON.stringify(JSON.parse(smallText)))],
  ['an unknown field', toUtf8(smallText.replace('"version"', '"predecessor": {}, "version"'))],
  ['a name given twice', toUtf8(smallText.replace('"version"', '"name": "x", "version"'))],
  ['a number with an exponent', toUtf8(smallText.replace('120000', '12e4'))],
  ['a key in upper case', toUtf8(smallText.replace(toHex(registrar), toHex(registrar).toUpperCase()))],
  ['a key of small order', toUtf8(smallText.replace(toHex(registrar), '00'.repeat(32)))],
]

/** What a reader must find in `bytes`: the fields, or where it is refused. */
export function readGenesisCase(bytes: Uint8Array): object {
  try {
    const { networkId, name, registrar, limits, observers, members } = parseGenesis(bytes)
    const shown = members.map(({ key, roles, label }) => ({ key: toHex(key), roles, label }))
    return {
      valid: true,
      genesis: { networkId: toHex(networkId), name, registrar: toHex(registrar), limits, observers, members: shown },
    }
  } catch (error) {
    if (!isWattnessError(error, 'GENESIS_INVALID')) throw error
    return { valid: false, path: error.data.path }
  }
}

export const genesisVectors = {
  comment: 'Genesis files (rules G1 to G8) and what they say. Key n is that of the seed of 32 bytes n. Made by make-genesis.ts.',
  cases: cases.map(([name, bytes]) => ({ name, bytes: toHex(bytes), ...readGenesisCase(bytes) })),
}

if (import.meta.main) {
  writeFileSync(new URL('genesis.json', import.meta.url), `${JSON.stringify(genesisVectors, null, 2)}\n`)
}
