import { EMPTY_ROOT } from '../../hash.ts'
import { EMPTY_LEAF } from '../../witness.ts'
import { type Block, grantWitness, leafOf, withdrawWitness } from './blocks.ts'
import type { HonestNode } from './node.ts'
import type { Attested } from './rules.ts'
import type { Leaning, World } from './world.ts'

/** What a run of free steps comes upon too rarely: little happens here but what matters, in an order that the seed tells. */
export interface Play {
  readonly leaning: Partial<Leaning>
  readonly act: (world: World) => void
}

/** Four witnesses, of whom the first is a colluder, and four who come after them. */
const TWO_GENERATIONS: Partial<Leaning> = {
  witnesses: 4,
  colluders: 1,
  reserves: 4,
  meters: 1,
  meterEquivocates: true,
  registrarEquivocates: false,
  evidence: 0,
  rollbacks: false,
}

const ACTIONS = 220

function changeToNew(world: World, parent: Block | undefined): Block {
  const { members } = world.blocks.genesis.membership
  const keyOf = (index: number): Uint8Array => (members[index] as { key: Uint8Array }).key
  const operations = [5, 6, 7, 8].map((index) => grantWitness(keyOf(index)))
  return world.sealChange(parent, [...operations, ...[1, 2, 3, 4].map((index) => withdrawWitness(keyOf(index)))])
}

/** Both stories of a meter's chain, at the time when one generation of witnesses hands over to the next. */
export const HANDOVER: Play = {
  leaning: TWO_GENERATIONS,
  act: (world) => {
    const { random, honest, said, firstMeter } = world
    const [old, fresh] = [honest.slice(0, 3), honest.slice(3)]
    const first = world.sealBlock(firstMeter, undefined, 0)
    const change = changeToNew(world, undefined)
    let second: Block | undefined
    const colluderSigns = (size: number, leaf = EMPTY_LEAF): Attested => {
      const registrar = size === 0 ? EMPTY_LEAF : leafOf(change)
      const nobody = Array.from({ length: firstMeter - 1 }, () => EMPTY_LEAF)
      return world.sign(1, 0, [registrar, ...nobody, leaf])
    }
    const closing = colluderSigns(1)
    const vote = colluderSigns(0, leafOf(first))
    const hear = (node: HonestNode, from: readonly Attested[]): void => {
      for (const attested of from) if (random.percent(70)) node.take(attested)
    }
    const actions: (() => void)[] = [
      () => random.pick(old).pull(first),
      () => random.pick(old).pull(change),
      () => random.pick(old).attest(),
      () => hear(random.pick(old), random.percent(50) ? said : [vote]),
      () => random.pick(fresh).pull(change),
      () => hear(random.pick(fresh), [...said.filter(({ frontier }) => frontier[0] === 1), closing]),
      () => random.pick(fresh).attest(),
      () => random.pick(fresh).pull(random.percent(70) ? (second ?? first) : first),
      () => random.pick(fresh).pull(second ?? change),
      () => {
        if (fresh.some(({ counted }) => counted > 0)) second ??= world.sealBlock(firstMeter, undefined, 1)
      },
      () => {
        const node = random.pick(honest)
        if (random.percent(15)) node.restart(node.record, random.below(3))
      },
      () => {
        if (random.percent(15)) random.pick(fresh).takeEvidence(firstMeter)
      },
    ]
    for (let i = 0; i < ACTIONS && world.violation === undefined; i++) random.pick(actions)()
  },
}

/** A colluder of the first of three generations closes with a leaf of the third; those who come late take it over, or not. */
export const LATE: Play = {
  leaning: TWO_GENERATIONS,
  act: (world) => {
    const { random, honest, said, firstMeter } = world
    const [old, fresh] = [honest.slice(0, 3), honest.slice(3)]
    const { members } = world.blocks.genesis.membership
    const nobody = Array.from({ length: firstMeter - 1 }, () => ({ size: 0, root: EMPTY_ROOT }))
    // The second generation is the first and one more; the third is new.
    const change = world.sealChange(undefined, [grantWitness((members[5] as { key: Uint8Array }).key)])
    const last = changeToNew(world, change)
    const first = world.sealBlock(firstMeter, undefined, 1)
    const second = world.sealBlock(firstMeter, undefined, 2)
    const early = [...old, fresh[0] as HonestNode]
    const hearAll = (nodes: readonly HonestNode[]): void => {
      for (let at = 0; at < said.length; at++) for (const node of nodes) node.take(said[at] as Attested)
    }
    // Epoch 1 makes the first story final, and closes; those who come after know the registrar's chain, and the second story.
    for (const node of early) node.pull(change)
    for (const node of old) node.attest()
    hearAll(early)
    for (const node of early) node.pull(first)
    for (const node of early) node.attest()
    hearAll(early)
    for (const node of early) node.pull(last)
    for (const node of early) node.attest()
    const late = fresh.slice(1)
    for (const node of late) node.pull(last)
    hearAll(late)
    for (const node of late) node.pull(second)
    const lie = world.sign(1, 0, [leafOf(change), ...nobody, leafOf(second)])
    for (const node of late) {
      node.take(lie)
      node.attest()
      if (random.percent(90)) node.takeEvidence(firstMeter)
      node.attest()
    }
    hearAll(late)
  },
}
