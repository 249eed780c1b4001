import { createHash } from 'node:crypto'
import { espiCatalog } from '../../collect/espi-catalog.ts'
import { openSource } from '../../collect/formats.ts'
import { greenButtonItems } from '../../collect/green-button.ts'
import { MqttReader } from '../../collect/mqtt-message.ts'
import { MQTT_PROFILES, type MqttProfile } from '../../collect/mqtt-profiles.ts'
import type { SourceItem } from '../../collect/source.ts'
import { systemPlatform } from '../../platform.ts'
import { aidonList, blocks, ciphered, hdlc, join, notification, mbus as overMbus } from '../collect/dlms-encoder.ts'
import { block, pushed } from '../collect/iec62056-encoder.ts'
import { bytes, stream } from '../collect/inputs.ts'
import { meterAnswer } from '../collect/mbus-encoder.ts'
import { telegram } from '../collect/p1-made.ts'
import { meterFile } from '../collect/sml-encoder.ts'
import type { FuzzRandom } from './fuzz-random.ts'

/** What is fuzzed. A format registers itself here, in one row. */
export interface FuzzFormat {
  readonly name: string
  /** A valid frame that it makes itself: nobody's capture. */
  make(random: FuzzRandom): Uint8Array
  /** Reads the bytes, in the pieces in which they come. */
  parse(pieces: AsyncIterable<Uint8Array>): AsyncIterable<SourceItem>
  /** For formats that find back behind anything: what may stand between noise and a frame that must be read then. */
  readonly separator?: string
}

const DLMS_KEY = '000102030405060708090a0b0c0d0e0f'

export const FUZZ_FORMATS: readonly FuzzFormat[] = [
  { name: 'p1', make: (random) => bytes(p1(random)), parse: through('p1'), separator: '\r\n' },
  {
    name: 'sml',
    make: (random) => meterFile(random.below(2 ** 40), random.below(60_000) - 30_000),
    parse: through('sml'),
    separator: '\0',
  },
  { name: 'iec62056', make: (random) => bytes(readOut(random)), parse: through('iec62056'), separator: '\r\n' },
  { name: 'dlms', make: dlms, parse: through('dlms', `?key=${DLMS_KEY}`) },
  { name: 'mbus', make: (random) => meterAnswer(join(0x04, 0x03, random.bytes(4))), parse: through('mbus') },
  { name: 'jsonl', make: (random) => bytes(jsonLine(random)), parse: through('jsonl'), separator: '\n' },
  { name: 'green-button', make: (random) => bytes(greenButton(random)), parse: readTwice },
  { name: 'nem12', make: (random) => bytes(nem12(random)), parse: through('nem12') },
  { name: 'ocmf', make: (random) => bytes(ocmf(random)), parse: through('ocmf') },
  { name: 'mscons', make: (random) => bytes(mscons(random)), parse: through('mscons') },
  { name: 'mqtt', make: (random) => bytes(plug(random)), parse: asMessage },
  { name: 'csv', make: (random) => bytes(csv(random)), parse: through('csv') },
]

/** The way of every source: what a node would read from its standard input. */
function through(name: string, options = ''): FuzzFormat['parse'] {
  return (pieces) => {
    const clock = { now: () => 1_750_000_000_000, monotonicMs: () => 0 }
    const deps = { ...systemPlatform, clock, standardInput: () => pieces }
    return openSource(`${name}:-${options}`, deps).items(new AbortController().signal)
  }
}

