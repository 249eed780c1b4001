/** Makes a client in TypeScript out of an OpenAPI 3.1 document: types of its schemas, a method for each operation. */

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly schema: Schema
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>>
}

export interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

export function generateClient(document: OpenApi): string {
  const types = Object.entries(document.components.schemas).map(([name, schema]) => `export type ${name} = ${typeOf(schema)}`)
  const methods = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => methodOf(path, method, operation)),
  )
  return [...types, HEAD, ...methods, '}', ''].join('\n')
}

export function operationsOf({ paths }: OpenApi): string[] {
  return Object.values(paths).flatMap((operations) => Object.values(operations).map(({ operationId }) => operationId))
}

function typeOf(schema: Schema): string {
  const { $ref, type, enum: names, anyOf, items, properties, patternProperties } = schema
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1)
  if ('const' in schema) return JSON.stringify(schema.const)
  if (names !== undefined) return names.map((name) => JSON.stringify(name)).join(' | ')
  if (anyOf !== undefined) return `(${anyOf.map(typeOf).join(' | ')})`
  if (type === 'array') return `readonly ${wrapped(typeOf(items ?? {}))}[]`
  if (properties !== undefined) {
    const required = new Set(schema.required)
    const fields = Object.entries(properties).map(
      ([name, each]) => `readonly ${JSON.stringify(name)}${required.has(name) ? '' : '?'}: ${typeOf(each)}`,
    )
    return `{ ${fields.join('; ')} }`
  }
  const [pattern] = Object.values(patternProperties ?? {})
  if (pattern !== undefined) return `{ readonly [name: string]: ${typeOf(pattern)} }`
  if (type === 'object') return '{ readonly [name: string]: unknown }'
  return type === 'integer' || type === 'number'
    ? 'number'
    : type === 'string' || type === 'boolean' || type === 'null'
      ? type
      : 'unknown'
}

const wrapped = (type: string): string => (/[ |]/.test(type) && !/^[({]/.test(type) ? `(${type})` : type)

const HEAD = `
export class Refusal extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

export class Client {
  readonly #bases: string[]
  readonly #token: string | undefined

  /** Several observers: when one is lost, the next one is asked. */
  constructor(bases: readonly string[], token?: string) {
    this.#bases = [...bases]
    this.#token = token
  }

  async #ask(method: string, path: string, query: Readonly<Record<string, unknown>>, body?: unknown): Promise<Response> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined)
    const search = given.length === 0 ? '' : \`?\${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}\`
    const headers: Record<string, string> = this.#token === undefined ? {} : { authorization: \`Bearer \${this.#token}\` }
    if (body !== undefined) headers['content-type'] = 'application/json'
    for (let tries = this.#bases.length; ; tries--) {
      try {
        const base = this.#bases[0] as string
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        const answer = await fetch(base + path + search, { method, headers, ...(body === undefined ? {} : { body: text }) })
        if (!answer.ok) throw new Refusal((await answer.json()) as Problem)
        return answer
      } catch (error) {
        if (error instanceof Refusal || tries <= 1) throw error
        this.#bases.push(this.#bases.shift() as string)
      }
    }
  }
`

function methodOf(path: string, method: string, { operationId, parameters = [], requestBody, responses }: Operation): string {
  const inPath = parameters.filter((each) => each.in === 'path')
  const inQuery = parameters.filter((each) => each.in === 'query')
  const answer = Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1].content ?? {}
  const [type = 'application/json', { schema = {} } = {}] = Object.entries(answer)[0] ?? []
  const body = Object.values(requestBody?.content ?? {})[0]?.schema
  const query = inQuery.map(({ name, schema: each }) => `readonly ${JSON.stringify(name)}?: ${typeOf(each)} | undefined`)
  const list = [
    ...inPath.map(({ name, schema: each }) => `${name}: ${typeOf(each)}`),
    ...(body === undefined ? [] : [`body: ${typeOf(body)} | string`]),
    ...(inQuery.length === 0 ? [] : [`query: { ${query.join('; ')} } = {}`]),
  ]
  const url = `\`${path.replace(/\{(\w+)\}/g, (_, name: string) => `\${encodeURIComponent(${name})}`)}\``
  const isJson = type === 'application/json'
  const result = isJson ? typeOf(schema) : type === 'text/plain' ? 'string' : 'Response'
  const read = isJson ? `(await answer.json()) as ${result}` : result === 'string' ? 'await answer.text()' : 'answer'
  const given = [`'${method.toUpperCase()}'`, url, inQuery.length === 0 ? '{}' : 'query', ...(body === undefined ? [] : ['body'])]
  return `
  async ${operationId}(${list.join(', ')}): Promise<${result}> {
    const answer = await this.#ask(${given.join(', ')})
    return ${read}
  }`
}
