import type { NodeEventName } from '../events.ts'
import type { ObservedNode } from './observed-node.ts'

const EVIDENCE: readonly NodeEventName[] = ['evidence', 'witnessEvidence']
const LEDGER: readonly NodeEventName[] = [
  ...EVIDENCE,
  'stored',
  'final',
  'membership',
  'epoch',
  'attested',
  'witnessHalted',
  'damage',
]
const NEIGHBOURS: readonly NodeEventName[] = ['link', 'unlink', 'agreement', 'refused']
const OWN: readonly NodeEventName[] = ['heldBack', 'sealed']

/** Counts whatever the node tells, so that an answer knows whether it is still the right one. */
export class Changes {
  #ledger = 0
  #neighbours = 0
  #evidence = 0
  #all = 0
  readonly #ends: readonly (() => void)[]

  constructor(node: Pick<ObservedNode, 'on'>) {
    const ends = [...EVIDENCE].map((name) => node.on(name, () => this.#evidence++))
    const count = (names: readonly NodeEventName[], note: () => void): (() => void)[] =>
      names.map((name) =>
        node.on(name, () => {
          this.#all++
          note()
        }),
      )
    this.#ends = [
      ...ends,
      ...count(LEDGER, () => this.#ledger++),
      ...count(NEIGHBOURS, () => this.#neighbours++),
      ...count(OWN, () => undefined),
    ]
  }

  /** Of chains and what is known of them. */
  get ledger(): number {
    return this.#ledger
  }

  get neighbours(): number {
    return this.#neighbours
  }

  get evidence(): number {
    return this.#evidence
  }

  get all(): number {
    return this.#all
  }

  end(): void {
    for (const end of this.#ends) end()
  }
}
