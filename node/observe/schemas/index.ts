/** Every answer of /v1 in one place: what validates, what /openapi.json says, and the types that the page is written against. */

export * from './blocks.ts'
export * from './events.ts'
export * from './fields.ts'
export * from './members.ts'
export * from './problem.ts'
export * from './proof.ts'
export * from './readings.ts'
export * from './status.ts'
