import Type, { type Static } from 'typebox'
import { Base64, Count, Hash, Key, MemberRef, nullable, object, Text, Time, words } from './fields.ts'

const WitnessLine = object('WitnessLine', 'A witness and its newest word in the epoch in force.', {
  index: MemberRef.properties.index,
  key: Key,
  label: MemberRef.properties.label,
  sequence: nullable(Count),
  attestedAt: nullable(Time),
  isCurrent: Type.Boolean({ description: 'It has signed all that this node holds of chains that go on.' }),
})

/** As `wattness status --json` has it. */
export const Finality = object('Finality', 'What makes blocks final at this node.', {
  epoch: Count,
  fromSize: Count,
  witnesses: Count,
  quorum: nullable(Count),
  tolerated: Type.Integer({ minimum: 0, description: 'Witnesses that may lie or be away; 0 below four of them.' }),
  attestations: Type.Array(WitnessLine),
  isWitness: Type.Boolean(),
  sequence: nullable(Count),
  halted: nullable(Text),
  waiting: nullable(Text),
})
export type Finality = Static<typeof Finality>

/** The words of `wattness status --json`, without its list of chains, which is /v1/members, and of peers, which is /v1/peers. */
export const StatusAnswer = object('StatusAnswer', 'This node and its ledger in short.', {
  network: object('NetworkName', 'Which network.', { name: Text, id: Hash }),
  self: object('Self', 'This node.', { key: Key, index: nullable(Count), label: nullable(Text), roles: Text }),
  version: Type.String({ description: 'Of the program.' }),
  running: object('Running', 'What only a running node knows.', {
    peers: Count,
    caughtUp: Type.Boolean({ description: 'A neighbour has been heard, and none is known to hold more.' }),
    lacks: Type.Array(
      object('Lack', 'Blocks that every neighbour who holds them has pruned.', { member: Text, from: Count, size: Count }),
    ),
    refusedBy: Type.Array(Text),
    gossip: Type.Boolean(),
    heldBack: nullable(Type.String({ description: 'Why this node seals no block at present.' })),
  }),
  members: Count,
  membershipSize: Type.Integer({ minimum: 0, description: "Size of the registrar's chain that counts." }),
  blocks: Type.Integer({ minimum: 0, description: 'That count, of all chains.' }),
  final: Type.Integer({ minimum: 0, description: 'Blocks that are final, of all chains.' }),
  frontier: Type.Array(Count, { description: 'Blocks that count of each chain, by member index.' }),
  headsRoot: Hash,
  finality: Finality,
  waiting: Type.Integer({ minimum: 0, description: 'Readings that no block holds yet.' }),
  setAside: Count,
  damage: Type.Array(Text),
  evidence: Type.Integer({ minimum: 0, description: 'Proofs of misbehaviour held.' }),
})
export type StatusAnswer = Static<typeof StatusAnswer>

const Peer = object('Peer', 'A neighbour that this node has a connection to.', {
  key: Key,
  name: Type.String({ description: 'Its label, else the first digits of its key.' }),
  index: nullable(Count),
  address: Text,
  direction: words(['inbound', 'outbound'], 'Who dialled.'),
  agreement: words(['unknown', 'equal', 'behind', 'different'], 'How its ledger compares with this one.'),
})

export const PeersAnswer = object('PeersAnswer', 'Neighbours at present.', { peers: Type.Array(Peer) })
export type PeersAnswer = Static<typeof PeersAnswer>

export const EvidenceLine = object('EvidenceLine', 'One proof of two stories, proven once more before it is shown.', {
  kind: words(['author', 'witness'], 'author: its chain is stopped. witness: nothing is.'),
  index: MemberRef.properties.index,
  label: MemberRef.properties.label,
  key: Key,
  evidence: nullable(Base64),
  words: Type.String({ description: 'What it says, or what is wrong with the record.' }),
})
export type EvidenceLine = Static<typeof EvidenceLine>

export const EvidenceAnswer = object('EvidenceAnswer', 'All evidence held, in order of members.', {
  evidence: Type.Array(EvidenceLine),
})
export type EvidenceAnswer = Static<typeof EvidenceAnswer>

export const HealthAnswer = object('HealthAnswer', 'Whether this node is of use at present.', {
  ok: Type.Boolean(),
  reasons: Type.Array(Text, { description: 'Why not.' }),
})
export type HealthAnswer = Static<typeof HealthAnswer>

export const GenesisAnswer = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  title: 'GenesisAnswer',
  description: 'The genesis file; section G of the specification.',
})
