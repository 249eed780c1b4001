import { Reader, Writer } from './bytes.ts'
import { KEY_BYTES, SIGNATURE_BYTES } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import {
  type AnnounceFrame,
  type AskLeavesFrame,
  type ChainSize,
  type CheckpointFrame,
  type EvidenceFrame,
  type Frame,
  type HelloFrame,
  type KeyLabel,
  type KnownFrame,
  type LabelsFrame,
  type LeavesFrame,
  MAX_ADDRESS_BYTES,
  MAX_ADDRESSES_PER_PEER,
  MAX_AGENT_BYTES,
  MAX_EVIDENCE_FRAME_BYTES,
  MAX_PEERS_PER_FRAME,
  MISS_REASONS,
  type MissFrame,
  type PeerAddresses,
  type PeersFrame,
  type RunFrame,
  type StatusFrame,
  SYNC_VERSION,
  type WantCheckpointFrame,
  type WantFrame,
} from './frames.ts'
import { HASH_BYTES } from './hash.ts'
import { KNOWN_DIGEST_BYTES } from './known-digests.ts'
import { MAX_LABEL_RECORD_BYTES, MIN_LABEL_RECORD_BYTES } from './label.ts'
import { MAX_FRAME_BYTES, MAX_MEMBERS, MAX_RUN_BLOCKS, MAX_RUN_BYTES } from './limits.ts'
import {
  assertRange,
  type Form,
  nextIndex,
  putChain,
  putFixed,
  putHoldings,
  putId,
  putLeaves,
  putNumber,
  putProof,
  putText,
  takeChain,
  takeFixed,
  takeHoldings,
  takeId,
  takeLeaves,
  takeNumber,
  takeProof,
  takeText,
} from './message-fields.ts'
import {
  askAttestedLeaves,
  askClosings,
  attestations,
  attested,
  attestedLeaves,
  closings,
  wantAttestations,
  wantBranch,
} from './witness-messages.ts'

export * from './frames.ts'

/** Frames of `/wattness/sync/1`, section S of the specification. The first byte names the type. */

const MAX_SIZE = Number.MAX_SAFE_INTEGER

const FLAG_OBSERVER = 1
const FLAG_PRUNED = 2

const hello: Form<HelloFrame> = {
  code: 1,
  write(writer, frame) {
    writer.u8(SYNC_VERSION)
    putFixed(writer, frame.networkId, HASH_BYTES, 'network id')
    writer.u8((frame.observer ? FLAG_OBSERVER : 0) | (frame.pruned ? FLAG_PRUNED : 0))
    putHoldings(writer, frame)
    putFixed(writer, frame.known.addresses, KNOWN_DIGEST_BYTES, 'digest of addresses')
    putFixed(writer, frame.known.attestations, KNOWN_DIGEST_BYTES, 'digest of attestations')
    putText(writer, frame.agent, 0, MAX_AGENT_BYTES, 'agent')
  },
  read(reader) {
    const version = reader.u8()
    if (version !== SYNC_VERSION) {
      throw new WattnessError('UNKNOWN_VERSION', `hello of sync version ${version}, ${SYNC_VERSION} expected`, { version })
    }
    const networkId = takeFixed(reader, HASH_BYTES)
    const flags = reader.u8()
    if (flags > (FLAG_OBSERVER | FLAG_PRUNED)) reader.fail('NON_CANONICAL', `unknown flags ${flags}`)
    const holdings = takeHoldings(reader)
    const known = { addresses: takeFixed(reader, KNOWN_DIGEST_BYTES), attestations: takeFixed(reader, KNOWN_DIGEST_BYTES) }
    const agent = takeText(reader, 0, MAX_AGENT_BYTES, 'agent')
    return {
      type: 'hello',
      networkId,
      observer: (flags & FLAG_OBSERVER) !== 0,
      pruned: (flags & FLAG_PRUNED) !== 0,
      ...holdings,
      known,
      agent,
    }
  },
}

const announce: Form<AnnounceFrame> = {
  code: 2,
  write(writer, { sizes }) {
    putNumber(writer, sizes.length, 1, MAX_MEMBERS, 'chains announced')
    let above = -1
    for (const { index, size } of sizes) {
      above = nextIndex(index, above, 'announce')
      writer.varint(index).varint(size)
    }
  },
  read(reader) {
    const count = takeNumber(reader, 1, MAX_MEMBERS, 'chains announced')
    const sizes: ChainSize[] = []
    let above = -1
    for (let i = 0; i < count; i++) {
      above = nextIndex(reader.varint(), above, 'announce')
      sizes.push({ index: above, size: reader.varint() })
    }
    return { type: 'announce', sizes }
  },
}

