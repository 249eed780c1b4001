type Json = Record<string, unknown>

/** Schemas have a title where they have a name: each stands once under `components`, and is referred to by that name. */
export function nameSchemas<D extends object>(document: D): D {
  const schemas: Record<string, unknown> = {}
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value !== 'object' || value === null) return value
    const walked: Json = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, walk(each)]))
    const { title } = walked
    if (!isSchema(walked) || typeof title !== 'string' || !/^[A-Z][A-Za-z]+$/.test(title)) return walked
    schemas[title] = walked
    return { $ref: `#/components/schemas/${title}` }
  }
  const walked = walk(document) as Json & { components?: Json }
  return { ...walked, components: { ...walked.components, schemas: sorted(schemas) } } as unknown as D
}

/** The document's own `info` has a title too. */
function isSchema(value: Json): boolean {
  return 'type' in value || 'anyOf' in value
}

function sorted(schemas: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)))
}
