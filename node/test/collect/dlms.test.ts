import { expect } from 'chai'
import {
  AIDON_SHOWN,
  aidonList,
  array,
  type Bytes,
  code,
  codeBytes,
  dateTime,
  enumeration,
  float32,
  float64,
  hdlc,
  i8,
  i64,
  join,
  notification,
  nul,
  octets,
  scale,
  structure,
  text,
  u8,
  u16,
  u32,
  u64,
  withLlc,
} from './dlms-encoder.ts'
import { readDlms } from './dlms-stand.ts'
import { codesOf, faultsOf, itemsOf, linesOf, readingsOf, shown, thrownCode, withFiles } from './inputs.ts'

const TIME = dateTime('2024-01-15T12:00:00')
const T = '2024-01-15T11:00:00Z'

async function list(data: Bytes, time: Bytes | undefined = TIME): Promise<string[]> {
  return shown(await readDlms(hdlc(notification(data, time))))
}

async function codes(data: Bytes, time: Bytes | undefined = TIME): Promise<string[]> {
  return codesOf(await readDlms(hdlc(notification(data, time))))
}

describe('DLMS lists', () => {
  it('Aidon: a structure for each code, with scaler and unit; exact, signed, in the units it was sent in', async () => {
    const items = await readDlms(hdlc(notification(aidonList())))
    expect(shown(items)).to.deep.equal(AIDON_SHOWN)
    expect(
      readingsOf(items)[0]?.reading.values.map(({ register, value }) => [register.unit, register.scaler, value]),
    ).to.deep.equal([
      [30, 1, 123_456_789],
      [27, 0, 1_122],
      [33, -1, -75],
      [35, -1, 2_307],
    ])
    expect(codesOf(items)).to.deep.equal([])
  })

  it('Kaifa in Austria: code, value, then scaler and unit in a structure of their own, beside each other', async () => {
    const data = structure(
      octets(TIME),
      ...[code('1-0:1.8.0'), u32(12_937), scale(0, 30)],
      ...[code('1-0:32.7.0'), u16(2_337), scale(-1, 35)],
      ...[code('1-0:13.7.0'), u16(1_000), scale(-3, 255)],
      octets(Buffer.from('181220000009')),
    )
    expect(await list(data, undefined)).to.deep.equal([
      `${T} 1-0:1.8.0 12937 Wh`,
      `${T} 1-0:32.7.0 233.7 V`,
      `${T} 1-0:13.7.0 1.000`,
    ])
  })

  it('scaler and unit may stand bare behind the value', async () => {
    const data = structure(code('1-0:1.8.0'), u32(5), i8(2), enumeration(30), code('1-0:2.8.0'), u32(6), i8(-1), enumeration(30))
    expect(await list(data)).to.deep.equal([`${T} 1-0:1.8.0 500 Wh`, `${T} 1-0:2.8.0 0.6 Wh`])
  })

  it('Kamstrup: pairs without units; by its paper energies are 10 Wh, currents 10 mA, power factors hundredths', async () => {
    const pairs = [code('1-1:0.0.5'), text('5706567000000000'), code('1-1:0.0.1'), u32(99)]
    const values = [
      ...[code('1-1:1.8.0'), u32(6_307_498), code('1-1:61.8.0'), u32(3), code('1-1:1.7.0'), u32(1_083)],
      ...[code('1-1:42.7.0'), u32(4), code('1-1:31.7.0'), u32(57), code('1-1:32.7.0'), u16(222), code('1-1:33.7.0'), u16(31)],
    ]
    expect(await list(structure(text('Kamstrup_V0001'), ...pairs, ...values))).to.deep.equal([
      `${T} 1-1:1.8.0 63074980 Wh`,
      `${T} 1-1:61.8.0 30 Wh`,
      `${T} 1-1:1.7.0 1083 W`,
      `${T} 1-1:42.7.0 4 W`,
      `${T} 1-1:31.7.0 0.57 A`,
      `${T} 1-1:32.7.0 222 V`,
      `${T} 1-1:33.7.0 0.31`,
    ])
  })

  it('of other makers power and energy are in W and Wh; what nobody declares stays a number without unit', async () => {
    const values = [
      ...[code('1-0:1.8.1'), u32(1), code('1-0:5.8.0'), u32(2), code('1-0:9.7.0'), u32(3), code('1-0:31.7.0'), u16(4)],
      ...[code('1-0:32.7.0'), u16(5), code('1-0:14.7.0'), u16(6), code('0-0:96.14.0'), u8(1), code('1-0:1.4.0'), u32(7)],
    ]
    const items = await readDlms(hdlc(notification(structure(octets(TIME), ...values))))
    const marked = linesOf(items).filter(({ mark }) => mark === 'unit-missing')
    expect(marked.map(({ register }) => register)).to.deep.equal(['1-0:31.7.0', '1-0:32.7.0'])
    expect(shown(items)).to.deep.equal([
      `${T} 1-0:1.8.1 1 Wh`,
      `${T} 1-0:5.8.0 2 varh`,
      `${T} 1-0:9.7.0 3 VA`,
      `${T} 1-0:31.7.0 4`,
      `${T} 1-0:32.7.0 5`,
      `${T} 1-0:14.7.0 6`,
      `${T} 0-0:96.14.0 1`,
      `${T} 1-0:1.4.0 7 W`,
    ])
  })

  it('Sagemcom: attribute descriptors without a type; only attributes that are values, and states of the breaker', async () => {
    const described = (classId: number, name: string, attribute: number, value: Bytes): Bytes =>
      join(0x02, 0x02, 0, classId, codeBytes(name), attribute, value)
    const data = structure(
      enumeration(1),
      array(
        described(1, '0-0:96.1.1', 2, octets(Buffer.from('5100005149'))),
        described(70, '0-0:96.3.10', 3, enumeration(1)),
        described(3, '1-0:1.8.0', 2, u32(4_913_794)),
        described(4, '1-0:2.8.0', 5, octets(TIME)),
        described(3, '1-0:2.8.0', 3, scale(0, 30)),
      ),
    )
    expect(await list(data)).to.deep.equal([`${T} 0-0:96.3.10 1`, `${T} 1-0:1.8.0 4913794 Wh`])
  })

  it('a list that begins with its definitions: each value goes with its own, also where it does not count itself', async () => {
    const define = (classId: number, name: string, attribute: number): Bytes =>
      structure(u16(classId), code(name), i8(attribute), u16(0))
    const rest = [define(8, '0-0:1.0.0', 2), define(3, '1-1:1.8.0', 2), define(3, '1-1:1.8.0', 3), define(1, '0-0:96.1.0', 2)]
    const values = [octets(TIME), u32(19_809_717), scale(0, 30), octets(Buffer.from('x'))]
    const expected = [`${T} 1-1:1.8.0 19809717 Wh`]
    expect(await list(structure(array(define(40, '0-6:25.9.0', 2), ...rest), ...values), undefined)).to.deep.equal(expected)
    expect(await list(structure(array(...rest), ...values), undefined)).to.deep.equal(expected)
  })

  it('Kaifa: lists without codes, by the number and kinds of their values', async () => {
    const head = [octets(Buffer.from('KFM_001')), octets(Buffer.from('6970631401753985')), octets(Buffer.from('MA304H3E'))]
    const powers = [u32(948), u32(0), u32(0), u32(64)]
    const energies = [octets(TIME), u32(12_482_280), u32(1), u32(2), u32(3)]
    expect(await list(structure(u32(5_852)))).to.deep.equal([`${T} 1-0:1.7.0 5852 W`])
    expect(await list(structure(...head, ...powers, u32(1_416), u32(2_385)))).to.deep.equal([
      `${T} 1-0:1.7.0 948 W`,
      `${T} 1-0:2.7.0 0 W`,
      `${T} 1-0:3.7.0 0 var`,
      `${T} 1-0:4.7.0 64 var`,
      `${T} 1-0:31.7.0 1.416 A`,
      `${T} 1-0:32.7.0 238.5 V`,
    ])
    const phases = [u32(1), u32(2), u32(3), u32(2_385), u32(0), u32(2_389)]
    const three = await list(structure(...head, ...powers, ...phases, ...energies))
    expect(three.slice(4)).to.deep.equal([
      ...['31', '51', '71'].map((c, index) => `${T} 1-0:${c}.7.0 0.00${index + 1} A`),
      `${T} 1-0:32.7.0 238.5 V`,
      `${T} 1-0:52.7.0 0.0 V`,
      `${T} 1-0:72.7.0 238.9 V`,
      `${T} 1-0:1.8.0 12482280 Wh`,
      `${T} 1-0:2.8.0 1 Wh`,
      `${T} 1-0:3.8.0 2 varh`,
      `${T} 1-0:4.8.0 3 varh`,
    ])
    expect(await list(structure(...head, ...powers, ...phases))).to.have.length(10)
    expect(await list(structure(...head, ...powers, u32(1), u32(2), ...energies))).to.have.length(10)
  })

  it('Iskraemeco, Elektro Celje and Wiener Netze: lists without codes', async () => {
    const [first, second] = [octets(Buffer.from('ISK1030783826316')), octets(Buffer.from('ISK83826316'))]
    const eight = [1, 2, 3, 4, 5, 6, 7, 8].map(u32)
    const energies = ['1.8.0 1 Wh', '2.8.0 2 Wh', '3.8.0 3 varh', '4.8.0 4 varh'].map((line) => `${T} 1-0:${line}`)
    const powers = ['1.7.0 5 W', '2.7.0 6 W', '3.7.0 7 var', '4.7.0 8 var'].map((line) => `${T} 1-0:${line}`)
    expect(await list(structure(octets(TIME), ...eight), undefined)).to.deep.equal([...energies, ...powers])
    const push = [
      code('0-6:25.9.0'),
      octets(Buffer.from('2221202033801')),
      octets(join(14, 55, 33, 0)),
      octets(join(7, 229, 3, 7, 7)),
    ]
    expect(await list(structure(...push, ...eight))).to.deep.equal([...energies, ...powers])
    const celje = [u32(1), u32(2), u32(3), u32(4), u16(0), u16(0), u16(2_346), u16(1), u16(2), u16(3), ...eight.slice(0, 6)]
    const lines = await list(structure(first, second, ...celje))
    expect(lines).to.have.length(16)
    expect(lines.slice(6, 8)).to.deep.equal([`${T} 1-0:72.7.0 234.6 V`, `${T} 1-0:31.7.0 0.01 A`])
    const hourly = await list(structure(first, second, enumeration(1), octets(join(0, 2)), ...eight))
    expect(hourly[0]).to.equal(`${T} 0-0:96.3.10 1`)
    expect(hourly.at(-1)).to.equal(`${T} 1-0:4.8.0 8 varh`)
  })

  it('Slovenia: lists of one length are told apart by the width of their values', async () => {
    const head = [octets(Buffer.from('ISK1030783826316')), octets(Buffer.from('ISK83826316'))]
    const [voltages, currents] = [
      [u16(2_301), u16(2_302), u16(2_303)],
      [u16(101), u16(102), u16(103)],
    ]
    const wide = [1, 2, 3, 4, 5, 6, 7, 8].map(u32)
    const firsts = async (...values: readonly Bytes[]): Promise<string[]> =>
      (await list(structure(...head, ...values))).map((line) => line.slice(T.length + 1))
    expect(await firsts(...voltages, ...currents, ...wide.slice(0, 4))).to.deep.equal([
      ...['1-0:32.7.0 230.1 V', '1-0:52.7.0 230.2 V', '1-0:72.7.0 230.3 V'],
      ...['1-0:31.7.0 1.01 A', '1-0:51.7.0 1.02 A', '1-0:71.7.0 1.03 A'],
      ...['1-0:1.7.0 1 W', '1-0:2.7.0 2 W', '1-0:3.7.0 3 var', '1-0:4.7.0 4 var'],
    ])
    const onePhase = await firsts(...wide.slice(0, 4), u16(2_301), u16(101), u32(5), u32(6))
    expect(onePhase.slice(4)).to.deep.equal(['1-0:32.7.0 230.1 V', '1-0:31.7.0 1.01 A', '1-0:21.7.0 5 W', '1-0:22.7.0 6 W'])
    expect((await firsts(...wide)).slice(0, 5)).to.deep.equal([
      ...['1-0:1.8.1 1 Wh', '1-0:1.8.2 2 Wh', '1-0:2.8.1 3 Wh', '1-0:2.8.2 4 Wh', '1-0:3.8.1 5 varh'],
    ])
    expect(await firsts(u16(2_301), u16(101), ...wide.slice(0, 4))).to.have.length(6)
    const energies = await firsts(join(3, 1), octets(join(0, 2)), ...wide)
    expect([energies[0], energies.at(-1)]).to.deep.equal(['0-0:96.3.10 1', '1-0:4.8.0 8 varh'])
  })

  it('Kaifa with codes (Sweden) and Kamstrup behind transformers: scalers by the maker', async () => {
    const values = [code('1-0:31.7.0'), u32(1_416), code('1-0:32.7.0'), u32(2_385), code('1-0:1.8.0'), u32(7)]
    const shownOf = (lines: readonly string[]): string[] => lines.map((line) => line.slice(T.length + 1))
    for (const name of ['KFM_001', 'MA304H4']) {
      const found = await list(structure(code('1-0:0.2.129'), octets(Buffer.from(name)), ...values))
      expect(shownOf(found)).to.deep.equal(['1-0:31.7.0 1.416 A', '1-0:32.7.0 238.5 V', '1-0:1.8.0 7 Wh'])
    }
    const type = [code('1-1:96.1.1'), text('6851131BN145101090')]
    const found = await list(structure(text('Kamstrup_V0001'), ...type, ...values))
    expect(shownOf(found)).to.deep.equal(['1-0:31.7.0 1.416 A', '1-0:32.7.0 2385 V', '1-0:1.8.0 70 Wh'])
  })

  it('energy, power, voltage and current declare what is sent without a scaler; what has one keeps it', async () => {
    const pairs = ['1-0:1.8.0', '1-0:2.7.0', '1-0:52.7.0', '1-0:31.7.0', '1-0:13.7.0'].flatMap((name) => [code(name), u32(5)])
    const own = [code('1-0:3.8.0'), u32(5), scale(2, 32)]
    const kaifa = structure(octets(Buffer.from('KFM_001')), text('1'), text('2'), u32(1), u32(2), u32(3), u32(4), u32(5), u32(6))
    const files = {
      pairs: hdlc(notification(structure(text('Kamstrup_V0001'), ...pairs, ...own), TIME)),
      kaifa: hdlc(notification(kaifa, TIME)),
    }
    await withFiles(files, async (dir) => {
      const read = async (name: string): Promise<string[]> =>
        shown(await itemsOf(`dlms:${dir}/${name}?energy=0&power=-1&voltage=-2&current=-3`)).map((line) =>
          line.slice(T.length + 1),
        )
      expect(await read('pairs')).to.deep.equal([
        ...[
          '1-0:1.8.0 5 Wh',
          '1-0:2.7.0 0.5 W',
          '1-0:52.7.0 0.05 V',
          '1-0:31.7.0 0.005 A',
          '1-0:13.7.0 0.05',
          '1-0:3.8.0 500 varh',
        ],
      ])
      expect((await read('kaifa')).slice(3)).to.deep.equal(['1-0:4.7.0 0.4 var', '1-0:31.7.0 0.005 A', '1-0:32.7.0 0.06 V'])
      expect(await thrownCode(() => itemsOf(`dlms:${dir}/pairs?energy=7`))).to.equal('SOURCE_OPTION_INVALID')
    })
  })

  it('DLMS_LIST_SHORT: a list that describes itself, cut short in a whole frame: whole values are defined', async () => {
    const define = (classId: number, name: string): Bytes => structure(u16(classId), code(name), i8(2), u16(0))
    const definitions = array(define(40, '0-6:25.9.0'), define(3, '1-1:1.8.0'), define(3, '1-1:2.8.0'))
    const whole = structure(definitions, u32(19_809_717), u32(5))
    const items = await readDlms(hdlc(notification(whole.subarray(0, whole.length - 3), TIME)))
    expect(codesOf(items)).to.deep.equal(['DLMS_LIST_SHORT'])
    expect(shown(items)).to.deep.equal([`${T} 1-1:1.8.0 19809717 Wh`])
  })

  it('DLMS_LIST_SHORT: Iskraemeco announces more than it sends; the whole values are read where the frame is whole', async () => {
    const push = [code('0-6:25.9.0'), octets(Buffer.from('2')), octets(join(1, 2, 3, 4)), octets(join(7, 229, 3, 7, 7))]
    const whole = structure(...push, ...[1, 2, 3, 4, 5, 6, 7, 8].map(u32))
    const items = await readDlms(hdlc(notification(whole.subarray(0, whole.length - 12), TIME)))
    expect(shown(items)).to.have.length(5)
    expect(codesOf(items)).to.deep.equal(['DLMS_LIST_SHORT'])
    expect(codesOf(await readDlms(withLlc(notification(whole.subarray(0, whole.length - 12), TIME))))).to.deep.equal([
      'DLMS_FRAME_TRUNCATED',
    ])
  })

  it('DLMS_LIST_UNKNOWN: a list that fits no table, and one with its end missing, are refused', async () => {
    expect(await codes(structure(u32(1), u32(2)))).to.deep.equal(['DLMS_LIST_UNKNOWN'])
    expect(await codes(u32(1))).to.deep.equal(['DLMS_LIST_UNKNOWN'])
    const short = structure(code('1-0:1.8.0'), u32(5), scale(1, 30)).slice(0, -6)
    expect(await codes(short)).to.deep.equal(['DLMS_LIST_UNKNOWN'])
  })

  it('DLMS_LIST_EMPTY: nothing in it is a measurement', async () => {
    expect(await codes(structure(text('x'), code('0-0:96.1.0'), octets(Buffer.from('7'))))).to.deep.equal(['DLMS_LIST_EMPTY'])
  })

  it('DLMS_OBJECT_REPEATED, DLMS_VALUE_INVALID: one value is left out, the others are read', async () => {
    const data = structure(
      ...[code('1-0:1.8.0'), u64(2n ** 53n - 1n), code('1-0:1.8.0'), u32(2), code('1-0:2.8.0'), u64(2n ** 53n)],
      ...[code('1-0:3.8.0'), i64(-(2n ** 53n)), code('1-0:4.8.0'), i64(-5n), code('1-0:5.8.0'), float64(1e30)],
    )
    const items = await readDlms(hdlc(notification(data, TIME)))
    expect(shown(items)).to.deep.equal([`${T} 1-0:1.8.0 9007199254740991 Wh`, `${T} 1-0:4.8.0 -5 varh`])
    expect(codesOf(items)).to.deep.equal([
      'DLMS_OBJECT_REPEATED',
      'DLMS_VALUE_INVALID',
      'DLMS_VALUE_INVALID',
      'DLMS_VALUE_INVALID',
    ])
    expect(faultsOf(items)[1]?.message).to.contain('1-0:2.8.0: value 9007199254740992 exceeds 2^53-1')
  })

  it('floats are the decimals they stand for; a scaler out of range is refused', async () => {
    const data = structure(
      ...[code('1-0:32.7.0'), float32(230.1), scale(0, 35), code('1-0:1.8.0'), float64(12.25), scale(3, 30)],
      ...[code('1-0:31.7.0'), float64(0.5), scale(-128, 33)],
    )
    const items = await readDlms(hdlc(notification(data, TIME)))
    expect(shown(items)).to.deep.equal([`${T} 1-0:32.7.0 230.1 V`, `${T} 1-0:1.8.0 12250 Wh`])
    expect(codesOf(items)).to.deep.equal(['DLMS_VALUE_INVALID'])
  })

  it('null is no value, and zero is one', async () => {
    expect(await list(structure(code('1-0:1.8.0'), nul, code('1-0:2.8.0'), u32(0)))).to.deep.equal([`${T} 1-0:2.8.0 0 Wh`])
  })

  it('the number of the meter goes with its readings, where the list has it', async () => {
    const meterOf = async (data: Bytes): Promise<string | undefined> =>
      readingsOf(await readDlms(hdlc(notification(data, TIME))))[0]?.meter
    const value = [code('1-0:1.8.0'), u32(1)]
    expect(await meterOf(structure(...value))).to.equal(undefined)
    expect(await meterOf(structure(code('0-0:96.1.1'), text('T1'), code('0-0:96.1.0'), text('735999'), ...value))).to.equal(
      '735999',
    )
    expect(await meterOf(structure(text('Kamstrup_V0001'), code('1-1:0.0.5'), text('5706567'), ...value))).to.equal('5706567')
    const kaifa = [octets(Buffer.from('KFM_001')), text('69706314'), text('MA304H3E'), ...[1, 2, 3, 4, 5, 6].map(u32)]
    expect(await meterOf(structure(...kaifa))).to.equal('69706314')
  })

  it('a row of more registers than a table of a block holds becomes several of one time, the frame with the first', async () => {
    const pairs = Array.from({ length: 70 }, (_, e) => [code(`1-0:1.8.${e}`), u32(e)]).flat()
    const readings = readingsOf(await readDlms(hdlc(notification(structure(...pairs), TIME))))
    expect(readings.map(({ reading }) => reading.values.length)).to.deep.equal([64, 6])
    expect(readings.map(({ frame }) => frame !== undefined)).to.deep.equal([true, false])
  })
})