/** Green Button is read twice, once for what belongs to what, and so never from standard input. */
async function* readTwice(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<SourceItem> {
  const kept: Uint8Array[] = []
  for await (const piece of pieces) kept.push(piece.slice())
  const catalog = await espiCatalog(stream(kept))
  yield* greenButtonItems(stream(kept), catalog)
}

/** One message of a broker, whatever the pieces, by the profile for plugs. */
async function* asMessage(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<SourceItem> {
  const profile = MQTT_PROFILES.find(({ name }) => name === 'tasmota') as MqttProfile
  const reader = new MqttReader(profile.mapping('UTC'), () => 1_750_000_000_000)
  const kept: Uint8Array[] = []
  for await (const piece of pieces) kept.push(piece.slice())
  yield* reader.read({ topic: 'tele/plug/SENSOR', payload: join(...kept), isRetained: false, isLate: false })
}

function plug(random: FuzzRandom): string {
  const energy = {
    Total: random.below(10 ** 6) / 1_000,
    Power: random.below(3_000),
    Voltage: 230,
    Current: random.below(100) / 10,
  }
  return JSON.stringify({ Time: `2026-01-15T12:00:${10 + random.below(50)}`, ENERGY: energy })
}

function greenButton(random: FuzzRandom): string {
  const type = `<ReadingType><powerOfTenMultiplier>${random.below(4)}</powerOfTenMultiplier><uom>72</uom></ReadingType>`
  const period = `<timePeriod><duration>900</duration><start>${1_700_000_000 + random.below(10 ** 7)}</start></timePeriod>`
  const reading = `<IntervalReading>${period}<value>${random.below(10 ** 6)}</value></IntervalReading>`
  const block = `<IntervalBlock>${reading}</IntervalBlock>`
  return `<?xml version="1.0"?>\n<entry><content><MeterReading>${type}</MeterReading>${block}</content></entry>\n`
}

function p1(random: FuzzRandom): string {
  const gas = `0-1:24.2.1(260115115500W)(${random.below(99_999)}.${100 + random.below(900)}*m3)`
  const day = String(101 + random.below(900)).padStart(4, '0')
  return telegram(
    `26${day.slice(0, 2)}15${day.slice(2)}0000`,
    random.below(10 ** 9),
    random.below(20_000),
    random.below(2) === 0 ? [] : [gas],
  )
}

function readOut(random: FuzzRandom): string {
  const lines = [
    '0.9.1(120000)',
    '0.9.2(0250115)',
    `1.8.0(${random.below(10 ** 7)}.${100 + random.below(900)}*kWh)`,
    '1.6.0(1.5*kW)(2501101200)',
  ]
  const heat = [`6.8(${random.below(10 ** 5)}*MWh)6.26(${random.below(10 ** 5)}*m3)9.4(088*C&082*C)`]
  const make = random.below(3) === 0 ? pushed : block
  return make(random.below(3) === 0 ? heat : lines)
}

function dlms(random: FuzzRandom): Uint8Array {
  const plain = notification(aidonList(random.below(2 ** 32)))
  const key = Uint8Array.from(Buffer.from(DLMS_KEY, 'hex'))
  const apdu = random.below(2) === 0 ? plain : ciphered(plain, { key, control: random.below(2) === 0 ? 0x30 : 0x20 })
  const ways = [() => hdlc(apdu), () => hdlc(apdu, 40), () => overMbus(apdu, 60), () => join(...blocks(apdu, 50))]
  return (ways[random.below(ways.length)] as () => Uint8Array)()
}

function jsonLine(random: FuzzRandom): string {
  const values = { '1-0:1.8.0': `${random.below(10 ** 6)}.5 kWh` }
  return `${JSON.stringify({ time: 1_735_732_800_000 + random.below(10 ** 9), values })}\n`
}

function nem12(random: FuzzRandom): string {
  const day = Array.from({ length: 48 }, () => `${random.below(1_000) / 1_000}`).join(',')
  const lines = [
    '100,NEM12,202401021200,MDP1,Ret1',
    '200,VABD000163,E1B1,1,E1,N1,METER1,kWh,30,',
    `300,20240101,${day},A,,,20240102010203,`,
    '900',
  ]
  return `${lines.join('\r\n')}\r\n`
}

/** Read without a key, so its signature is not looked at. */
function ocmf(random: FuzzRandom): string {
  const reading = {
    TM: '2024-01-01T12:00:00,000+0100 S',
    TX: 'B',
    RV: random.below(10 ** 6) / 100,
    RI: '1-b:1.8.0',
    RU: 'kWh',
    ST: 'G',
  }
  const content = JSON.stringify({ FV: '1.0', GI: 'fuzz', PG: 'T1', MV: 'X', MS: '1', IS: false, RD: [reading] })
  return `OCMF|${content}|${JSON.stringify({ SD: createHash('sha256').update(content).digest('hex') })}`
}

/** With a header that is known, so that no mapping is needed. */
function csv(random: FuzzRandom): string {
  const first = random.below(8_000)
  const row = (hour: number): string => `${first + hour},8,${hour + 1},1,${random.below(10_000)},${random.below(5_000)}`
  return `${['hour_index,month,hour,day_type,load_Wh,pv_Wh', ...[0, 1, 2, 3].map(row)].join('\r\n')}\r\n`
}

function mscons(random: FuzzRandom): string {
  const quantity = (hour: number): string =>
    `QTY+220:${random.below(10 ** 5) / 1_000}'DTM+163:2024010${1 + hour}0000?+00:303'DTM+164:2024010${1 + hour}0015?+00:303'`
  return [
    "UNA:+.? '",
    "UNB+UNOC:3+9900000000001:500+9900000000002:500+240201:0800+1'",
    "UNH+1+MSCONS:D:04B:UN:2.4c'BGM+7+1+9'DTM+137:202402010800?+00:303'NAD+MS+9900000000001::293'UNS+D'NAD+DP'LOC+172+DE1'",
    "LIN+1'PIA+5+1-1?:1.29.0:SRW'",
    quantity(0),
    quantity(1),
    "UNT+16+1'UNZ+1+1'",
  ].join('')
}
