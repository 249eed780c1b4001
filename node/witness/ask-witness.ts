import { type Bytes, equalBytes, toHex, toUtf8, WattnessError, type WitnessResponse } from '../../protocol/index.ts'
import type { Network } from '../net/index.ts'
import { COSIGN_PROTOCOL, decodeCosignAnswer } from './cosign-answer.ts'

/** Addresses of one witness that are tried, the link's first. */
const MAX_ADDRESSES = 4

/**
 * Asks a witness over the link to it, else where it is known to be found. Rejects as Network.request does, with DIAL_FAILED
 * where no address is known, MALFORMED_ANSWER.
 */
export async function askWitness(
  network: Pick<Network, 'links' | 'keyOf' | 'request'>,
  known: readonly string[],
  witness: Bytes,
  request: string,
  signal: AbortSignal,
): Promise<WitnessResponse> {
  const isItsOwn = (address: string): boolean => {
    const key = network.keyOf(address)
    return key !== undefined && equalBytes(key, witness)
  }
  const addresses = [...network.links().map(({ address }) => address), ...known].filter(isItsOwn).slice(0, MAX_ADDRESSES)
  let failure: unknown = new WattnessError('DIAL_FAILED', `no address of ${toHex(witness)} is known`)
  for (const address of addresses) {
    try {
      signal.throwIfAborted()
      return decodeCosignAnswer(await network.request(address, COSIGN_PROTOCOL, toUtf8(request), signal))
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
