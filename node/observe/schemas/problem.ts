import Type, { type Static } from 'typebox'
import { object, only, Text } from './fields.ts'

/** RFC 9457, as `application/problem+json`. */
export const Problem = object('Problem', 'Why a question was refused.', {
  type: only('about:blank'),
  title: Text,
  status: Type.Integer({ minimum: 400, maximum: 599 }),
  code: Type.String({ description: 'Stable, and documented in docs/errors.md.' }),
  detail: Text,
  data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
})
export type ProblemAnswer = Static<typeof Problem>
