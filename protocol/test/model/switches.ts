import { type Epoch, Epochs } from '../../epochs.ts'
import { votesOf } from '../../finality.ts'
import type { Leaf } from '../../frames.ts'
import { EMPTY_LEAF, enterNextEpoch, type HeldChains, planAttestation, recordAfter, type WitnessRecord } from '../../witness.ts'
import * as plays from './plays.ts'
import { REAL, type Rules } from './rules.ts'
import type { Leaning } from './world.ts'

/** One rule left out: the code itself runs, with something else put in or taken away around it. */
export interface Switch {
  readonly rule: string
  readonly leavesOut: string
  readonly rules: Rules
  /** What makes it likely, or what brings it about. */
  readonly leaning?: Partial<Leaning>
  readonly play?: plays.Play
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
    rules: { ...REAL, epochsOf: withSmallerQuorum },
  },
  {
    rule: 'W4',
    leavesOut: 'waiting for a change to be final before it counts',
    rules: { ...REAL, epochsOf: withAllCounted },
    leaning: { registrarEquivocates: true, changes: 12, reserves: 4 },
  },
  {
    rule: 'W5',
    leavesOut: 'the durable record',
    play: plays.CRASH,
    rules: { ...REAL, isRecordDurable: false, halts: false },
  },
  {
    rule: 'W6',
    leavesOut: 'never contradicting what was signed',
    play: plays.CRASH,
    rules: { ...REAL, plan: contradicting },
  },
  {
    rule: 'W7',
    leavesOut: 'stopping all growth after closing',
    play: plays.HANDOVER,
    rules: { ...REAL, plan: growing, after: (record, plan) => ({ ...recordAfter(record, plan), isClosed: false }) },
  },
  {
    rule: 'W7',
    leavesOut: 'remembering that it has closed where the change is lost',
    play: plays.LOST_CHANGE,
    rules: { ...REAL, after: (record, plan) => ({ ...recordAfter(record, plan), isClosed: false }) },
  },
  {
    rule: 'W8',
    leavesOut: 'resolving the leaves of closings',
    play: plays.LATE,
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
  },
  {
    rule: 'W8',
    leavesOut: 'taking over what was resolved',
    play: plays.LOST_BLOCKS,
    rules: { ...REAL, enter: (record, ...rest) => bound(REAL.enter(record, ...rest), record.leaves) },
  },
  {
    rule: 'W8',
    leavesOut: 'leaving aside leaves of later epochs that a closing names',
    play: plays.LATE,
    rules: {
      ...REAL,
      enter: (record, epochs, chains, closingsOf) =>
        REAL.enter(record, epochs, altered(chains, { leafEpoch: () => 0 }), closingsOf),
    },
  },
  {
    rule: 'W8',
    leavesOut: 'epochs in order',
    rules: {
      ...REAL,
      enter: (record, epochs, chains, closingsOf) =>
        REAL.enter({ ...record, epoch: Math.max(record.epoch, epochs.latest.number - 1) }, epochs, chains, closingsOf),
    },
    leaning: changing,
  },
  {
    rule: 'W9',
    leavesOut: 'freezing the leaf of a quarantined chain',
    play: plays.LATE,
    rules: {
      ...REAL,
      plan: (self, record, epochs, chains) =>
        planAttestation(self, record, epochs, altered(chains, { isQuarantined: () => false })),
      stopsQuarantined: false,
    },
  },
  {
    rule: 'W9',
    leavesOut: 'halting where an old record was restored',
    play: plays.COPY,
    rules: { ...REAL, halts: false },
  },
  {
    rule: 'W10',
    leavesOut: 'counting an attestation that comes after a newer one',
    rules: { ...REAL, takesOld: false },
  },
  {
    rule: 'W10',
    leavesOut: 'counting a closing attestation for every chain',
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
    leavesOut: 'a leaf’s own epoch',
    rules: { ...REAL, countsAnyEpoch: true },
    leaning: changing,
  },
  {
    rule: 'W12',
    leavesOut: 'counting leaves by branch',
    rules: { ...REAL, isBranchBlind: true },
  },
  {
    rule: 'W14',
    leavesOut: 'fetching the other branch',
    rules: { ...REAL, fetchesBranches: false },
  },
]
