import { isWattnessError } from '../../protocol/errors.ts'
import type { Reading } from '../../protocol/reading.ts'
import { type CosemContext, readingsOf } from './cosem-reading.ts'
import { lacksUnit } from './cosem-tables.ts'
import { APDU, decodeCiphered, decodeNotification } from './dlms-apdu.ts'
import type { DlmsMessage } from './dlms-assembler.ts'
import { decipher } from './dlms-cipher.ts'
import type { DlmsKeys } from './dlms-keys.ts'
import { P1Framer } from './p1-framer.ts'
import { frameItems } from './p1-items.ts'
import { fault, type SourceItem } from './source.ts'

/** A message as readings: opened where it is ciphered, then read as a COSEM list, or as the P1 telegram that it holds. */

export interface DlmsReading extends Omit<CosemContext, 'nowMs'> {
  readonly keys?: DlmsKeys
  now(): number
}

interface Opened {
  readonly content: Uint8Array
  /** That these are the meter's bytes is proven, by the frames' checks or by the tag. */
  readonly isChecked: boolean
  readonly isCiphered: boolean
  /** Its tag was there and right. */
  readonly isAuthentic: boolean
  /** Of a ciphered message: the name by which its meter is known, in all its messages alike. */
  readonly title?: string
}

const SLASH = 0x2f

export function* messageItems(message: DlmsMessage, how: DlmsReading): Generator<SourceItem> {
  const where = `byte ${message.position}`
  const refused: Refused = (code, why) => fault(code, `DLMS message at ${where}: ${why}`, where)
  try {
    const opened = openMessage(message, how.keys)
    if (opened === undefined) {
      yield refused('DLMS_KEY_MISSING', 'it is encrypted, and no key is given: ?key-file=FILE, or --key-file of read')
    } else if (opened.isCiphered && opened.content[0] === SLASH) {
      yield* telegramItems(opened, message, how, refused)
    } else yield* listItems(opened, message, how, refused)
  } catch (error) {
    if (!isWattnessError(error)) throw error
    // What the data itself has wrong has no code of its own outside: the message is what is refused.
    const isData = error.code === 'DLMS_DATA_MALFORMED' || error.code === 'DLMS_DATA_TRUNCATED'
    yield refused(isData ? 'DLMS_MESSAGE_MALFORMED' : error.code, error.message)
  }
}

/** Undefined where a key is needed and none is there. */
function openMessage({ apdu, isChecked }: DlmsMessage, keys: DlmsKeys | undefined): Opened | undefined {
  if (apdu[0] !== APDU.generalGlo && apdu[0] !== APDU.generalDed) {
    return { content: apdu, isChecked, isCiphered: false, isAuthentic: false }
  }
  const ciphered = decodeCiphered(apdu, 0)
  if (keys === undefined) return undefined
  const { content, isAuthentic } = decipher(ciphered, keys)
  return { content, isChecked: isChecked || isAuthentic, isCiphered: true, isAuthentic, title: hexOf(ciphered.systemTitle) }
}

type Refused = (code: string, why: string) => SourceItem

/**
 * The plain text of a P1 port that encrypts: what was sent is the frame, and its places are the message's. Where the tag proves
 * every byte of the telegram its own CRC can only say that the meter formed it otherwise than it sent it: that is told, and it
 * is read.
 */
function* telegramItems(opened: Opened, message: DlmsMessage, how: DlmsReading, refused: Refused): Generator<SourceItem> {
  const where = `byte ${message.position}`
  const framer = new P1Framer()
  for (const found of [...framer.push(opened.content), ...framer.end()]) {
    const isWrongCrc = found.type === 'fault' && found.code === 'P1_CRC_MISMATCH'
    if (found.type === 'fault' && !(isWrongCrc && opened.isAuthentic)) {
      yield { ...found, where }
      continue
    }
    if (found.type === 'fault') yield refused('DLMS_TELEGRAM_CRC', `${found.message}; its encryption's tag is right: it is read`)
    const frame = found.type === 'fault' ? ({ type: 'frame', bytes: opened.content, position: 0, crc: 'none' } as const) : found
    for (const item of frameItems(frame, how)) {
      if (item.type === 'fault') yield { ...item, where }
      else yield item.type === 'reading' && item.frame !== undefined ? { ...item, frame: message.bytes } : item
    }
  }
}

function* listItems(
  { content, isChecked, isCiphered, title }: Opened,
  message: DlmsMessage,
  how: DlmsReading,
  refused: Refused,
): Generator<SourceItem> {
  if (content[0] !== APDU.dataNotification) {
    const found = `its content begins with ${(content[0] ?? 0).toString(16).padStart(2, '0')}`
    if (isCiphered) yield refused('DLMS_KEY_WRONG', `${found}, which no readings do: the key is another meter's, or mistyped`)
    else yield refused('DLMS_MESSAGE_UNKNOWN', `${found}, expected a data notification (0f) or a ciphered one (db, dc)`)
    return
  }
  const notification = decodeNotification(content, 0, isChecked)
  const { readings, faults, meter: number } = readingsOf(notification, { ...how, nowMs: how.now() })
  // Not every list of a meter has its number, but all its ciphered messages have its title.
  const meter = title ?? number
  for (const [index, reading] of readings.entries()) {
    yield {
      type: 'reading',
      reading,
      crc: isChecked ? 'ok' : 'none',
      // Meters of this kind count in plain units, whatever the scaler.
      exponents: reading.values.map(() => 0),
      ...(unitless(reading)
        ? { marks: reading.values.map(({ register }) => (lacksUnit(register) ? 'unit-missing' : undefined)) }
        : {}),
      // The frame belongs to the message once, not to each of its rows.
      ...(index === 0 ? { frame: message.bytes, ...(meter === undefined ? {} : { meter }) } : {}),
    }
  }
  for (const { code, message: why } of faults) yield refused(code, why)
}

function unitless({ values }: Reading): boolean {
  return values.some(({ register }) => lacksUnit(register))
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
