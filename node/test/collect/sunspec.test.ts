import { createServer } from 'node:net'
import { expect } from 'chai'
import modbus from 'modbus-serial'
import { openSource } from '../../collect/formats.ts'
import type { OpenPort } from '../../collect/serial-line.ts'
import type { SourceDeps, SourceItem } from '../../collect/source.ts'
import { untilNext } from '../../collect/sunspec.ts'
import { METER_LENGTH, METER_REGISTERS, SunSpecMeter, sunSpecText } from '../../collect/sunspec-model.ts'
import { systemPlatform } from '../../platform.ts'
import { refusalCode } from '../store/temporary-directories.ts'
import { codesOf, readingsOf, shown } from './inputs.ts'

const NO_INT16 = 0x8000

/** A wye meter as it stands in its registers: whatever is not given is not implemented. */
function meterModel(places: Readonly<Record<number, number>>, model = 203): number[] {
  const accumulators = (at: number): boolean =>
    (at >= 38 && at < 54) || (at >= 55 && at < 71) || (at >= 72 && at < 104) || at >= 105
  return Array.from({ length: METER_REGISTERS }, (_, at) => {
    if (at === 0) return model
    return at === 1 ? METER_LENGTH : (places[at] ?? (accumulators(at) ? 0 : NO_INT16))
  })
}

const text = (value: string, registers: number): number[] =>
  Array.from({ length: registers }, (_, i) => (value.charCodeAt(2 * i) || 0) * 256 + (value.charCodeAt(2 * i + 1) || 0))

function common(serial: string): number[] {
  return [
    1,
    66,
    ...text('Maker', 16),
    ...text('Meter 3', 16),
    ...text('', 8),
    ...text('1.2', 8),
    ...text(serial, 16),
    1,
    NO_INT16,
  ]
}

const MARK = [0x5375, 0x6e53]
/** 1,234,567 × 10 Wh of import, 57 × 10^-1 … */
const WYE = meterModel({
  46: 18,
  47: 54_919,
  54: 1,
  18: 0x1_0000 - 123,
  19: 57,
  22: 0,
  8: 2_301,
  9: 2_298,
  15: -1 & 0xffff,
  16: 5_001,
  17: 0xfffe,
})

/** A port that was free just now: the package takes 0 for its own 502. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A device whose holding registers are these, at `base`; the others answer with an exception. */
class Device {
  readonly port: number
  readonly #server: InstanceType<typeof modbus.ServerTCP>

  constructor(port: number, registers: readonly number[], base: number) {
    this.port = port
    const read = (address: number, length: number): number[] => {
      const from = address - base
      if (from < 0 || from + length > registers.length) throw Object.assign(new Error('none'), { modbusErrorCode: 2 })
      return registers.slice(from, from + length)
    }
    this.#server = new modbus.ServerTCP({ getMultipleHoldingRegisters: read }, { host: '127.0.0.1', port, unitID: 7 })
  }

