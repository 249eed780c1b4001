/** Expected files where the other tool is wrong, or says what no standard says; docs/conformance.md has the proofs. */
export const EXPLANATIONS: ReadonlyMap<string, string> = new Map([
  [
    'csv/expected/enel_elec_feed_in_tariff_1_high_resolution.csv',
    'its times are Italian wall clock taken as UTC, two hours late',
  ],
  [
    'csv/expected/fluvius_elec_feed_in_tariff_1_high_resolution.csv',
    'its times are Belgian wall clock taken as UTC, and an interval late',
  ],
  ['csv/expected/fluvius_energy_consumed_tariff_1_high_resolution.csv', 'of October to December 2023; the capture ends in 2021'],
  ['dsmr/expected/athom_dsmr-3.0-spec-example.upstream.json', 'it loses the value on the next line of a version 3 telegram'],
  ['dsmr/expected/athom_iskra-mt-382-no-crc.upstream.json', 'the telegram has no end ("!"), as its other expected file says'],
  [
    'greenbutton/expected/vladistan_gas_containerized.txt',
    "the ReadingType is empty: therm and 10^-3 are the other tool's guess",
  ],
  [
    'greenbutton/expected/vladistan_ngma_gas_provider_2024-07-16.txt',
    "the ReadingType is empty: therm and 10^-3 are the other tool's guess",
  ],
  ['mbus/expected/ELS_Elster-F96-Plus.norm.xml', 'two values are no decimal digits (DD): it adds them up as if they were'],
  [
    'ocmf/expected/ocmf-compleo-daten.json',
    'two roots are no XML document to it; both records stand there and are read, marked no-key',
  ],
  [
    'sml/expected/DZG_DVS-7412.2_jmberg.snap',
    'sml-rs knows not the DZG fault; libsml, the other expected file, reads what we read',
  ],
  [
    'sml/expected/EasyMeter_Q3A_A1064V1009.obis.txt',
    'libsml loses telegrams behind one with a wrong CRC; sml-rs, the other expected file, reads what we read',
  ],
  [
    'sml/expected/smartmeter-obis_testSerialResponseSmlCont_3.obis.txt',
    "the second file's CRC is wrong (67E5 for 66E5) and it is read all the same",
  ],
])
