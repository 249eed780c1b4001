import { FORMATS, recogniseFormat } from './formats.ts'
import { recordSignature } from './ocmf.ts'
import { RECOGNISE_BYTES } from './source.ts'

/** A raw frame as what it is: which format it is of, and whether what signed it did. */

const NAMES = new Set(FORMATS.map(({ name }) => name))
/** A directory's frames are of whatever format its files are. */
const OF_ANY_FORMAT = 'dir'
/** `p1:tcp://…`, and `import:ocmf/…` of what was filled in from a file. */
const KIND = /^(?:import:)?([a-z\d]+(?:-[a-z\d]+)*)[:/#]/

/** The format's name: of the source that it came from, else of what its bytes look like; undefined where neither tells. */
export function frameFormat(frame: Uint8Array, source: string | undefined): string | undefined {
  const kind = KIND.exec(source ?? '')?.[1]
  if (kind !== undefined && kind !== OF_ANY_FORMAT && NAMES.has(kind)) return kind
  return recogniseFormat('', frame.subarray(0, RECOGNISE_BYTES))?.name
}

/** What a signature says of a frame. */
export interface FrameSignature {
  /** 'wrong': not what the key signs, or nothing that could be checked; `words` says why. */
  readonly state: 'valid' | 'wrong' | 'no-key'
  readonly words?: string
}

/** Of frames that are signed records of themselves; undefined of all others. */
export function frameSignature(
  frame: Uint8Array,
  format: string | undefined,
  publicKey: string | undefined,
): FrameSignature | undefined {
  return format === 'ocmf' ? recordSignature(frame, publicKey) : undefined
}
