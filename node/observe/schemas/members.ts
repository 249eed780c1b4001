import Type, { type Static } from 'typebox'
import { Count, Hash, Key, MemberRef, nullable, object, ReadingLine, Text, Time, words } from './fields.ts'

const Revoked = object('Revoked', 'Where a chain ends for good.', {
  atSize: Count,
  endSize: Count,
  replacedBy: nullable(Count),
})

/** The words of `wattness status --json` (its `chains`), and what a page asks besides. */
const fields = {
  index: MemberRef.properties.index,
  key: Key,
  label: MemberRef.properties.label,
  roles: Type.String({ description: 'Such as `meter,witness`.' }),
  admittedAt: Type.Integer({ minimum: 0, description: "Size of the registrar's chain from which this member counts." }),
  replaces: nullable(Type.Integer({ description: 'Index of the member whose chain this one goes on with.' })),
  revoked: nullable(Revoked),
  counts: Type.Boolean({ description: 'False while the block that says so is not final.' }),
  size: Type.Integer({ minimum: 0, description: 'Blocks held: the height of the newest one is one less.' }),
  counted: Type.Integer({ minimum: 0, description: 'Blocks that count; fewer than are held after a revocation.' }),
  head: nullable(Type.String({ description: 'Hash of the newest block; null without one.' })),
  sealedAt: nullable(Time),
  quarantined: Type.Boolean({ description: 'Proven to have told two stories: the chain is stopped.' }),
  final: Type.Integer({ minimum: 0, description: 'Blocks that are final, from height 0.' }),
  contestedFrom: nullable(
    Type.Integer({ description: 'The first height at which a quarantined chain may yet go on otherwise.' }),
  ),
  contradicted: Type.Boolean({ description: 'It has signed two stories as a witness, which stops nothing.' }),
  pruned: Type.Optional(
    Type.Integer({ description: 'Blocks from height 0 whose bodies are kept no longer; they still link and prove.' }),
  ),
  valuesPruned: Type.Optional(Type.Integer({ description: 'Blocks from height 0 whose readings are kept no longer.' })),
  lastReadingAt: nullable(Time),
  lateAfter: nullable(
    Type.String({
      format: 'date-time',
      description:
        'A meter that goes on as in its newest blocks has sealed another one by then; null for chains that keep no time. ' +
        'Who compares it with a clock knows whether the meter is late.',
    }),
  ),
  health: words(['fine', 'new', 'quarantined', 'ended'], 'new: no block yet; ended: revoked or replaced.'),
}

export const Member = object('Member', 'A member and its chain, as this node holds it.', fields)
export type Member = Static<typeof Member>

export const MembersAnswer = object('MembersAnswer', 'All members, in order of index.', { members: Type.Array(Member) })
export type MembersAnswer = Static<typeof MembersAnswer>

const Register = object('Register', 'What a chain has values of.', {
  register: Type.String({ description: 'OBIS code, such as 1-0:1.8.0.' }),
  unit: Text,
  scaler: Type.Integer({ description: 'Values are kept as whole numbers times ten to this power.' }),
})

export const MemberAnswer = object('MemberAnswer', 'One member.', {
  ...fields,
  root: nullable(Hash),
  labelRecord: nullable(
    Type.String({
      description:
        "Salt and text of its label, base64: its SHA-256 stands in the registrar's block of height admittedAt − 1. " +
        'Null where the label stands in genesis, or is not known.',
    }),
  ),
  registers: Type.Array(Register, { description: 'Registers that its blocks have values of, 256 at most.' }),
  lastReadings: Type.Array(ReadingLine, { description: 'The values of the newest reading held.' }),
})
export type MemberAnswer = Static<typeof MemberAnswer>