const status: Form<StatusFrame> = {
  code: 3,
  write: putHoldings,
  read: (reader) => ({ type: 'status', ...takeHoldings(reader) }),
}

const want: Form<WantFrame> = {
  code: 4,
  write(writer, { id, index, from, maxBlocks, maxBytes }) {
    putChain(writer, id, index)
    writer.varint(from)
    putNumber(writer, maxBlocks, 1, MAX_RUN_BLOCKS, 'blocks wanted')
    putNumber(writer, maxBytes, 1, MAX_RUN_BYTES, 'bytes wanted')
  },
  read(reader) {
    return {
      type: 'want',
      ...takeChain(reader),
      from: reader.varint(),
      maxBlocks: takeNumber(reader, 1, MAX_RUN_BLOCKS, 'blocks wanted'),
      maxBytes: takeNumber(reader, 1, MAX_RUN_BYTES, 'bytes wanted'),
    }
  },
}

const run: Form<RunFrame> = {
  code: 5,
  write(writer, { id, index, from, run }) {
    assertRange(run.length, 1, MAX_RUN_BYTES, 'bytes of a run')
    putChain(writer, id, index)
    writer.varint(from).bytes(run)
  },
  read(reader) {
    const chain = takeChain(reader)
    const from = reader.varint()
    assertRange(reader.remaining, 1, MAX_RUN_BYTES, 'bytes of a run')
    return { type: 'run', ...chain, from, run: reader.bytes(reader.remaining) }
  },
}

const miss: Form<MissFrame> = {
  code: 6,
  write(writer, { id, reason }) {
    putId(writer, id)
    writer.u8(MISS_REASONS.indexOf(reason) + 1)
  },
  read(reader) {
    const id = takeId(reader)
    const code = reader.u8()
    const reason = MISS_REASONS[code - 1]
    if (reason === undefined) return reader.fail('OUT_OF_RANGE', `miss code ${code}, 1 to ${MISS_REASONS.length} expected`)
    return { type: 'miss', id, reason }
  },
}

const askLeaves: Form<AskLeavesFrame> = {
  code: 7,
  write: (writer, { id }) => putId(writer, id),
  read: (reader) => ({ type: 'ask-leaves', id: takeId(reader) }),
}

const leaves: Form<LeavesFrame> = {
  code: 8,
  write(writer, { id, leaves, headsRoot }) {
    putId(writer, id)
    putLeaves(writer, leaves)
    putFixed(writer, headsRoot, HASH_BYTES, 'heads root')
  },
  read(reader) {
    const id = takeId(reader)
    const leaves = takeLeaves(reader)
    return { type: 'leaves', id, leaves, headsRoot: takeFixed(reader, HASH_BYTES) }
  },
}

const wantCheckpoint: Form<WantCheckpointFrame> = {
  code: 9,
  write(writer, { id, index, from }) {
    putChain(writer, id, index)
    writer.varint(from)
  },
  read: (reader) => ({ type: 'want-checkpoint', ...takeChain(reader), from: reader.varint() }),
}

const checkpoint: Form<CheckpointFrame> = {
  code: 10,
  write(writer, frame) {
    putChain(writer, frame.id, frame.index)
    writer.varint(frame.size)
    putFixed(writer, frame.root, HASH_BYTES, 'root')
    putFixed(writer, frame.signature, SIGNATURE_BYTES, 'signature')
    putNumber(writer, frame.oldSize, 0, frame.size, 'old size')
    putFixed(writer, frame.oldRoot, HASH_BYTES, 'old root')
    putProof(writer, frame.proof)
  },
  read(reader) {
    const chain = takeChain(reader)
    const size = takeNumber(reader, 0, MAX_SIZE, 'size')
    return {
      type: 'checkpoint',
      ...chain,
      size,
      root: takeFixed(reader, HASH_BYTES),
      signature: takeFixed(reader, SIGNATURE_BYTES),
      oldSize: takeNumber(reader, 0, size, 'old size'),
      oldRoot: takeFixed(reader, HASH_BYTES),
      proof: takeProof(reader),
    }
  },
}

const evidence: Form<EvidenceFrame> = {
  code: 11,
  write(writer, { evidence }) {
    assertRange(evidence.length, 1, MAX_EVIDENCE_FRAME_BYTES, 'bytes of evidence')
    writer.bytes(evidence)
  },
  read(reader) {
    assertRange(reader.remaining, 1, MAX_EVIDENCE_FRAME_BYTES, 'bytes of evidence')
    return { type: 'evidence', evidence: takeFixed(reader, reader.remaining) }
  },
}

