import { sha256, toBase64, toHex, WattnessError } from '../../protocol/index.ts'
import { FORMATS, type FrameSignature, frameFormat, frameSignature } from '../collect/index.ts'
import type { Platform } from '../platform.ts'
import { formatInstant, parseInstant, timeZone } from '../query/index.ts'
import { FrameBlocks, type FrameVerdict } from './frame-blocks.ts'
import type { LedgerView } from './status.ts'

/** Which raw frames are asked for; every word as it was typed. */
export interface FrameOrder {
  readonly from?: string
  readonly to?: string
  readonly tz?: string
  /** Of one block of the own chain. */
  readonly height?: string
  /** A format's name. */
  readonly format?: string
  /** First digits of the SHA-256 of a frame. */
  readonly sha256?: string
  /** The public key that signed records are checked with, in place of the one beside them. */
  readonly key?: string
  /** With the bytes of each. */
  readonly bytes?: boolean
}

export interface FrameLine extends FrameVerdict {
  /** Of the reading that it is kept with. */
  readonly time: string
  /** The meter source's own name; null where it is not known. */
  readonly source: string | null
  readonly format: string | null
  /** Length; null where the frame is damaged, as is the hash. */
  readonly bytes: number | null
  /** Of the frame as it is, as any tool makes it. */
  readonly sha256: string | null
  /** Of signed records, with the key that was used; null of all others. */
  readonly signature: (FrameSignature & { readonly publicKey?: string }) | null
  /** Base64, where it was asked for. */
  readonly frame?: string
}

/** First which times are kept at all, then each frame that was asked for, by time. */
export type FrameAnswer =
  | { readonly kept: { readonly first: string; readonly last: string } | null }
  | { readonly frame: FrameLine }

const PARAMETERS = ['from', 'to', 'tz', 'height', 'format', 'sha256', 'key'] as const
const FRAMES_A_TURN = 32
const LEAST_DIGITS = 6

/**
 * Raw frames that this node keeps of its own readings, each judged against the block that took it up. One at a time is in memory.
 * Throws QUERY_INVALID, and BLOCK_UNKNOWN or STORE_DAMAGED of the one block that was asked for.
 */
export async function* readFrameLines(
  view: Pick<LedgerView, 'key' | 'store'>,
  platform: Pick<Platform, 'turn'>,
  order: FrameOrder,
): AsyncGenerator<FrameAnswer> {
  const { frames } = view.store
  const blocks = new FrameBlocks(view)
  const { height, ...wanted } = wantedOf(order)
  const [askedFromMs, askedToMs] = rangeOf(order)
  const { fromMs, toMs } = height === undefined ? { fromMs: 0, toMs: Number.POSITIVE_INFINITY } : await blocks.timesOf(height)
  const span = await frames.span()
  yield { kept: span === undefined ? null : { first: formatInstant(span.firstMs), last: formatInstant(span.lastMs) } }
  let looked = 0
  for await (const kept of frames.list(Math.max(fromMs, askedFromMs), Math.min(toMs, askedToMs))) {
    if (++looked % FRAMES_A_TURN === 0) await platform.turn()
    const { frame, note, waiting, timeMs } = kept
    if (height !== undefined && note !== undefined && note.height !== height) continue
    const source = note?.source ?? waiting?.source
    const format = frame === undefined ? undefined : frameFormat(frame, source)
    const hash = frame === undefined ? undefined : toHex(sha256(frame))
    if (wanted.format !== undefined && wanted.format !== format) continue
    if (wanted.sha256 !== undefined && hash?.startsWith(wanted.sha256) !== true) continue
    const verdict = await blocks.judge(kept)
    if (height !== undefined && verdict.block?.height !== height) continue
    const signed = note?.signed ?? (waiting !== undefined && 'reading' in waiting ? waiting.signed : undefined)
    const publicKey = order.key ?? signed?.publicKey
    const signature = frame === undefined ? undefined : frameSignature(frame, format, publicKey)
    yield {
      frame: {
        time: formatInstant(timeMs),
        source: source ?? null,
        format: format ?? null,
        bytes: frame?.length ?? null,
        sha256: hash ?? null,
        ...verdict,
        signature: signature === undefined ? null : { ...signature, ...(publicKey === undefined ? {} : { publicKey }) },
        ...(frame === undefined || order.bytes !== true ? {} : { frame: toBase64(frame) }),
      },
    }
  }
}

function rangeOf({ from, to, tz }: FrameOrder): readonly [fromMs: number, toMs: number] {
  const zone = timeZone(tz ?? 'UTC')
  return [
    from === undefined ? 0 : parseInstant('from', from, zone),
    to === undefined ? Number.POSITIVE_INFINITY : parseInstant('to', to, zone),
  ]
}

function wantedOf({ height, format, sha256: digits }: FrameOrder): { height?: number; format?: string; sha256?: string } {
  if (height !== undefined && !/^\d{1,15}$/.test(height)) refuse('height', height, 'a whole number from 0')
  const names = FORMATS.map(({ name }) => name)
  if (format !== undefined && !names.includes(format)) refuse('format', format, `one of ${names.join(', ')}`)
  const hash = digits?.toLowerCase()
  if (hash !== undefined && !(hash.length >= LEAST_DIGITS && /^[\da-f]{1,64}$/.test(hash))) {
    refuse('sha256', digits as string, `the first ${LEAST_DIGITS} digits or more of a hash`)
  }
  return {
    ...(height === undefined ? {} : { height: Number(height) }),
    ...(format === undefined ? {} : { format }),
    ...(hash === undefined ? {} : { sha256: hash }),
  }
}

function refuse(name: string, found: string, expected: string): never {
  throw new WattnessError('QUERY_INVALID', `${name}: found ${JSON.stringify(found.slice(0, 40))}, expected ${expected}`, { name })
}

/** As `frameParameters` writes it. */
export function frameOrderOf(parameters: URLSearchParams): FrameOrder {
  const given = PARAMETERS.flatMap((name) => (parameters.has(name) ? [[name, parameters.get(name)]] : []))
  return { ...(Object.fromEntries(given) as FrameOrder), bytes: parameters.get('bytes') === 'yes' }
}

export function frameParameters(order: FrameOrder): URLSearchParams {
  const parameters = new URLSearchParams()
  for (const name of PARAMETERS) if (order[name] !== undefined) parameters.set(name, order[name])
  if (order.bytes === true) parameters.set('bytes', 'yes')
  return parameters
}
