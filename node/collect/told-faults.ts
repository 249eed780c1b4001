/**
 * Faults that are told though nothing that was whole was refused for them: where a stream begins, a clock that was not taken, a
 * header that a portal left out.
 */
export const TOLD_FAULTS: ReadonlySet<string> = new Set([
  'P1_CLOCK_INVALID',
  'P1_STREAM_MIDWAY',
  'IEC_CLOCK_INVALID',
  'IEC_STREAM_MIDWAY',
  'SML_CLOCK_INVALID',
  'SML_STREAM_MIDWAY',
  'DLMS_CLOCK_INVALID',
  'DLMS_STREAM_MIDWAY',
  'DLMS_TELEGRAM_CRC',
  'NEM12_HEADER_MISSING',
])
