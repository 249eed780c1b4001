import { writeFileSync } from 'node:fs'
import { concat, toHex, toUtf8 } from '../../bytes.ts'
import { isWattnessError } from '../../errors.ts'
import type { Frame, KnownFrame } from '../../frames.ts'
import { encodeLabelRecord } from '../../label.ts'
import { decodeFrame, encodeFrame } from '../../messages.ts'
import { keyOf } from '../numbered-keys.ts'

const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte)

const holdings = {
  timeMs: 1_767_225_600_000,
  frontier: [3, 0, 300],
  headsRoot: filled(0x22),
  named: [
    { index: 0, size: 2, root: filled(0x33) },
    { index: 2, size: 129, root: filled(0x44) },
  ],
}

const known = { addresses: filled(0xa1, 16), attestations: filled(0xa2, 16) }

/** One of each type, with numbers of one and of several varint groups. */
export const SAMPLE_FRAMES: readonly KnownFrame[] = [
  { type: 'hello', networkId: filled(0x11), observer: true, pruned: false, ...holdings, known, agent: 'wattness/0.1.0' },
  {
    type: 'announce',
    sizes: [
      { index: 1, size: 7 },
      { index: 255, size: 35_040 },
    ],
  },
  { type: 'status', ...holdings },
  { type: 'want', id: 9, index: 2, from: 300, maxBlocks: 4_096, maxBytes: 1_048_576 },
  { type: 'run', id: 9, index: 2, from: 300, run: filled(0x55, 40) },
  { type: 'miss', id: 4_294_967_295, reason: 'pruned' },
  { type: 'ask-leaves', id: 0 },
  {
    type: 'leaves',
    id: 1,
    leaves: [
      { size: 3, root: filled(0x66) },
      { size: 0, root: filled(0x77) },
    ],
    headsRoot: filled(0x22),
  },
  { type: 'want-checkpoint', id: 2, index: 1, from: 128 },
  {
    type: 'checkpoint',
    id: 2,
    index: 1,
    size: 200,
    root: filled(0x88),
    signature: filled(0x99, 64),
    oldSize: 128,
    oldRoot: filled(0xaa),
    proof: [filled(0xbb), filled(0xcc)],
  },
  { type: 'evidence', evidence: filled(0xdd, 5) },
  {
    type: 'peers',
    peers: [
      { key: keyOf(2), addresses: ['/ip4/127.0.0.1/tcp/4001', '/dns4/meter.example/tcp/1'] },
      { key: keyOf(3), addresses: [] },
    ],
  },
  { type: 'labels', labels: [{ key: keyOf(2), record: encodeLabelRecord(filled(0xee, 16), 'Haus 1') }] },
  { type: 'attestations', attestations: [filled(0x01, 3), filled(0x02, 200)] },
  { type: 'ask-attested-leaves', id: 3, witness: keyOf(4), epoch: 2, sequence: 300, headsRoot: filled(0x99) },
  {
    type: 'attested-leaves',
    id: 3,
    leaves: [
      { size: 300, root: filled(0x66) },
      { size: 0, root: filled(0x77) },
    ],
  },
  { type: 'want-branch', id: 4, index: 7, from: 90, size: 200, root: filled(0x88), maxBlocks: 4_096, maxBytes: 1_048_576 },
  { type: 'closings', id: 5, epoch: 1, attestations: [filled(0x03, 4)] },
  { type: 'ask-closings', id: 5, epoch: 1 },
  {
    type: 'attested',
    names: [
      { witness: filled(0x0a, 8), epoch: 0, sequence: 1, tag: filled(0x0b, 8) },
      { witness: filled(0x0c, 8), epoch: 300, sequence: 70_000, tag: filled(0x0d, 8) },
    ],
  },
  { type: 'want-attestations', names: [{ witness: filled(0x0e, 8), epoch: 300 }] },
]

function frameOf(type: KnownFrame['type']): Uint8Array {
  return encodeFrame(SAMPLE_FRAMES.find((frame) => frame.type === type) as KnownFrame)
}

function patched(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const out = bytes.slice()
  out[at] = byte
  return out
}

const cases: readonly (readonly [string, Uint8Array])[] = [
  ...SAMPLE_FRAMES.map((frame) => [frame.type, encodeFrame(frame)] as const),
  ['a type of a later version', Uint8Array.of(22, 1, 2, 3)],
  ['nothing', new Uint8Array(0)],
  ['hello of another version', patched(frameOf('hello'), 1, 2)],
  ['hello with an unknown flag', patched(frameOf('hello'), 34, 4)],
  ['announce of nothing', Uint8Array.of(2, 0)],
  ['announce out of order', Uint8Array.of(2, 2, 1, 7, 1, 8)],
  ['announce of member 256', Uint8Array.of(2, 1, 0x82, 0, 7)],
  ['want with a leading zero group', Uint8Array.of(4, 0x80, 9, 2, 0, 1, 1)],
  ['want of no block', Uint8Array.of(4, 9, 2, 0, 0, 1)],
  ['want of 4,097 blocks', Uint8Array.of(4, 9, 2, 0, 0xa0, 1, 1)],
  ['run without bytes', Uint8Array.of(5, 9, 2, 0)],
  ['miss code 6', Uint8Array.of(6, 9, 6)],
  ['ask-leaves with one byte more', Uint8Array.of(7, 0, 0)],
  ['no attestation more', Uint8Array.of(14, 0)],
  ['65 attestations', Uint8Array.of(14, 65)],
  ['an attestation of no byte', Uint8Array.of(14, 1, 0)],
  ['an attestation too long', Uint8Array.of(14, 1, 0x80 | 97, 28)],
  ['leaves of sequence 0', concat(Uint8Array.of(15, 3), keyOf(4), Uint8Array.of(2, 0))],
  ['attested leaves of 257 members', Uint8Array.of(16, 3, 0x82, 1)],
  ['a branch that ends where it begins', Uint8Array.of(17, 4, 7, 9, 9)],
  ['23 closings', Uint8Array.of(18, 5, 1, 23)],
  ['a control character in an address', concat(Uint8Array.of(12, 1), keyOf(2), Uint8Array.of(1, 3), toUtf8('a\nb'))],
]

/** Byte strings as hex, everything else as it is. */
function showFrame(frame: Frame): unknown {
  return JSON.parse(JSON.stringify(frame, (_, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value)))
}

/** What a reader must find in `bytes`: a frame, or the code with which it is refused. */
export function readMessageCase(bytes: Uint8Array): object {
  try {
    return { frame: showFrame(decodeFrame(bytes)) }
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return { refused: error.code }
  }
}

export const messageVectors = {
  comment: 'Frames of the sync exchange (section S). Made by make-messages.ts.',
  cases: cases.map(([name, bytes]) => ({ name, bytes: toHex(bytes), ...readMessageCase(bytes) })),
}

if (import.meta.main) {
  writeFileSync(new URL('messages.json', import.meta.url), `${JSON.stringify(messageVectors, null, 2)}\n`)
}
