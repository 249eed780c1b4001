import { type Bytes, toHex } from '../../protocol/index.ts'

export interface Topics {
  readonly blocks: string
  readonly evidence: string
  readonly attestations: string
}

/** Hex digits of the network's id: only members of one network hear each other, so they need not tell all networks apart. */
const NETWORK_DIGITS = 8

/** Rule N7. Every message names its topic: a longer name would be a sixth of all that a small block costs on its way. */
export function topicsOf(networkId: Bytes): Topics {
  const base = `w1/${toHex(networkId).slice(0, NETWORK_DIGITS)}`
  return { blocks: `${base}/b`, evidence: `${base}/e`, attestations: `${base}/a` }
}
