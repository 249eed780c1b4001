import { type Epoch, Epochs } from '../../epochs.ts'
import { votesOf } from '../../finality.ts'
import type { Leaf } from '../../frames.ts'
import { EMPTY_LEAF, enterNextEpoch, type HeldChains, planAttestation, recordAfter, type WitnessRecord } from '../../witness.ts'
import { REAL, type Rules } from './rules.ts'
import type { Leaning } from './world.ts'

/** One rule left out: the code itself runs, with something else put in or taken away around it. */
export interface Switch {
  readonly rule: string
  readonly leavesOut: string
  readonly rules: Rules
  /** The kind of violation that follows. */
  readonly finds: 'safety' | 'convergence' | 'liveness'
  /** What makes it likely. */
  readonly leaning?: Partial<Leaning>
}

/** The same chains, with some answers replaced. */
function altered(chains: HeldChains, changes: Partial<HeldChains>): HeldChains {
  return {
    count: chains.count,
    leaf: (index) => chains.leaf(index),
    rootAt: (index, size) => chains.rootAt(index, size),
    leafEpoch: (index, size) => chains.leafEpoch(index, size),
    isQuarantined: (index) => chains.isQuarantined(index),
    ...changes,
  }
}

/** Epochs that answer in another way; each made once of each. */
function epochsWith(methods: (epochs: Epochs) => Partial<Pick<Epochs, 'get' | 'counted'>>): (epochs: Epochs) => Epochs {
  const made = new WeakMap<Epochs, Epochs>()
  return (epochs) => {
    const known = made.get(epochs)
    if (known !== undefined) return known
    const { all, size, latest } = epochs
    const view = {
      all,
      size,
      latest,
      at: (registrarSize: number) => epochs.at(registrarSize),
      get: (number: number) => epochs.get(number),
      counted: (held: number, final: number) => epochs.counted(held, final),
      ...methods(epochs),
    }
    const altered = Object.setPrototypeOf(view, Epochs.prototype) as Epochs
    made.set(epochs, altered)
    return altered
  }
}

const withSmallerQuorum = epochsWith((epochs) => ({
  get: (number): Epoch | undefined => {
    const epoch = epochs.get(number)
    return epoch?.quorum === undefined ? epoch : { ...epoch, quorum: Math.max(1, epoch.quorum - 1) }
  },
}))

const withAllCounted = epochsWith(() => ({ counted: (held) => held }))

/** Epochs of which the one after `number` is not known yet. */
const unaware = (epochs: Epochs, number: number): Epochs =>
  epochsWith((real) => ({ get: (asked) => (asked === number + 1 ? undefined : real.get(asked)) }))(epochs)

/** Signs whatever is held, also where it contradicts what it signed. */
const contradicting: Rules['plan'] = (self, record, epochs, chains) => {
  const leaves = [...record.leaves].filter(([index, leaf]) => {
    const root = chains.rootAt(index, leaf.size)
    return root === undefined || root === leaf.root
  })
  return planAttestation(self, { ...record, leaves: new Map(leaves) }, epochs, altered(chains, { isQuarantined: () => false }))
}

/** Closes with the change, but with everything that it holds of the others too, and again. */
const growing: Rules['plan'] = (self, record, epochs, chains) => {
  const change = epochs.get(record.epoch + 1)?.fromSize ?? Number.POSITIVE_INFINITY
  const capped = altered(chains, {
    leaf: (index) => {
      const leaf = chains.leaf(index)
      return index === 0 && leaf.size > change ? { size: change, root: chains.rootAt(0, change) as Uint8Array } : leaf
    },
  })
  return planAttestation(self, { ...record, isClosed: false }, unaware(epochs, record.epoch), capped)
}

const bound = (entered: WitnessRecord | undefined, leaves: ReadonlyMap<number, Leaf>): WitnessRecord | undefined =>
  entered && { ...entered, leaves: new Map([...leaves, [0, entered.leaves.get(0) ?? EMPTY_LEAF]]) }

const changing: Partial<Leaning> = {
  witnesses: 4,
  colluders: 1,
  reserves: 4,
  meters: 1,
  meterEquivocates: true,
  split: 'generations',
  crossed: 0,
  handsOver: true,
  changes: 2,
  restarts: 0,
  rollbacks: false,
  evidence: 0,
  plausible: 100,
  registrarEquivocates: false,
  steps: 250,
}

