import { isWattnessError } from '../../../protocol/errors.ts'
import { EMPTY_ROOT } from '../../../protocol/hash.ts'
import { type Kv, type LeafChange, LedgerStore, type WitnessRecord } from '../../store/index.ts'
import { type ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'

export const openWith = (kv: Kv): Promise<LedgerStore> =>
  LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

export const record = (sequence: number, fields: Partial<WitnessRecord> = {}): WitnessRecord => ({
  epoch: 0,
  sequence,
  closing: false,
  attestation: Uint8Array.of(sequence),
  ...fields,
})

/** The leaf of a chain's first `size` blocks. */
export const leafOf = (maker: ChainMaker, size = maker.state.size): LeafChange & { epoch: number } => ({
  member: maker.member,
  size,
  root: size === 0 ? EMPTY_ROOT : (maker.roots[size - 1] as Uint8Array),
  epoch: 0,
})

/** The fault of a SIGNED_LEAF_CONFLICT, or what happened instead. */
export const faultOf = async (promise: Promise<unknown>): Promise<unknown> => {
  const error = await promise.then(
    () => 'no error',
    (found: unknown) => found,
  )
  return isWattnessError(error, 'SIGNED_LEAF_CONFLICT') ? error.data['fault'] : error
}
