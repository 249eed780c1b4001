import { type Bytes, type ChainState, type DoorContext, type Refused, validateRun } from '../../protocol/index.ts'

/** The door's answer with blocks as bytes: what can be handed from one thread to another and written as it is. */
export type CheckedRun =
  | {
      readonly verdict: 'accept'
      readonly member: Bytes
      readonly from: number
      readonly blocks: readonly Bytes[]
      readonly hashes: readonly Bytes[]
      readonly state: ChainState
    }
  | Refused

/** How the door checks a run. */
export type RunCheck = (bytes: Bytes, context: DoorContext) => CheckedRun

export function checkRun(bytes: Bytes, context: DoorContext): CheckedRun {
  const result = validateRun(bytes, context)
  if (result.verdict !== 'accept') return result
  const { member, from, hashes, state } = result
  return { verdict: 'accept', member, from, blocks: result.blocks.map((block) => block.bytes), hashes, state }
}
