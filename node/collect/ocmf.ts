import { isWattnessError } from '../../protocol/errors.ts'
import { fileBytes, pathOf, standardInputBytes } from './byte-input.ts'
import { parseRecord } from './ocmf-record.ts'
import { MAX_RECORD_BYTES, type OcmfFound, type OcmfOther, OcmfScanner } from './ocmf-scanner.ts'
import { assertSigned } from './ocmf-signature.ts'
import { fault, type MeterSource, type SourceDeps, type SourceFormat, type SourceItem, type SourceSpec } from './source.ts'
import { assertOptionsKnown } from './source-spec.ts'

/**
 * OCMF: signed readings of charging stations, as the S.A.F.E. transparency software reads and writes them.
 *
 * Quirks: the attribute `encoding` is often missing or wrong, so the content decides; values are numbers or padded text; channel
 * and tariff may be letters; brainpool curves go by two names; a key is DER or a bare point, with blanks in it. The signature
 * covers the payload as sent: nothing is re-written before it is checked. The whole record is the reading's frame.
 */
export const ocmfFormat: SourceFormat = {
  name: 'ocmf',
  describe: 'signed charging records (OCMF), bare or in the S.A.F.E. XML container; signatures are checked',
  usage: ['ocmf:FILE', 'ocmf:FILE?key=HEX', 'ocmf:-'],
  quirks: [
    'the content decides about its encoding: attributes are often missing or wrong',
    'channel and tariff may be letters (1-b:1.8.e, read as 0), codes hexadecimal (01-00:B2.08.00.FF)',
    'a record without a key is marked; one whose signature is wrong is refused',
  ],
  recognise,
  open,
}

/** What the spool keeps of a key beside its record; DER of the largest curve has 320. */
const MAX_KEPT_KEY_CHARS = 1_024

const BARE = /^\s*(?:OCMF\||4[fF]434[dD]467[cC]|T0NNRn)/
const CONTAINER = /<(?:signedData|encodedData)[\s>]/

function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  const text = Buffer.from(firstBytes)
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '')
  return BARE.test(text) || CONTAINER.test(text)
}

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, ['key'])
  return {
    spec: spec.text,
    kind: spec.kind,
    live: false,
    // Begin and end of a charge are what they are: nothing to sample.
    intervalData: true,
    items: (signal) => {
      const bytes = spec.target === '-' ? standardInputBytes(deps, signal) : fileBytes(pathOf(spec.target, deps), signal)
      return ocmfItems(bytes, spec.options.get('key'))
    },
  }
}

/** Whether a record, as it was kept, is what `key` signs. */
export function recordSignature(
  record: Uint8Array,
  key: string | undefined,
): { readonly state: 'valid' | 'wrong' | 'no-key'; readonly words?: string } {
  try {
    const { payload, signature } = parseRecord(record)
    if (key === undefined) return { state: 'no-key' }
    assertSigned(payload, signature, key)
    return { state: 'valid' }
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return { state: 'wrong', words: error.message }
  }
}

/** `givenKey` is for records beside which none stands. */
export async function* ocmfItems(bytes: AsyncIterable<Uint8Array>, givenKey?: string): AsyncGenerator<SourceItem> {
  const scanner = new OcmfScanner()
  for await (const chunk of bytes) {
    for (const found of scanner.push(chunk)) yield* itemsOf(found, givenKey)
  }
  for (const found of scanner.end()) yield* itemsOf(found, givenKey)
}

function itemsOf(found: ReturnType<OcmfScanner['push']>[number], givenKey: string | undefined): SourceItem[] {
  if (found.type === 'fault') return [found]
  const where = `record ${found.number} at byte ${found.position}`
  try {
    return recordItems(found, where, givenKey)
  } catch (error) {
    if (!isWattnessError(error)) throw error
    const code = error.code.startsWith('OCMF_') ? error.code : 'OCMF_RECORD_MALFORMED'
    return [fault(code, `OCMF ${where}: ${error.message}`, where)]
  }
}

function recordItems(found: OcmfFound | OcmfOther, where: string, givenKey: string | undefined): SourceItem[] {
  if (found.type === 'other') {
    return [fault('OCMF_RECORD_MALFORMED', `OCMF ${where}: expected a record that begins with OCMF|`, where)]
  }
  if (found.bytes.length > MAX_RECORD_BYTES) {
    return [fault('OCMF_RECORD_TOO_LONG', `OCMF ${where} is longer than ${MAX_RECORD_BYTES} bytes`, where)]
  }
  const { payload, signature, rows, faults } = parseRecord(found.bytes)
  // An element that is there and empty is no key.
  const key = found.key === undefined || found.key === '' ? givenKey : found.key
  if (key !== undefined) assertSigned(payload, signature, key)
  const checked = key === undefined ? ('no-key' as const) : ('valid' as const)
  const publicKey = key?.replace(/\s+/g, '')
  const signed = publicKey === undefined || publicKey.length > MAX_KEPT_KEY_CHARS ? {} : { publicKey }
  const items: SourceItem[] = rows.map(({ reading, exponents }, index) => {
    const item = { type: 'reading' as const, reading, exponents, signature: checked }
    // The frame belongs to the record once, with its last row: the first may be known of an earlier record of the same charge.
    return index === rows.length - 1 ? { ...item, frame: found.bytes, signed } : item
  })
  for (const message of faults) items.push(fault('OCMF_VALUE_MALFORMED', `OCMF ${where}: ${message}`, where))
  if (items.length === 0) items.push(fault('OCMF_RECORD_EMPTY', `OCMF ${where} holds no reading`, where))
  return items
}
