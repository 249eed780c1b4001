import { parentPort, workerData } from 'node:worker_threads'
import {
  type Bytes,
  type ChainState,
  CompactRange,
  concat,
  type DoorContext,
  type Member,
  Membership,
  parseGenesis,
  type Refused,
} from '../../protocol/index.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import { checkRun } from './checked-run.ts'

/** What a worker is started with: all that its answers depend on besides the question. */
export interface WorkerInit {
  readonly genesisBytes: Bytes
}

export interface WorkerQuestion {
  readonly bytes: Bytes
  /** Undefined: unchanged since the last question. */
  readonly membership: { readonly size: number; readonly members: readonly Member[] } | undefined
  readonly chain: Omit<ChainState, 'range'>
  readonly edge: Bytes
  readonly quarantined: boolean
  readonly nowMs: number
  readonly known: DoorContext['known']
}

/** `offsets` delimit the accepted blocks in the question's bytes: one more number than blocks. */
export type WorkerAnswer =
  | Refused
  | {
      readonly verdict: 'accept'
      readonly member: Bytes
      readonly from: number
      readonly offsets: Float64Array
      readonly hashes: Bytes
      readonly chain: Omit<ChainState, 'range'>
      readonly edge: Bytes
    }

const port = parentPort
if (port === null) throw new Error('node/validate/worker.ts runs as a worker thread only')

useNativeHash()
const genesis = parseGenesis((workerData as WorkerInit).genesisBytes)
let membership: Membership | undefined

port.on('message', (question: WorkerQuestion) => {
  if (question.membership !== undefined) {
    membership = new Membership(question.membership.size, question.membership.members, new Set())
  }
  port.postMessage(answer(question, membership as Membership))
})

function answer(question: WorkerQuestion, current: Membership): WorkerAnswer {
  const { chain, edge, bytes, quarantined, nowMs, known } = question
  const run = checkRun(bytes, {
    genesis,
    membership: current,
    chain: { ...chain, range: CompactRange.decode(chain.size, edge) },
    quarantined,
    nowMs,
    verify: verifySignature,
    known,
  })
  if (run.verdict !== 'accept') return run
  const offsets = new Float64Array(run.blocks.length + 1)
  run.blocks.forEach((block, i) => {
    const start = block.byteOffset - bytes.byteOffset
    offsets[i] = start
    offsets[i + 1] = start + block.length
  })
  const { range, ...state } = run.state
  // Sliced: what is posted is copied whole, with the buffer it is a view of.
  return {
    verdict: 'accept',
    member: run.member.slice(),
    from: run.from,
    offsets,
    hashes: concat(...run.hashes),
    chain: state,
    edge: range.encode(),
  }
}
