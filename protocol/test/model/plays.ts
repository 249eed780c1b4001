import { EMPTY_ROOT } from '../../hash.ts'
import { EMPTY_LEAF, NEW_WITNESS } from '../../witness.ts'
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
    // Some play the first story's part late or not at all, and the new ones hear at first of closings alone.
    const firstFrom = random.pick([0, 40, 80])
    const isDeaf = random.percent(70)
    const losses = random.pick([0, 0, 20])
    let now = 0
    const actions: (() => void)[] = [
      () => {
        if (now >= firstFrom) random.pick(old).pull(first)
      },
      () => random.pick(old).pull(change),
      () => random.pick(old).attest(),
      () => hear(random.pick(old), now > ACTIONS / 2 ? [...said, vote] : [closing]),
      () => random.pick(fresh).pull(change),
      () =>
        hear(random.pick(fresh), [closing, ...said.filter(({ epoch, frontier }) => epoch > 0 || (frontier[0] === 1 && !isDeaf))]),
      () =>
        hear(
          random.pick(fresh),
          said.filter(({ frontier, leaves }) => frontier[0] === 1 && (!isDeaf || leaves.at(-1)?.size === 0)),
        ),
      () => random.pick(fresh).attest(),
      () => {
        const node = random.pick(fresh)
        if (second !== undefined && (losses === 0 || node.record.epoch > 0)) node.pull(second)
      },
      () => {
        if (losses > 0) random.pick(fresh).pull(first)
      },
      () => {
        if (fresh.some(({ counted }) => counted > 0)) second ??= world.sealBlock(firstMeter, undefined, 1)
      },
      () => {
        const node = random.pick(honest)
        if (random.percent(losses)) node.restart(node.record, random.below(3))
      },
    ]
    for (now = 0; now < ACTIONS && world.violation === undefined; now++) random.pick(actions)()
  },
}

/** A colluder of the first of three generations closes with a leaf of the third; those who come late take it over, or not. */
export const LATE: Play = {
  leaning: { ...TWO_GENERATIONS, meters: 2 },
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
    const other = world.sealBlock(firstMeter + 1, undefined, 2)
    for (const node of late) {
      node.take(lie)
      node.attest()
      if (random.percent(90)) node.takeEvidence(firstMeter)
      node.pull(other)
      node.attest()
    }
    hearAll(late)
  },
}

/** A witness signs one story; it loses the block, and its record or a part of it, and is shown the other. */
const forgetting = (isRestored: boolean): Play => ({
  leaning: { ...TWO_GENERATIONS, reserves: 0 },
  act: (world) => {
    const { honest, said, firstMeter, rules } = world
    const [one, two, three] = honest as [HonestNode, HonestNode, HonestNode]
    const first = world.sealBlock(firstMeter, undefined, 0)
    const second = world.sealBlock(firstMeter, undefined, 0)
    const nobody = Array.from({ length: firstMeter }, () => EMPTY_LEAF)
    for (const node of [one, two]) node.pull(first)
    for (const node of [one, two]) node.attest()
    world.sign(1, 0, [...nobody, leafOf(first)])
    for (const attested of [...said]) one.take(attested)
    two.restart(isRestored || !rules.isRecordDurable ? NEW_WITNESS : two.record, 1)
    if (isRestored) for (const attested of said) if (attested.key === two.key) two.take(attested)
    for (const node of [two, three]) node.pull(second)
    for (const node of [two, three]) node.attest()
    world.sign(1, 0, [...nobody, leafOf(second)])
    for (const attested of said.slice(-3)) three.take(attested)
  },
})

/** Its write was not on the disk. */
export const CRASH = forgetting(false)

/** An old copy of all was restored. */
export const COPY = forgetting(true)

/** As `HANDOVER`, but in one order, with blocks lost after something was signed for them. */
const losing = (isOld: boolean): Play => ({
  leaning: TWO_GENERATIONS,
  act: (world) => {
    const { honest, said, firstMeter } = world
    const [old, fresh] = [honest.slice(0, 3), honest.slice(3)]
    const [one, two, three] = old as [HonestNode, HonestNode, HonestNode]
    const nobody = Array.from({ length: firstMeter - 1 }, () => EMPTY_LEAF)
    const first = world.sealBlock(firstMeter, undefined, 0)
    const change = changeToNew(world, undefined)
    const vote = world.sign(1, 0, [EMPTY_LEAF, ...nobody, leafOf(first)])
    const closings = [world.sign(1, 0, [leafOf(change), ...nobody, EMPTY_LEAF])]
    const close = (node: HonestNode): void => {
      node.pull(change)
      node.attest()
      closings.push(said.at(-1) as Attested)
    }
    const signFirst = (): void => {
      for (const node of [one, two]) node.pull(first)
      for (const node of [one, two]) node.attest()
      for (const attested of [...said]) one.take(attested)
      one.take(vote)
    }
    if (!isOld) signFirst()
    for (const node of isOld ? [one, two] : [one, three]) close(node)
    for (const node of fresh) {
      node.pull(change)
      for (const attested of closings) node.take(attested)
      if (!isOld) node.pull(first)
      // It stops before it signs.
      node.enter()
    }
    // Those who come after lose what they took over, or those who closed lose the change.
    for (const node of isOld ? [one, two] : fresh) node.restart(node.record, 1)
    if (isOld) signFirst()
    const second = world.sealBlock(firstMeter, undefined, 1)
    const from = said.length
    for (const node of fresh) node.pull(second)
    for (const node of fresh) node.attest()
    for (const attested of said.slice(from)) for (const node of fresh) node.take(attested)
  },
})

/** Who comes after has resolved a leaf of the first story, and loses its blocks. */
export const LOST_BLOCKS = losing(false)

/** Who has closed loses the change. */
export const LOST_CHANGE = losing(true)
