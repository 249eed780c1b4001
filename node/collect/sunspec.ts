import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { sleep } from '../platform.ts'
import { MODBUS_OPTIONS, type ModbusInit, type ModbusLink, modbusOf } from './modbus-link.ts'
import { fault, type MeterSource, type SourceDeps, type SourceFormat, type SourceItem, type SourceSpec } from './source.ts'
import { assertOptionsKnown } from './source-spec.ts'
import { METER_LENGTH, METER_MODELS, METER_REGISTERS, SunSpecMeter, sunSpecText } from './sunspec-model.ts'

/** Meters and inverters that list their models by SunSpec, over Modbus TCP or RTU. */
export const sunspecFormat: SourceFormat = {
  name: 'sunspec',
  describe: 'SunSpec meter models 201 to 204 over Modbus TCP or RTU, found by themselves',
  usage: ['sunspec:tcp://HOST:502?unit=1&poll=10s', 'sunspec:/dev/ttyUSB0?baud=9600&unit=2'],
  quirks: [
    'an accumulator of 0 is one that the meter does not have, as the standard says: it becomes a register when it counts',
    'scale factors may change from one poll to the next: the finest met so far is kept, so that registers stay the same',
  ],
  recognise: () => false,
  open,
}

/** Where devices begin their list. */
const BASES = [40_000, 50_000, 0]
const MARK = [0x5375, 0x6e53]
const COMMON_MODEL = 1
const SERIAL_AT = 50
const SERIAL_REGISTERS = 16
const LAST_MODEL = 0xffff
/** An inverter with everything lists about twenty. */
const MOST_MODELS = 64

export interface Found {
  readonly address: number
  readonly serial: string
}

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, MODBUS_OPTIONS)
  const init = modbusOf(spec, deps)
  return {
    spec: spec.text,
    kind: spec.kind,
    live: true,
    intervalData: false,
    items: (signal) => sunSpecItems(init, deps, signal),
  }
}

async function* sunSpecItems(init: ModbusInit, deps: SourceDeps, signal: AbortSignal): AsyncGenerator<SourceItem> {
  if (signal.aborted) return
  let link: ModbusLink | undefined
  const hangUp = (): void => link?.close()
  signal.addEventListener('abort', hangUp, { once: true })
  try {
    link = await init.open(signal)
    const { address, serial } = await discover(link)
    const meter = new SunSpecMeter()
    for (;;) {
      yield* poll(meter, await link.read('holding', address, METER_REGISTERS), serial, deps)
      await sleep(deps.timers, untilNext(deps.clock.now(), init.pollMs), signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', hangUp)
    link?.close()
  }
}

/** Polls fall on whole multiples of the interval by the clock, so on the boundaries of sampling. */
export function untilNext(nowMs: number, pollMs: number): number {
  return (Math.floor(nowMs / pollMs) + 1) * pollMs - nowMs
}

function* poll(meter: SunSpecMeter, registers: readonly number[], serial: string, { clock }: SourceDeps): Generator<SourceItem> {
  const { values, unscaled } = meter.decode(registers)
  for (const at of unscaled) {
    const message = `SunSpec model ${registers[0]}: the scale factor in place ${at} is none from -10 to 10; without it no value`
    yield fault('SUNSPEC_SCALE_INVALID', message, `place ${at}`)
  }
  if (values.length === 0) return
  yield {
    type: 'reading',
    reading: { time: clock.now(), intervalMs: 0, timeSource: 'node-clock', values },
    frame: Uint8Array.from(registers.flatMap((register) => [register >> 8, register & 0xff])),
    ...(serial === '' ? {} : { meter: serial }),
  }
}

/** The first meter in the device's list of models. Throws SUNSPEC_ABSENT, SUNSPEC_METER_ABSENT. */
export async function discover(link: ModbusLink): Promise<Found> {
  const base = await findBase(link)
  let serial = ''
  const models: number[] = []
  let address = base + MARK.length
  while (models.length < MOST_MODELS) {
    const [model = LAST_MODEL, length = 0] = await link.read('holding', address, 2)
    if (model === LAST_MODEL || length === 0) break
    models.push(model)
    if (METER_MODELS.has(model) && length >= METER_LENGTH) return { address, serial }
    if (model === COMMON_MODEL && length >= SERIAL_AT + SERIAL_REGISTERS - 2) {
      serial = sunSpecText(await link.read('holding', address + SERIAL_AT, SERIAL_REGISTERS))
    }
    address += 2 + length
    if (address > 0xffff) break
  }
  throw new WattnessError('SUNSPEC_METER_ABSENT', `SunSpec device with models ${models.join(', ')}: none of 201 to 204`, {
    models,
  })
}

async function findBase(link: ModbusLink): Promise<number> {
  for (const base of BASES) {
    try {
      const found = await link.read('holding', base, MARK.length)
      if (found.every((register, index) => register === MARK[index])) return base
    } catch (error) {
      // Where there is nothing, devices answer with an exception, and some not at all; the last one decides.
      if (!isWattnessError(error, 'MODBUS_REFUSED') && base === BASES.at(-1)) throw error
    }
  }
  throw new WattnessError('SUNSPEC_ABSENT', `no SunSpec device: "SunS" stands at none of ${BASES.join(', ')}`, {})
}
