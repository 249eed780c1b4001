import type { CsvMapping } from './csv-mapping.ts'

/**
 * Ready-made mappings, chosen by the header line alone. Each is what a user could have written in a mapping file; what a
 * header does not say (zone, unit, year) is stated and reasoned here.
 */
export interface BuiltInMapping {
  readonly name: string
  /** Column names by place; the last one stands for all that follow. */
  readonly header: readonly (string | RegExp)[]
  readonly mapping: CsvMapping
}

export const BUILT_IN_MAPPINGS: readonly BuiltInMapping[] = [
  {
    // Low Carbon London, one home and day a row, half-hour Wh. Its clock is GMT all year: 48 slots on both change days.
    name: 'london',
    header: ['household', 'date', /^\d{4}$/],
    mapping: {
      layout: 'wide',
      home: 'household',
      time: { column: 'date', format: 'YYYY-MM-DD', zone: 'UTC', names: 'start' },
      interval: '30m',
      slots: 'HHmm',
      values: [{ register: '1-0:1.29.0', unit: 'Wh', decimals: 0, cumulative: true }],
    },
  },
  {
    // Ausgrid solar homes: general consumption and gross generation in kWh, each on its own meter (channel 1 for the panels).
    // Its wall clock is Sydney's: the missing spring hour is filled with zeros, and the doubled autumn hour stands once, with
    // the energy of both (so the second pass of it is missing, and the running total is right). Cells are printed floats.
    name: 'ausgrid',
    header: ['', 'GC', 'GG'],
    mapping: {
      layout: 'long',
      time: { column: '', format: 'YYYY-MM-DD HH:mm:ss', zone: 'Australia/Sydney', names: 'start' },
      interval: '30m',
      values: [
        { column: 'GC', register: '1-0:1.29.0', unit: 'kWh', decimals: 3, cumulative: true },
        { column: 'GG', register: '1-1:2.29.0', unit: 'kWh', decimals: 3, cumulative: true },
      ],
      floats: true,
    },
  },
  {
    // CityLearn homes (California): no calendar year in the data. Row 0 is the last hour of a Sunday 31 July, row 1 the first of
    // a Monday 1 August: 2016 is such a year. Pacific standard time is taken all year. Hence 'clock-doubtful' throughout.
    name: 'citylearn',
    header: ['hour_index', 'month', 'hour', 'day_type', 'load_Wh', 'pv_Wh'],
    mapping: {
      layout: 'long',
      time: { column: 'hour_index', format: 'index', start: '2016-07-31T23:00:00-08:00', names: 'start' },
      interval: '1h',
      values: [
        { column: 'load_Wh', register: '1-0:1.29.0', unit: 'Wh', decimals: 0, cumulative: true },
        { column: 'pv_Wh', register: '1-1:2.29.0', unit: 'Wh', decimals: 0, cumulative: true },
      ],
      quality: { always: 'clock-doubtful' },
    },
  },
  {
    // Opengrid: hourly mean watts, one column a sensor, UTC stamps.
    name: 'opengrid',
    header: ['utc', /^[0-9a-f]{4}$/],
    mapping: {
      layout: 'columns',
      time: { column: 'utc', format: 'iso', names: 'start' },
      interval: '1h',
      values: [{ register: '1-0:1.27.0', unit: 'W', decimals: 1 }],
    },
  },
  {
    // IEEE low-voltage feeder: watts of one winter day by minute, made by a behaviour model, no date: the day is an assumption.
    name: 'ieee-day',
    header: ['minute', /^p\d+$/],
    mapping: {
      layout: 'columns',
      time: { column: 'minute', format: 'index', start: '2015-01-15T00:00:00Z', names: 'start' },
      interval: '1m',
      values: [{ register: '1-0:1.27.0', unit: 'W', decimals: 0 }],
      quality: { always: 'estimated' },
    },
  },
  {
    // HomeWizard app, registers every 15 minutes. Local time without zone; the meters it reads are Dutch and Belgian ones.
    name: 'homewizard',
    header: ['time', 'Import T1 kWh', 'Import T2 kWh', 'Export T1 kWh', 'Export T2 kWh'],
    mapping: {
      layout: 'long',
      time: { column: 'time', format: 'YYYY-MM-DD HH:mm', zone: 'Europe/Amsterdam', names: 'end' },
      values: [
        { column: 'Import T1 kWh', register: '1-0:1.8.1', unit: 'kWh', decimals: 3 },
        { column: 'Import T2 kWh', register: '1-0:1.8.2', unit: 'kWh', decimals: 3 },
        { column: 'Export T1 kWh', register: '1-0:2.8.1', unit: 'kWh', decimals: 3 },
        { column: 'Export T2 kWh', register: '1-0:2.8.2', unit: 'kWh', decimals: 3 },
      ],
    },
  },
  {
    // Fluvius portal (Belgium), quarter hours; day is tariff 1 and night tariff 2, as Belgian meters number them.
    name: 'fluvius',
    header: [
      'Van datum',
      'Van tijdstip',
      'Tot datum',
      'Tot tijdstip',
      'EAN',
      'Meter',
      'Metertype',
      'Register',
      'Volume',
      'Eenheid',
      'Validatiestatus',
    ],
    mapping: {
      layout: 'long',
      delimiter: ';',
      decimal: ',',
      time: { column: ['Van datum', 'Van tijdstip'], format: 'DD-MM-YYYY HH:mm:ss', zone: 'Europe/Brussels', names: 'start' },
      interval: '15m',
      values: [
        { column: 'Volume', where: { Register: 'Afname Dag' }, register: '1-0:1.29.1', unit: 'kWh', decimals: 3 },
        { column: 'Volume', where: { Register: 'Afname Nacht' }, register: '1-0:1.29.2', unit: 'kWh', decimals: 3 },
        { column: 'Volume', where: { Register: 'Injectie Dag' }, register: '1-0:2.29.1', unit: 'kWh', decimals: 3 },
        { column: 'Volume', where: { Register: 'Injectie Nacht' }, register: '1-0:2.29.2', unit: 'kWh', decimals: 3 },
      ],
      quality: { column: 'Validatiestatus', estimated: ['Geschat'], missing: ['Geen verbruik'] },
    },
  },
  {
    // e-distribuzione portal (Italy): one row a day, 96 quarter hours, decimal comma.
    name: 'e-distribuzione',
    header: ['Giorno', /^\d{2}:\d{2}-\d{2}:\d{2}$/],
    mapping: {
      layout: 'wide',
      delimiter: ';',
      decimal: ',',
      time: { column: 'Giorno', format: 'DD/MM/YYYY', zone: 'Europe/Rome', names: 'start' },
      interval: '15m',
      slots: 'HH:mm-HH:mm',
      values: [{ register: '1-0:1.29.0', unit: 'kWh', decimals: 3, cumulative: true }],
    },
  },
  {
    // Liander's download (Netherlands): a row a day and meter, register states at its beginning; G… are gas meters.
    name: 'liander',
    header: [
      'eancodeasn',
      'meternummer',
      'meterreadingdate',
      'reading1',
      'usage1',
      'reading2',
      'usage2',
      'reading3',
      'usage3',
      'reading4',
      'usage4',
    ],
    mapping: {
      layout: 'long',
      home: 'meternummer',
      time: { column: 'meterreadingdate', format: 'DD-MM-YYYY', zone: 'Europe/Amsterdam', names: 'start' },
      values: [
        { column: 'reading1', where: { meternummer: 'E*' }, register: '1-0:1.8.1', unit: 'kWh' },
        { column: 'reading2', where: { meternummer: 'E*' }, register: '1-0:1.8.2', unit: 'kWh' },
        { column: 'reading3', where: { meternummer: 'E*' }, register: '1-0:2.8.1', unit: 'kWh' },
        { column: 'reading4', where: { meternummer: 'E*' }, register: '1-0:2.8.2', unit: 'kWh' },
        { column: 'reading1', where: { meternummer: 'G*' }, register: '7-0:3.0.0', unit: 'm3' },
      ],
    },
  },
]

/** The built-in mapping whose header this is. */
export function builtInFor(cells: readonly string[]): BuiltInMapping | undefined {
  return BUILT_IN_MAPPINGS.find(({ header }) => {
    const last = header.at(-1) as string | RegExp
    const open = typeof last !== 'string'
    if (open ? cells.length < header.length : cells.length !== header.length) return false
    return cells.every((cell, place) => {
      const expected = header[place] ?? last
      return typeof expected === 'string' ? cell === expected : expected.test(cell)
    })
  })
}
