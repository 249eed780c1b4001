import type { RunCheck } from '../node/index.ts'
import { equalBytes, type VerifySignature } from '../protocol/index.ts'
import { Generations, nameAt } from './generations.ts'
import { SharedRuns } from './shared-runs.ts'
import type { Counts } from './world/commons.ts'

/** Checks of one generation; two are looked through: what every node checks it checks within minutes. */
const GENERATION = 32_768

interface Checked {
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly key: Uint8Array
  readonly isRight: boolean
}

/**
 * A signature that one node has checked need not be checked again by its two hundred neighbours in the same process: the answer
 * depends on nothing but the bytes. They are compared in full, so that a result is never another's.
 */
export class SharedChecks {
  readonly #verify: VerifySignature
  /** The same of whole runs. */
  readonly #runs: SharedRuns
  readonly #known = new Generations<Checked>(GENERATION)
  asked = 0
  made = 0

  constructor(verify: VerifySignature) {
    this.#verify = verify
    this.#runs = new SharedRuns(this.verify)
  }

  get checkRun(): RunCheck {
    return this.#runs.check
  }

  get runs(): Counts {
    return this.#runs
  }

  readonly verify: VerifySignature = (signature, message, key) => {
    this.asked++
    const name = nameAt(signature, 0)
    const known = this.#known.get(name)
    if (
      known !== undefined &&
      equalBytes(known.signature, signature) &&
      equalBytes(known.key, key) &&
      equalBytes(known.message, message)
    ) {
      return known.isRight
    }
    this.made++
    const isRight = this.#verify(signature, message, key)
    // Copies: what was checked may be a view of a buffer that is written to later.
    this.#known.set(name, { signature: signature.slice(), message: message.slice(), key: key.slice(), isRight })
    return isRight
  }
}
