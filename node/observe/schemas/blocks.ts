import Type, { type Static } from 'typebox'
import { Base64, Count, Hash, Key, MemberRef, Next, nullable, object, ReadingLine, Text, Time, words } from './fields.ts'

const EventLine = object('EventLine', 'What happened at a meter.', { time: Time, event: Text, detail: Text })

const OperationLine = object('OperationLine', 'A change of the membership.', {
  operation: words(['admit', 'revoke', 'change-roles', 'replace-key'], 'What the registrar ordered.'),
  key: Key,
  newKey: Type.Optional(Key),
  roles: Type.Optional(Text),
  endSize: Type.Optional(Count),
})

/** The words of `wattness blocks --json`. */
const head = {
  member: MemberRef.properties.index,
  label: MemberRef.properties.label,
  key: Key,
  height: Count,
  kind: Type.Union([words(['readings', 'event', 'membership'], 'What the body holds.'), Count], {
    description: 'A number: of a later version of the protocol, kept and not interpreted.',
  }),
  hash: Hash,
  previous: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Hash of the block before; zeros at height 0.' }),
  sealedAt: Time,
  registrarSize: Count,
  bytes: Type.Integer({ minimum: 0, description: 'Of header and body.' }),
  signed: Type.Boolean({ description: "Whether a signature of exactly this block is kept; the next one's covers it as well." }),
  final: Type.Boolean({ description: 'A quorum of witnesses has signed a history that holds it.' }),
}

const content = {
  readings: Type.Optional(Type.Array(ReadingLine)),
  events: Type.Optional(Type.Array(EventLine)),
  operations: Type.Optional(Type.Array(OperationLine)),
  omitted: Type.Optional(Type.Integer({ minimum: 1, description: 'Values left out of `readings`, which has 4,096 at most.' })),
}

const finalSince = nullable(
  Type.String({
    format: 'date-time',
    description: 'When this node saw it become final; null where it is not, or was before this node started.',
  }),
)

/** Without what the body says. */
export const BlockHead = object('BlockHead', 'A block without its content.', { ...head, finalSince })
export type BlockHead = Static<typeof BlockHead>

export const BlockLine = object('BlockLine', 'A block and what its body says, unless `content=no` was asked for.', {
  ...head,
  finalSince,
  ...content,
  pruned: Type.Optional(
    Type.Boolean({ description: 'True where the body is kept no longer: the header still links and proves.' }),
  ),
})
export type BlockLine = Static<typeof BlockLine>

export const BlocksAnswer = object('BlocksAnswer', "Consecutive blocks of one member's chain.", {
  member: MemberRef,
  size: Count,
  final: Count,
  blocks: Type.Array(BlockLine),
  next: Next,
})
export type BlocksAnswer = Static<typeof BlocksAnswer>

const Checkpoint = object(
  'Checkpoint',
  "What the member signed, for all blocks below `size`: a C2SP note of origin `wattness/1/<network id>/<member's key>`.",
  { size: Count, root: Hash, signature: Base64 },
)

const Inclusion = object('Inclusion', "RFC 6962: from the block's hash, as leaf `index`, to `root` over `size` blocks.", {
  index: Count,
  size: Count,
  root: Hash,
  hashes: Type.Array(Hash),
})

const Consistency = object('Consistency', 'RFC 6962: that the larger tree begins with the smaller.', {
  fromSize: Count,
  fromRoot: Hash,
  toSize: Count,
  toRoot: Hash,
  hashes: Type.Array(Hash),
})

const Attester = object('Attester', 'A witness whose newest attestation of the present epoch holds the block.', {
  index: MemberRef.properties.index,
  key: Key,
  label: MemberRef.properties.label,
  sequence: Count,
  attestedAt: Type.String({ format: 'date-time', description: "By the witness's clock." }),
})

/**
 * Everything with which a reader that trusts nobody checks a block: header to hash, body to header, `checkpoint` by the member's
 * key, `inclusion` from the hash to the checkpoint's root. `newest` and `consistency`: the chain as it is now goes on from there.
 */
export const BlockAnswer = object('BlockAnswer', 'One block with what proves it.', {
  ...head,
  finalSince,
  ...content,
  header: Type.String({ contentEncoding: 'base64', description: 'Its bytes: the hash is SHA-256 over 0x00 and them.' }),
  body: nullable(
    Type.String({
      contentEncoding: 'base64',
      description: 'Its bytes, salt first: the header names their SHA-256. Null where pruned.',
    }),
  ),
  pruned: Type.Boolean(),
  root: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Of the tree whose last leaf this block is.' }),
  signature: nullable(
    Type.String({ contentEncoding: 'base64', description: 'Over the checkpoint of height + 1 and `root`, where one is kept.' }),
  ),
  checkpoint: nullable(Checkpoint),
  inclusion: nullable(Inclusion),
  newest: nullable(Checkpoint),
  consistency: nullable(Consistency),
  next: nullable(Type.String({ description: 'Hash of the block after; null at the head.' })),
  attestedBy: Type.Array(Attester),
  epoch: Type.Integer({ minimum: 0, description: 'Whose witnesses are meant.' }),
  quorum: nullable(Count),
  witnesses: Count,
})
export type BlockAnswer = Static<typeof BlockAnswer>

export const LedgerAnswer = object('LedgerAnswer', 'Blocks of all members by the time they were sealed.', {
  blocks: Type.Array(BlockHead),
  next: Next,
})
export type LedgerAnswer = Static<typeof LedgerAnswer>
