import Type, { type Static } from 'typebox'
import { Base64, Count, Hash, Key, MemberRef, nullable, object, only, ReadingLine, Text, Time, words } from './fields.ts'

/** Rule P18 of the specification; the very text of `wattness prove`, which `wattness check` takes. */
export const ProofFile = object(
  'ProofFile',
  'One block, and all that somebody with nothing but the genesis needs to believe it.',
  {
    header: Base64,
    body: Base64,
    readings: Type.Array(ReadingLine),
    proof: Type.String({ description: 'c2sp.org/tlog-proof@v1 of the header.' }),
    log: Type.String({ description: "The member's verifier key." }),
    witnesses: Type.Array(Type.String({ description: 'Verifier keys.' })),
    quorum: Count,
    genesis: Base64,
    membership: Type.Array(Base64),
    end: Type.Optional(object('ProofEnd', "The checkpoint's last block.", { header: Base64, inclusion: Type.Array(Base64) })),
  },
)
export type ProofFile = Static<typeof ProofFile>

const WhatIsWrong = {
  ok: only(false),
  parts: Type.Array(Type.String({ description: 'The part of the file that is wrong.' })),
  code: Text,
  message: Text,
  words: Type.String({ description: 'The same in plain words.' }),
}

const ProvenProof = object('ProvenProof', 'As `wattness check --json` says it.', {
  type: only('proof'),
  ok: only(true),
  network: Text,
  networkId: Hash,
  member: MemberRef,
  height: Count,
  sealedAt: Time,
  existedBy: Time,
  size: Count,
  root: Hash,
  epoch: Count,
  witnesses: Count,
  quorum: nullable(Count),
  cosignatures: Type.Array(object('Cosigner', 'Who, and when by its own clock.', { ...MemberRef.properties, time: Time })),
  readings: Type.Array(ReadingLine),
  words: Type.String({ description: 'The same in plain words.' }),
})

const ProvenEvidence = object('ProvenEvidence', 'As `wattness check --json` says it.', {
  type: only('evidence'),
  ok: only(true),
  network: Text,
  networkId: Hash,
  kind: words(['author', 'witness'], 'author: two stories of its own chain.'),
  key: Key,
  label: nullable(Text),
  words: Type.String({ description: 'The same in plain words.' }),
})

export const CheckAnswer = Type.Union(
  [
    ProvenProof,
    ProvenEvidence,
    object('RefusedProof', 'A proof file that proves nothing.', { type: only('proof'), ...WhatIsWrong }),
    object('RefusedEvidence', 'An evidence file that proves nothing.', { type: only('evidence'), ...WhatIsWrong }),
  ],
  { title: 'CheckAnswer', description: "What a file proves to whoever believes this network's genesis." },
)
export type CheckAnswer = Static<typeof CheckAnswer>
