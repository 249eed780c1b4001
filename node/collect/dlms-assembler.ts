import { isWattnessError } from '../../protocol/errors.ts'
import { APDU, beginsApdu, decodeBlock, hasLlc, MAX_APDU_BYTES, withoutLlc } from './dlms-apdu.ts'
import type { DlmsFrame } from './dlms-scanner.ts'
import type { HdlcFrame } from './hdlc-frame.ts'
import type { MbusFrame } from './mbus-frame.ts'
import { type FaultItem, fault } from './source.ts'

/** A whole message, put together from the segments of its frames and the blocks of its blocks. */
export interface DlmsMessage {
  readonly type: 'message'
  readonly apdu: Uint8Array
  /** All its frames, as sent. */
  readonly bytes: Uint8Array
  /** Where the first of them begins. */
  readonly position: number
  /** Each of its frames had a check, and it was right. */
  readonly isChecked: boolean
}

/** Parts of one message, in order. */
class Parts {
  readonly position: number
  readonly #contents: Uint8Array[] = []
  readonly #frames: Uint8Array[] = []
  count = 0
  #length = 0

  constructor(position: number) {
    this.position = position
  }

  /** False where it would be more than a message may have; then it is not added. */
  add(content: Uint8Array, frames: Uint8Array): boolean {
    this.#length += content.length
    if (this.#length > MAX_APDU_BYTES) return false
    this.#contents.push(content)
    this.#frames.push(frames)
    this.count++
    return true
  }

  get content(): Uint8Array {
    return Buffer.concat(this.#contents)
  }

  get frames(): Uint8Array {
    return Buffer.concat(this.#frames)
  }
}

type Assembled = DlmsMessage | FaultItem

export class DlmsAssembler {
  /** Segments of HDLC or M-Bus frames. */
  #segments: Parts | undefined
  /** They are M-Bus frames, which count; HDLC frames do not. */
  #isNumbered = false
  /** Blocks of general block transfer. */
  #blocks: Parts | undefined
  #items: Assembled[] = []

  take({ frame, bytes, position }: DlmsFrame): Assembled[] {
    if (frame.type === 'raw') this.#complete(frame.payload, bytes, position, false)
    else if (frame.type === 'hdlc') this.#hdlc(frame, bytes, position)
    else this.#mbus(frame, bytes, position)
    return this.#taken()
  }

  /** A frame was refused, or bytes were: only segments that are numbered tell by themselves whether one is missing. */
  broken(): Assembled[] {
    if (!this.#isNumbered) this.#dropSegments()
    return this.#taken()
  }

  /** The input ends: what is begun cannot be finished. */
  end(): Assembled[] {
    this.#dropSegments()
    this.#dropBlocks()
    return this.#taken()
  }

  #taken(): Assembled[] {
    const items = this.#items
    this.#items = []
    return items
  }

  #hdlc({ payload, isSegmented }: HdlcFrame, bytes: Uint8Array, position: number): void {
    this.#isNumbered = false
    // Only the first segment has link control before its message.
    if (hasLlc(payload) || (this.#segments === undefined && beginsApdu(payload))) {
      this.#dropSegments()
      this.#segments = new Parts(position)
    }
    this.#segment(hasLlc(payload) ? withoutLlc(payload) : payload, bytes, position, !isSegmented)
  }

  #mbus({ payload, number, isLast }: MbusFrame, bytes: Uint8Array, position: number): void {
    this.#isNumbered = true
    // Sixteen numbers are all there are, and a message has no more segments.
    if (number === 0) {
      this.#dropSegments()
      this.#segments = new Parts(position)
    } else if (this.#segments !== undefined && this.#segments.count !== number) this.#dropSegments()
    this.#segment(payload, bytes, position, isLast)
  }

  #segment(content: Uint8Array, bytes: Uint8Array, position: number, isLast: boolean): void {
    const segments = this.#segments
    if (segments === undefined)
      return this.#fault('DLMS_SEGMENT_STRAY', position, 'it belongs to a message whose beginning is missing')
    if (!segments.add(content, bytes)) {
      this.#segments = undefined
      return this.#tooLong(segments)
    }
    if (!isLast) return
    this.#segments = undefined
    this.#complete(segments.content, segments.frames, segments.position, true)
  }

  #complete(apdu: Uint8Array, bytes: Uint8Array, position: number, isChecked: boolean): void {
    if (apdu[0] === APDU.blockTransfer) return this.#block(apdu, bytes, position)
    this.#dropBlocks()
    this.#items.push({ type: 'message', apdu, bytes, position, isChecked })
  }

  #block(apdu: Uint8Array, bytes: Uint8Array, position: number): void {
    try {
      const { number, isLast, content } = decodeBlock(apdu)
      if (number === 1) {
        this.#dropBlocks()
        this.#blocks = new Parts(position)
      } else if (this.#blocks !== undefined && this.#blocks.count !== number - 1) this.#dropBlocks()
      const blocks = this.#blocks
      if (blocks === undefined) return this.#fault('DLMS_SEGMENT_STRAY', position, `block ${number} has no beginning`)
      if (!blocks.add(content, bytes)) {
        this.#blocks = undefined
        return this.#tooLong(blocks)
      }
      if (!isLast) return
      this.#blocks = undefined
      this.#items.push({
        type: 'message',
        apdu: blocks.content,
        bytes: blocks.frames,
        position: blocks.position,
        isChecked: true,
      })
    } catch (error) {
      if (!isWattnessError(error)) throw error
      this.#fault('DLMS_MESSAGE_MALFORMED', position, error.message)
    }
  }

  #dropSegments(): void {
    if (this.#segments !== undefined) this.#incomplete(this.#segments)
    this.#segments = undefined
  }

  #dropBlocks(): void {
    if (this.#blocks !== undefined) this.#incomplete(this.#blocks)
    this.#blocks = undefined
  }

  #incomplete({ position, count }: Parts): void {
    if (count > 0) this.#fault('DLMS_MESSAGE_INCOMPLETE', position, `only ${count} of its parts came`)
  }

  #tooLong({ position }: Parts): void {
    this.#fault('DLMS_MESSAGE_TOO_LONG', position, `it has more than ${MAX_APDU_BYTES} bytes`)
  }

  #fault(code: string, position: number, why: string): void {
    this.#items.push(fault(code, `DLMS message at byte ${position}: ${why}`, `byte ${position}`))
  }
}
