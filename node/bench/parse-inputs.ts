import { crc16, formatCrc16 } from '../collect/crc16.ts'
import { closeResponse, entry, file, getList, message, number, octets, openResponse } from '../test/collect/sml-encoder.ts'

/** What `parse` reads: made here, as meters would send it second after second, every changing digit changed. */

/** A three-phase meter of version 5 with a gas meter: what a Dutch home sends, 28 objects. */
export function p1Telegram(second: number): string {
  const at = new Date(Date.UTC(2026, 0, 15, 0, 0, second))
  const stamp = at.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  const watts = (phase: number): number => 200 + ((second * 37 + phase * 911) % 2_000)
  const fixed = (value: number, decimals: number, width: number): string => value.toFixed(decimals).padStart(width, '0')
  const lines = [
    '1-3:0.2.8(50)',
    `0-0:1.0.0(${stamp}W)`,
    '0-0:96.1.1(4530303434303037303531323334353637)',
    `1-0:1.8.1(${fixed(1_234.567 + second / 1_000, 3, 10)}*kWh)`,
    '1-0:1.8.2(000789.012*kWh)',
    '1-0:2.8.1(000000.000*kWh)',
    '1-0:2.8.2(000000.000*kWh)',
    '0-0:96.14.0(0001)',
    `1-0:1.7.0(${fixed((watts(1) + watts(2) + watts(3)) / 1_000, 3, 6)}*kW)`,
    '1-0:2.7.0(00.000*kW)',
    '0-0:96.7.21(00004)',
    '0-0:96.7.9(00002)',
    '1-0:99.97.0(1)(0-0:96.7.19)(180417201458S)(0000000236*s)',
    '1-0:32.32.0(00001)',
    '1-0:52.32.0(00001)',
    '1-0:72.32.0(00000)',
    '1-0:32.36.0(00000)',
    '0-0:96.13.0()',
    ...[32, 52, 72].map((code, phase) => `1-0:${code}.7.0(${fixed(229 + ((second + phase * 7) % 40) / 10, 1, 5)}*V)`),
    ...[31, 51, 71].map((code, phase) => `1-0:${code}.7.0(${fixed(Math.round(watts(phase) / 230), 0, 3)}*A)`),
    ...[21, 41, 61].map((code, phase) => `1-0:${code}.7.0(${fixed(watts(phase) / 1_000, 3, 6)}*kW)`),
    '0-1:24.1.0(003)',
    '0-1:96.1.0(4730303339303031393336393930363139)',
    `0-1:24.2.1(${stamp.slice(0, 8)}0000W)(01234.${100 + Math.floor(second / 300)}*m3)`,
  ]
  const signed = `/ISk5\\2MT382-1000\r\n\r\n${lines.join('\r\n')}\r\n!`
  return `${signed}${formatCrc16(crc16(Buffer.from(signed, 'latin1')))}\r\n`
}

const PUBLIC_KEY = Array.from({ length: 48 }, (_, at) => (at * 37 + 11) & 0xff)
const SERVER_ID = [0x0a, 0x01, 0x54, 0x53, 0x54, 0x00, 0x00, 0x01, 0x02, 0x03]

/** What a household's meter pushes: seven values, one of them its public key. */
export function smlFile(second: number): Uint8Array {
  const total = 12_345_678 + second
  return file(
    message(openResponse),
    message(
      getList(
        [
          entry({ name: [129, 129, 199, 130, 3, 255], value: octets([0x54, 0x53, 0x54]) }),
          entry({ name: [1, 0, 0, 0, 9, 255], value: octets(SERVER_ID) }),
          entry({ name: [1, 0, 1, 8, 0, 255], unit: 30, scaler: -1, value: number(total, 8) }),
          entry({ name: [1, 0, 1, 8, 1, 255], unit: 30, scaler: -1, value: number(total, 8) }),
          entry({ name: [1, 0, 1, 8, 2, 255], unit: 30, scaler: -1, value: number(0, 8) }),
          entry({ name: [1, 0, 16, 7, 0, 255], unit: 27, scaler: -1, value: number(((second * 37) % 40_000) - 10_000, 4, true) }),
          entry({ name: [129, 129, 199, 130, 5, 255], value: octets(PUBLIC_KEY) }),
        ],
        { serverId: SERVER_ID },
      ),
    ),
    message(closeResponse),
  )
}

const HOURS_A_DAY = 24

/** So many days of hours, as utilities of North America export them: a block a day. */
export function greenButtonFeed(days: number): string {
  const point = '/espi/1_1/resource/RetailCustomer/1/UsagePoint/1'
  const start = Date.UTC(2025, 0, 1, 5) / 1_000
  const wrap = (self: string, up: string, content: string): string =>
    `<entry><link rel="self" href="${self}"/><link rel="up" href="${up}"/>${content}</entry>\n`
  const hour = (index: number): string =>
    `<IntervalReading><timePeriod><duration>3600</duration><start>${start + index * 3_600}</start></timePeriod>` +
    `<value>${300 + ((index * 37) % 2_900)}</value></IntervalReading>\n`
  const block = (day: number): string => {
    const hours = Array.from({ length: HOURS_A_DAY }, (_, index) => hour(day * HOURS_A_DAY + index)).join('')
    const up = `${point}/MeterReading/1/IntervalBlock`
    const interval = `<interval><duration>86400</duration><start>${start + day * 86_400}</start></interval>`
    return wrap(`${up}/${day}`, up, `<content><IntervalBlock>${interval}${hours}</IntervalBlock></content>`)
  }
  const type = '<uom>72</uom><powerOfTenMultiplier>0</powerOfTenMultiplier><flowDirection>1</flowDirection>'
  const kind = '<UsagePoint><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>'
  return [
    '<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n',
    wrap(point, '/espi/1_1/resource/RetailCustomer/1/UsagePoint', `<content>${kind}</content>`),
    `<entry><link rel="self" href="${point}/MeterReading/1"/><link rel="up" href="${point}/MeterReading"/>` +
      '<link rel="related" href="/espi/1_1/resource/ReadingType/1"/><content><MeterReading/></content></entry>\n',
    wrap(
      '/espi/1_1/resource/ReadingType/1',
      '/espi/1_1/resource/ReadingType',
      `<content><ReadingType>${type}</ReadingType></content>`,
    ),
    ...Array.from({ length: days }, (_, day) => block(day)),
    '</feed>\n',
  ].join('')
}
