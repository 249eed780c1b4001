import { type MqttMapping, type MqttValue, validateMqttMapping } from './mqtt-mapping.ts'

/** Messages that programs and plugs of many homes send. A profile is a mapping that nobody has to write. */
export interface MqttProfile {
  readonly name: string
  readonly describe: string
  /** Subscribed to unless the spec says `topic=`; undefined where a home's own name is in it. */
  readonly topic?: string
  mapping(zone: string | undefined): MqttMapping
}

const IMPORT = '1-0:1.8.0'
const EXPORT = '1-0:2.8.0'

/** A watt-hour has three decimals of a kilowatt-hour; plugs print up to five. */
const PLUG_DECIMALS = 5
const KWH_DECIMALS = 4

const at = (path: string, register: string, unit: string, decimals: number): MqttValue => ({ path, register, unit, decimals })
const kwh = (path: string, register: string, decimals = KWH_DECIMALS): MqttValue => at(path, register, 'kWh', decimals)
const own = (topic: string, register: string, unit: string, decimals: number): MqttValue => ({
  topic,
  path: '',
  register,
  unit,
  decimals,
})

function made(mapping: MqttMapping): MqttMapping {
  return validateMqttMapping(mapping, 'of a profile')
}

/**
 * `tele/NAME/SENSOR`. What a head reads is named in its script: the names of Tasmota's own examples are known. `Time` has no
 * zone, so it counts only with `zone=`.
 */
const tasmota: MqttProfile = {
  name: 'tasmota',
  describe: 'Tasmota plugs and optical heads: tele/NAME/SENSOR',
  mapping: (zone) =>
    made({
      time: {
        path: 'Time',
        format: zone === undefined ? 'iso' : ['iso', 'YYYY-MM-DDTHH:mm:ss'],
        ...(zone === undefined ? {} : { zone }),
      },
      meter: '*.Meter_Number',
      floats: true,
      values: [
        kwh('ENERGY.Total', IMPORT, PLUG_DECIMALS),
        kwh('ENERGY.ExportActive', EXPORT, PLUG_DECIMALS),
        at('ENERGY.Power', '1-0:1.7.0', 'W', 3),
        at('ENERGY.Voltage', '1-0:32.7.0', 'V', 3),
        at('ENERGY.Current', '1-0:31.7.0', 'A', 3),
        // Whatever the plug's owner has called the meter.
        ...['Total_in', 'E_in', 'total_in', 'Verbrauch'].map((name) => kwh(`*.${name}`, IMPORT)),
        ...['Total_out', 'E_out', 'total_out', 'Einspeisung'].map((name) => kwh(`*.${name}`, EXPORT)),
        ...['Power_curr', 'Power_cur', 'Leistung'].map((name) => at(`*.${name}`, '1-0:16.7.0', 'W', 2)),
      ],
    }),
}

/** A topic for each value: the names that ESPHome's own examples of its meter components give. */
const esphome: MqttProfile = {
  name: 'esphome',
  describe: 'ESPHome: NAME/sensor/SENSOR/state, as its DSMR and SML examples name them',
  mapping: () =>
    made({
      floats: true,
      values: [
        own('sensor/energy_consumed_tariff_1/state', '1-0:1.8.1', 'kWh', 3),
        own('sensor/energy_consumed_tariff_2/state', '1-0:1.8.2', 'kWh', 3),
        own('sensor/energy_produced_tariff_1/state', '1-0:2.8.1', 'kWh', 3),
        own('sensor/energy_produced_tariff_2/state', '1-0:2.8.2', 'kWh', 3),
        own('sensor/energy_consumed_luxembourg/state', IMPORT, 'kWh', 3),
        own('sensor/energy_produced_luxembourg/state', EXPORT, 'kWh', 3),
        own('sensor/total_energy/state', IMPORT, 'kWh', KWH_DECIMALS),
        own('sensor/total_energy_consumed/state', IMPORT, 'kWh', KWH_DECIMALS),
        own('sensor/total_energy_produced/state', EXPORT, 'kWh', KWH_DECIMALS),
        own('sensor/power_consumed/state', '1-0:1.7.0', 'kW', 3),
        own('sensor/power_produced/state', '1-0:2.7.0', 'kW', 3),
        own('sensor/active_power/state', '1-0:16.7.0', 'W', 2),
        own('sensor/gas_consumed/state', '0-1:24.2.1', 'm3', 3),
        own('sensor/gas_consumed_belgium/state', '0-1:24.2.3', 'm3', 3),
      ],
    }),
}

const DSMR_NAMES: readonly (readonly [string, string, string, number])[] = [
  ['electricity_delivered_1', '1-0:1.8.1', 'kWh', 3],
  ['electricity_delivered_2', '1-0:1.8.2', 'kWh', 3],
  ['electricity_returned_1', '1-0:2.8.1', 'kWh', 3],
  ['electricity_returned_2', '1-0:2.8.2', 'kWh', 3],
  ['electricity_currently_delivered', '1-0:1.7.0', 'kW', 3],
  ['electricity_currently_returned', '1-0:2.7.0', 'kW', 3],
  ['extra_device_delivered', '0-1:24.2.1', 'm3', 3],
]

/** Its JSON message (`dsmr/json`) has the meter's time; a topic for each value has none. */
const dsmrReader: MqttProfile = {
  name: 'dsmr-reader',
  describe: 'DSMR-reader: its JSON telegram (topic=dsmr/json), or dsmr/reading/… with a topic for each value',
  topic: 'dsmr/reading/+',
  mapping: () =>
    made({
      time: { path: 'timestamp', format: 'iso' },
      floats: true,
      values: DSMR_NAMES.flatMap(([name, register, unit, decimals]) => [
        { path: name, register, unit, decimals },
        { topic: name, path: '', register, unit, decimals },
      ]),
    }),
}

/** `last_seen` is there where Zigbee2MQTT is told to send it. */
const zigbee2mqtt: MqttProfile = {
  name: 'zigbee2mqtt',
  describe: 'Zigbee2MQTT: zigbee2mqtt/NAME',
  mapping: () =>
    made({
      time: { path: 'last_seen', format: ['iso', 'epoch-ms'] },
      floats: true,
      values: [
        kwh('energy', IMPORT),
        kwh('produced_energy', EXPORT),
        at('power', '1-0:16.7.0', 'W', 2),
        at('voltage', '1-0:32.7.0', 'V', 2),
        at('current', '1-0:31.7.0', 'A', 3),
      ],
    }),
}

export const MQTT_PROFILES: readonly MqttProfile[] = [tasmota, esphome, dsmrReader, zigbee2mqtt]
