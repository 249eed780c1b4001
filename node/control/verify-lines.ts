import type { VerifySignature } from '../../protocol/index.ts'
import { type Progress, type VerifyReport, verifyOpenStore } from '../audit/index.ts'
import type { Platform } from '../platform.ts'
import { type ProgressLine, progressLines } from './progress-lines.ts'
import type { LedgerView } from './status.ts'

export type VerifyLine = ProgressLine<Progress, VerifyReport>

export interface VerifyLinesInit {
  readonly platform: Platform
  readonly verify: VerifySignature
  readonly allSignatures: boolean
}

/** A running node checks its own store. */
export function verifyLines(view: LedgerView, init: VerifyLinesInit): AsyncGenerator<VerifyLine> {
  const { platform, verify, allSignatures } = init
  const { genesis, key, store } = view
  return progressLines(platform, { blocks: 0, ofBlocks: 0 }, (work) =>
    verifyOpenStore({ store, genesis, verify, ownKey: key, allSignatures, clock: platform.clock, ...work }),
  )
}
