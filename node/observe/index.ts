/** The door of the room: what the node has verified, for others to read by HTTP. */

export type { ApiContext, ApiInit, Noun } from './api.ts'
export { type HttpInit, type HttpServer, startHttp } from './http-server.ts'
export { HTTP_LIMITS, type HttpLimits, MAX_ADD_CHECKPOINT_BYTES } from './limits.ts'
export type { ObservedNode } from './observed-node.ts'
export { requireToken, type TokenRight, Tokens } from './tokens.ts'
export type { WitnessAnswer, WitnessInit } from './witness.ts'