const peers: Form<PeersFrame> = {
  code: 12,
  write(writer, { peers }) {
    putNumber(writer, peers.length, 0, MAX_PEERS_PER_FRAME, 'peers')
    for (const { key, addresses } of peers) {
      putFixed(writer, key, KEY_BYTES, 'key')
      putNumber(writer, addresses.length, 0, MAX_ADDRESSES_PER_PEER, 'addresses of a peer')
      for (const address of addresses) putText(writer, address, 1, MAX_ADDRESS_BYTES, 'address')
    }
  },
  read(reader) {
    const count = takeNumber(reader, 0, MAX_PEERS_PER_FRAME, 'peers')
    const peers: PeerAddresses[] = []
    for (let i = 0; i < count; i++) {
      const key = takeFixed(reader, KEY_BYTES)
      const held = takeNumber(reader, 0, MAX_ADDRESSES_PER_PEER, 'addresses of a peer')
      const addresses: string[] = []
      for (let j = 0; j < held; j++) addresses.push(takeText(reader, 1, MAX_ADDRESS_BYTES, 'address'))
      peers.push({ key, addresses })
    }
    return { type: 'peers', peers }
  },
}

const labels: Form<LabelsFrame> = {
  code: 13,
  write(writer, { labels }) {
    putNumber(writer, labels.length, 0, MAX_MEMBERS, 'labels')
    for (const { key, record } of labels) {
      putFixed(writer, key, KEY_BYTES, 'key')
      putNumber(writer, record.length, MIN_LABEL_RECORD_BYTES, MAX_LABEL_RECORD_BYTES, 'bytes of a label record')
      writer.bytes(record)
    }
  },
  read(reader) {
    const count = takeNumber(reader, 0, MAX_MEMBERS, 'labels')
    const labels: KeyLabel[] = []
    for (let i = 0; i < count; i++) {
      const key = takeFixed(reader, KEY_BYTES)
      const length = takeNumber(reader, MIN_LABEL_RECORD_BYTES, MAX_LABEL_RECORD_BYTES, 'bytes of a label record')
      labels.push({ key, record: takeFixed(reader, length) })
    }
    return { type: 'labels', labels }
  },
}

const FORMS: { readonly [T in KnownFrame['type']]: Form<Extract<KnownFrame, { type: T }>> } = {
  hello,
  announce,
  status,
  want,
  run,
  miss,
  'ask-leaves': askLeaves,
  leaves,
  'want-checkpoint': wantCheckpoint,
  checkpoint,
  evidence,
  peers,
  labels,
  attestations,
  'ask-attested-leaves': askAttestedLeaves,
  'attested-leaves': attestedLeaves,
  'want-branch': wantBranch,
  closings,
  'ask-closings': askClosings,
  attested,
  'want-attestations': wantAttestations,
}

const FORM_OF = new Map(Object.values(FORMS).map((form) => [form.code, form as Form<KnownFrame>]))

/** Type, id, index and from of a run's frame are not more. */
const RUN_ENVELOPE_BYTES = 1 + 8 + 8 + 8

/** Where frames are put together: of so many sizes that memory of their own would be grown and thrown away for most of them. */
const workbench = new Writer(4_096)

/** Throws OUT_OF_RANGE and NON_CANONICAL for what no peer would take. */
export function encodeFrame(frame: KnownFrame): Uint8Array {
  const form = FORMS[frame.type] as Form<KnownFrame>
  const isRun = frame.type === 'run'
  const writer = isRun ? new Writer(frame.run.length + RUN_ENVELOPE_BYTES) : workbench.clear()
  writer.u8(form.code)
  form.write(writer, frame)
  return isRun ? writer.take() : writer.finish()
}

/**
 * One frame. A run's payload is a view of `bytes`; everything else is a copy. Throws LIMIT_EXCEEDED above
 * MAX_FRAME_BYTES, UNKNOWN_VERSION for a hello of another version, and the codes of Reader.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length > MAX_FRAME_BYTES) {
    throw new WattnessError('LIMIT_EXCEEDED', `sync frame of ${bytes.length} bytes, ${MAX_FRAME_BYTES} allowed`)
  }
  const reader = new Reader(bytes, 'sync frame')
  const code = reader.u8()
  const form = FORM_OF.get(code)
  if (form === undefined) return { type: 'unknown', code }
  const frame = form.read(reader)
  reader.done()
  return frame
}
