import { createRequire } from 'node:module'
import type * as AjvPackage from 'ajv'
import type * as Type from 'typebox'

const MOST_TOLD = 10

/**
 * What is wrong with a mapping by its schema, in words for its author; undefined where nothing is. Ajv is loaded with the first
 * mapping: most nodes have none, and it would be 4 MiB of each.
 */
export function mappingCheck(schema: Type.TSchema): (mapping: unknown) => string | undefined {
  let check: AjvPackage.ValidateFunction | undefined
  return (mapping) => {
    check ??= compile(schema)
    if (check(mapping)) return undefined
    const places = (check.errors ?? []).map(({ instancePath, message, params }) => {
      const extra = 'additionalProperty' in params ? ` (${String(params['additionalProperty'])})` : ''
      return `${instancePath === '' ? 'the mapping' : instancePath} ${message ?? 'is wrong'}${extra}`
    })
    return places.slice(0, MOST_TOLD).join('; ')
  }
}

function compile(schema: Type.TSchema): AjvPackage.ValidateFunction {
  const { Ajv } = createRequire(import.meta.url)('ajv') as typeof AjvPackage
  return new Ajv({ allErrors: true }).compile(schema)
}