  static async start(registers: readonly number[], base = 40_000): Promise<Device> {
    const device = new Device(await freePort(), registers, base)
    await new Promise<void>((resolve) => device.#server.on('initialized', () => resolve()))
    return device
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

async function first(spec: string, most = 1, deps: SourceDeps = systemPlatform): Promise<SourceItem[]> {
  const stop = new AbortController()
  const items: SourceItem[] = []
  for await (const item of openSource(spec, deps).items(stop.signal)) {
    items.push(item)
    if (items.length >= most) stop.abort()
  }
  return items
}

const values = (items: readonly SourceItem[]): string[] => shown(items).map((line) => line.slice(line.indexOf(' ') + 1))

describe('SunSpec meters', () => {
  const devices: Device[] = []
  async function device(registers: readonly number[], base?: number): Promise<Device> {
    const made = await Device.start(registers, base)
    devices.push(made)
    return made
  }
  afterEach(async () => {
    for (const each of devices.splice(0)) await each.stop()
  })

  it('a wye meter behind its common model: scaled, signed, what it does not have left out, its registers as frame', async () => {
    const { port } = await device([...MARK, ...common('SN-0815'), ...WYE, 0xffff, 0])
    const items = await first(`sunspec:tcp://127.0.0.1:${port}?unit=7`)
    expect(values(items)).to.deep.equal([
      '1-0:1.8.0 12345.67 kWh',
      '1-0:16.7.0 -0.123 kW',
      '1-0:36.7.0 0.057 kW',
      '1-0:32.7.0 230.1 V',
      '1-0:52.7.0 229.8 V',
      '1-0:14.7.0 50.01 Hz',
    ])
    const [item] = readingsOf(items)
    expect(item?.meter).to.equal('SN-0815')
    expect(item?.frame).to.have.length(2 * METER_REGISTERS)
    expect(item?.reading.timeSource).to.equal('node-clock')
  })

  it('the list of models begins at 40000, 50000 or 0, and other models stand before the meter', async () => {
    const inverter = [103, 50, ...Array<number>(50).fill(0)]
    for (const base of [50_000, 0]) {
      const { port } = await device([...MARK, ...common(''), ...inverter, ...WYE, 0xffff, 0], base)
      const items = await first(`sunspec:tcp://127.0.0.1:${port}?unit=7`)
      expect(values(items), String(base)).to.have.length(6)
      expect(readingsOf(items)[0]?.meter).to.equal(undefined)
    }
  })

  it('it is polled again on whole multiples of the interval', async () => {
    const { port } = await device([...MARK, ...WYE])
    const items = await first(`sunspec:tcp://127.0.0.1:${port}?unit=7&poll=100ms`, 3)
    const times = readingsOf(items).map(({ reading }) => reading.time)
    expect(times).to.have.length(3)
    expect(untilNext(1_234, 1_000)).to.equal(766)
    expect(untilNext(2_000, 1_000)).to.equal(1_000)
  })

  it('SUNSPEC_ABSENT, SUNSPEC_METER_ABSENT: another device, or one without a meter', async () => {
    const plain = await device(Array<number>(200).fill(7))
    expect(await refusalCode(first(`sunspec:tcp://127.0.0.1:${plain.port}?unit=7`))).to.equal('SUNSPEC_ABSENT')
    const inverter = await device([...MARK, ...common('x'), 103, 2, 0, 0, 0xffff, 0])
    expect(await refusalCode(first(`sunspec:tcp://127.0.0.1:${inverter.port}?unit=7`))).to.equal('SUNSPEC_METER_ABSENT')
  })

  it('a list without end is followed for 64 models at most', async () => {
    const { port } = await device([...MARK, ...Array.from({ length: 100 }, () => [900, 1, 0]).flat()])
    expect(await refusalCode(first(`sunspec:tcp://127.0.0.1:${port}?unit=7`))).to.equal('SUNSPEC_METER_ABSENT')
  })

  it('MODBUS_REFUSED: the device answers with an exception where its list should go on', async () => {
    const { port } = await device([...MARK, ...common('x')])
    expect(await refusalCode(first(`sunspec:tcp://127.0.0.1:${port}?unit=7`))).to.equal('MODBUS_REFUSED')
  })

  it('MODBUS_NO_ANSWER: whoever is there says nothing, and is not waited for', async () => {
    const mute = createServer((socket) => void socket.resume().on('error', () => undefined))
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as { port: number }
    expect(await refusalCode(first(`sunspec:tcp://127.0.0.1:${port}?timeout=50ms`))).to.equal('MODBUS_NO_ANSWER')
    await new Promise((resolve) => mute.close(resolve))
  })

  it('SOURCE_UNREADABLE: nobody listens there', async () => {
    const { port } = await device(MARK)
    await devices.pop()?.stop()
    expect(await refusalCode(first(`sunspec:tcp://127.0.0.1:${port}?timeout=200ms`))).to.equal('SOURCE_UNREADABLE')
  })

  it('SUNSPEC_SCALE_INVALID: values whose scale factor is none are left out, the others read', async () => {
    const { port } = await device([...MARK, ...meterModel({ 46: 0, 47: 5, 54: 60, 18: 7, 22: 0 })])
    const items = await first(`sunspec:tcp://127.0.0.1:${port}?unit=7`, 2)
    expect(codesOf(items)).to.deep.equal(['SUNSPEC_SCALE_INVALID'])
    expect(values(items)).to.deep.equal(['1-0:16.7.0 0.007 kW'])
  })

  it('SOURCE_OPTION_INVALID, SOURCE_SPEC_MALFORMED', () => {
    for (const options of ['unit=300', 'poll=soon', 'timeout=2h', 'baud=9600', 'speed=1']) {
      expect(() => openSource(`sunspec:tcp://h?${options}`, systemPlatform), options)
        .to.throw()
        .with.property('code', 'SOURCE_OPTION_INVALID')
    }
    expect(() => openSource('sunspec:meter.txt', systemPlatform))
      .to.throw()
      .with.property('code', 'SOURCE_SPEC_MALFORMED')
  })

  it('a scale factor that changes keeps the register, with the finest met so far', () => {
    const meter = new SunSpecMeter()
    const total = (high: number, scale: number): string => {
      const [value] = meter.decode(meterModel({ 46: 0, 47: high, 54: scale & 0xffff })).values
      return `${value?.value} ${value?.register.scaler}`
    }
    expect([total(1_000, 1), total(1_234, -1), total(13, 1)]).to.deep.equal(['1000 1', '1234 -1', '1300 -1'])
  })

  it('every accumulator up to its end, each quadrant in its register; short answers give nothing', () => {
    const decode = (places: Record<number, number>): string[] =>
      new SunSpecMeter().decode(meterModel(places)).values.map(({ register: { obis }, value }) => `${obis.c}.${obis.d} ${value}`)
    expect(decode({ 46: 0xffff, 47: 0xfffe, 54: 0 })).to.deep.equal(['1.8 4294967294'])
    expect(decode({ 46: 0xffff, 47: 0xffff, 54: 0 })).to.deep.equal([])
    expect(decode({ 73: 1, 81: 2, 89: 3, 97: 4, 104: 0 })).to.deep.equal(['5.8 1', '6.8 2', '7.8 3', '8.8 4'])
    expect(decode({ 48: 0, 49: 1, 39: 2, 45: 3, 54: 0 })).to.deep.equal(['21.8 1', '2.8 2', '62.8 3'])
    expect(new SunSpecMeter().decode([203, 105]).values).to.deep.equal([])
    expect(sunSpecText(text('AB C', 4))).to.equal('AB C')
  })

  it('Modbus RTU: the same over a serial line, answers in pieces and one that never comes', async () => {
    const registers = [...MARK, ...WYE]
    let say: ((bytes: Buffer) => void) | undefined
    let asked = 0
    const waiting: Buffer[] = []
    const answer = (request: Buffer): void => {
      const from = request.readUInt16BE(2) - 40_000
      const count = request.readUInt16BE(4)
      const inside = from >= 0 && from + count <= registers.length
      const body = inside
        ? Buffer.from([7, 3, 2 * count, ...registers.slice(from, from + count).flatMap((each) => [each >> 8, each & 0xff])])
        : Buffer.from([7, 0x83, 2])
      const crc = modbusCrc(body)
      const whole = Buffer.concat([body, Buffer.from([crc & 0xff, crc >> 8])])
      // In pieces, as a line brings them.
      for (let at = 0; at < whole.length; at += 60) waiting.push(whole.subarray(at, at + 60))
      say?.(waiting.shift() as Buffer)
      say = undefined
    }
    const port: OpenPort & { isOpen: boolean } = {
      isOpen: true,
      read: (buffer) =>
        new Promise((resolve) => {
          const give = (bytes: Buffer): void => resolve({ bytesRead: bytes.copy(buffer) })
          const next = waiting.shift()
          if (next === undefined) say = give
          else give(next)
        }),
      write: (request) => {
        asked++
        // The second poll is not answered.
        if (asked <= 3) answer(request)
        return Promise.resolve()
      },
      drain: () => Promise.resolve(),
      update: () => Promise.resolve(),
      close: () => {
        port.isOpen = false
        return Promise.resolve()
      },
    }
    const items: SourceItem[] = []
    const read = async (): Promise<void> => {
      const deps = { ...systemPlatform, openSerial: () => Promise.resolve(port) }
      const source = openSource('sunspec:/dev/ttyUSB0?unit=7&poll=50ms&timeout=600ms', deps)
      for await (const item of source.items(new AbortController().signal)) items.push(item)
    }
    expect(await refusalCode(read())).to.equal('MODBUS_NO_ANSWER')
    expect(values(items)).to.have.length(6)
    expect(port.isOpen).to.equal(false)
  })
})

function modbusCrc(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  }
  return crc
}
