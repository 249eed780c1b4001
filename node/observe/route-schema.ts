import Type, { type TObject, type TSchema } from 'typebox'
import { PROBLEM_TYPE } from './problem.ts'
import { Problem } from './schemas/index.ts'

/** What a route says of itself: it is what validates, and what /openapi.json shows. */
export interface RouteWords {
  readonly noun: string
  /** Of the function that a made client has for it. */
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly params?: TObject
  readonly query?: TObject
  readonly body?: TSchema
  /** Its type is JSON unless said. */
  readonly answer: TSchema
  readonly answerType?: string
  readonly status?: number
  /** Without a token, whatever is closed. */
  readonly isOpen?: boolean
  /** With a token that may write. */
  readonly writes?: boolean
}

const NO_QUERY = Type.Object({}, { additionalProperties: false })

/** The schema of a fastify route. What is asked beyond it is refused: a parameter that is misspelt must not seem to work. */
export function routeSchema(words: RouteWords): object {
  const { noun, id, summary, description, params, query = NO_QUERY, body, answer, answerType = 'application/json' } = words
  const problem = { description: 'A refusal, with its code.', content: { [PROBLEM_TYPE]: { schema: Problem } } }
  return {
    tags: [noun],
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(params === undefined ? {} : { params }),
    querystring: { ...query, additionalProperties: false },
    ...(body === undefined ? {} : { body }),
    security: words.isOpen === true ? [] : words.writes === true ? [{ token: [] }] : [{}, { token: [] }],
    response: {
      [words.status ?? 200]: { description: descriptionOf(answer) ?? summary, content: { [answerType]: { schema: answer } } },
      '4xx': problem,
      '5xx': problem,
    },
  }
}

function descriptionOf(schema: TSchema): string | undefined {
  return (schema as { readonly description?: string }).description
}

export const MemberId = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 256, description: 'Index, label, or key: six of its hex digits or more.' }),
})
