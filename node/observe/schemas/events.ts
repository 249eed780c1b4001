import Type, { type Static } from 'typebox'
import { Count, Hash, Key, MemberRef, nullable, object, only, Text, Time, words } from './fields.ts'

/** What /v1/events sends: `event:` is the type, `data:` the JSON, `id:` what Last-Event-ID resumes after. */

const whose = { index: MemberRef.properties.index, key: Key, label: MemberRef.properties.label }

export const BlockEvent = object('BlockEvent', 'Blocks of one chain were stored, from height `from` on.', {
  type: only('block'),
  ...whose,
  from: Count,
  count: Count,
  size: Count,
  head: Hash,
  sealedAt: Time,
})

export const FinalEvent = object('FinalEvent', 'More of a chain is final.', {
  type: only('final'),
  ...whose,
  size: Count,
  root: Hash,
  epoch: Count,
})

export const EvidenceEvent = object('EvidenceEvent', 'A member was proven to have told two stories.', {
  type: only('evidence'),
  ...whose,
  kind: words(['author', 'witness'], 'author: its chain is stopped.'),
})

export const PeerEvent = object('PeerEvent', 'A neighbour came, went, or compares otherwise than before.', {
  type: only('peer'),
  key: Key,
  name: Text,
  index: nullable(Count),
  change: words(['link', 'unlink', 'agreement'], 'What happened.'),
  agreement: nullable(words(['unknown', 'equal', 'behind', 'different'], 'Null unless it is what changed.')),
})

export const ResetEvent = object(
  'ResetEvent',
  'What happened since Last-Event-ID is not known any more: ask for everything anew.',
  {
    type: only('reset'),
  },
)

export const LedgerEvent = Type.Union([BlockEvent, FinalEvent, EvidenceEvent, PeerEvent, ResetEvent], {
  title: 'LedgerEvent',
  description: 'Server-sent events; `type` is the event name as well.',
})
export type LedgerEvent = Static<typeof LedgerEvent>
