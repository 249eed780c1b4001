import {
  decodeJoinAnswer,
  encodeJoinRequest,
  equalBytes,
  type Genesis,
  type JoinAnswer,
  type JoinRequest,
} from '../../protocol/index.ts'
import type { Network } from '../net/index.ts'
import { JOIN_PROTOCOL } from './join-service.ts'

/** What came of asking at each of the registrar's addresses in turn, until one answered. */
export interface Asked {
  readonly answer?: JoinAnswer
  /** Address and reason of each that did not answer. */
  readonly failures: readonly string[]
}

/** Only the registrar answers requests to join: other addresses are not asked. The network must be running. */
export async function askAdmission(
  network: Network,
  genesis: Genesis,
  addresses: readonly string[],
  request: JoinRequest,
  signal?: AbortSignal,
): Promise<Asked> {
  const failures: string[] = []
  for (const address of registrarAddresses(network, genesis, addresses)) {
    try {
      return {
        answer: decodeJoinAnswer(await network.request(address, JOIN_PROTOCOL, encodeJoinRequest(request), signal)),
        failures,
      }
    } catch (error) {
      signal?.throwIfAborted()
      failures.push(reasonOf(address, error))
    }
  }
  return { failures }
}

function reasonOf(address: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  return reason.includes(address) ? reason : `${address}: ${reason}`
}

function registrarAddresses(network: Network, genesis: Genesis, addresses: readonly string[]): readonly string[] {
  return addresses.filter((address) => {
    const key = network.keyOf(address)
    return key !== undefined && equalBytes(key, genesis.registrar)
  })
}
