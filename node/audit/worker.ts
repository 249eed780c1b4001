import { parentPort, workerData } from 'node:worker_threads'
import { Membership, parseGenesis, verifyCheckpoint } from '../../protocol/index.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import { auditChain, type ChainAuditInit, openLevelKv } from '../store/index.ts'
import type { Answer, CrewInit, Order } from './crew.ts'
import { ledgerRules } from './rules.ts'

const port = parentPort
if (port === null) throw new Error('node/audit/worker.ts runs as a worker thread only')

useNativeHash()
const { location, genesisBytes, allSignatures } = workerData as CrewInit
const genesis = parseGenesis(genesisBytes)
const opening = openLevelKv(location, { createIfMissing: false, multithreading: true })
let rules: ReturnType<typeof ledgerRules> | undefined

const tell = (answer: Answer): void => port.postMessage(answer)

port.on('message', (order: Order) => {
  if ('chain' in order) {
    void audit(order.chain)
    return
  }
  const { membership, isMembershipWhole } = order.brief
  rules = ledgerRules({ genesis, membership: new Membership(membership.size, membership.members, new Set()), isMembershipWhole })
})

/** What it throws ends the thread: then the chain is audited where whatever is wrong can be said. */
async function audit(chain: Parameters<typeof auditChain>[1]): Promise<void> {
  const init: ChainAuditInit = {
    kv: await opening,
    verifySigned: (checkpoint) => verifyCheckpoint(verifySignature, genesis.networkId, checkpoint),
    allSignatures,
    ...rules,
    onProgress: (blocks) => tell({ blocks }),
  }
  tell({ audit: await auditChain(init, chain) })
}