export const SWITCHES: readonly Switch[] = [
  {
    rule: 'W2',
    leavesOut: 'one witness of a quorum',
    finds: 'safety',
    rules: { ...REAL, epochsOf: withSmallerQuorum },
  },
  {
    rule: 'W4',
    leavesOut: 'that a change counts only once it is final',
    finds: 'safety',
    rules: { ...REAL, epochsOf: withAllCounted },
    leaning: { registrarEquivocates: true, changes: 12, reserves: 4 },
  },
  {
    rule: 'W5',
    leavesOut: 'the durable record',
    finds: 'safety',
    rules: { ...REAL, isRecordDurable: false, halts: false },
    leaning: { restarts: 12 },
  },
  {
    rule: 'W6',
    leavesOut: 'never to contradict what was signed',
    finds: 'safety',
    rules: { ...REAL, plan: contradicting },
    leaning: { restarts: 12 },
  },
  {
    rule: 'W7',
    leavesOut: 'no growth after closing',
    finds: 'safety',
    rules: { ...REAL, plan: growing, after: (record, plan) => ({ ...recordAfter(record, plan), isClosed: false }) },
    leaning: changing,
  },
  {
    rule: 'W7',
    leavesOut: 'that a closed witness stays closed where it does not hold the change any more',
    finds: 'safety',
    rules: { ...REAL, after: (record, plan) => ({ ...recordAfter(record, plan), isClosed: false }) },
    leaning: { ...changing, restarts: 12 },
  },
  {
    rule: 'W8',
    leavesOut: 'to resolve the leaves of closings',
    finds: 'safety',
    rules: {
      ...REAL,
      enter: (record, epochs, chains, closingsOf) =>
        enterNextEpoch(
          record,
          epochs,
          chains,
          closingsOf(record.epoch).map(({ witness, leaves }) => ({ witness, leaves: leaves.slice(0, 1) })),
        ),
    },
    leaning: changing,
  },
  {
    rule: 'W8',
    leavesOut: 'to take over what was resolved',
    finds: 'safety',
    rules: { ...REAL, enter: (record, ...rest) => bound(REAL.enter(record, ...rest), record.leaves) },
    leaning: { ...changing, restarts: 12 },
  },
  {
    rule: 'W8',
    leavesOut: 'that a leaf of a later epoch is not taken over',
    finds: 'safety',
    rules: {
      ...REAL,
      enter: (record, epochs, chains, closingsOf) =>
        REAL.enter(record, epochs, altered(chains, { leafEpoch: () => 0 }), closingsOf),
    },
    leaning: changing,
  },
  {
    rule: 'W8',
    leavesOut: 'epochs in order',
    finds: 'safety',
    rules: {
      ...REAL,
      enter: (record, epochs, chains, closingsOf) =>
        REAL.enter({ ...record, epoch: Math.max(record.epoch, epochs.latest.number - 1) }, epochs, chains, closingsOf),
    },
    leaning: changing,
  },
  {
    rule: 'W9',
    leavesOut: 'to freeze the leaf of a quarantined chain',
    finds: 'safety',
    rules: {
      ...REAL,
      plan: (self, record, epochs, chains) =>
        planAttestation(self, record, epochs, altered(chains, { isQuarantined: () => false })),
      stopsQuarantined: false,
    },
    leaning: changing,
  },
  {
    rule: 'W9',
    leavesOut: 'to halt where an old record was restored',
    finds: 'safety',
    rules: { ...REAL, halts: false },
    leaning: { restarts: 12, rollbacks: true },
  },
  {
    rule: 'W10',
    leavesOut: 'that an attestation that comes late brings what it brings',
    finds: 'convergence',
    rules: { ...REAL, takesOld: false },
  },
  {
    rule: 'W10',
    leavesOut: 'that a closing attestation counts for every chain',
    finds: 'convergence',
    rules: {
      ...REAL,
      votes: (epochs, attested) => {
        const next = epochs.get(attested.epoch + 1)
        const isClosing = next !== undefined && (attested.frontier[0] ?? 0) >= next.fromSize
        return votesOf(epochs, attested.witness, attested, isClosing ? attested.leaves.slice(0, 1) : attested.leaves)
      },
    },
    leaning: changing,
  },
  {
    rule: 'W11',
    leavesOut: 'that a leaf counts only in its own epoch',
    finds: 'safety',
    rules: { ...REAL, countsAnyEpoch: true },
    leaning: changing,
  },
  {
    rule: 'W12',
    leavesOut: 'that leaves count by branch',
    finds: 'safety',
    rules: { ...REAL, isBranchBlind: true },
  },
  {
    rule: 'W14',
    leavesOut: 'to fetch the other branch',
    finds: 'convergence',
    rules: { ...REAL, fetchesBranches: false },
  },
]
