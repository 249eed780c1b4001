import { type Attacker, mostLiars } from '../attackers/attacker.ts'
import { Forger } from '../attackers/forger.ts'
import { LyingWitness } from '../attackers/lying-witness.ts'
import { Replayer } from '../attackers/replayer.ts'
import { silence } from '../attackers/silence.ts'
import { Spammer } from '../attackers/spammer.ts'
import { Tamperer } from '../attackers/tamperer.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'
import type { Fault, FaultRule } from './faults.ts'

/** Between its beginning and its end an attacker does what it does so many times; what it changes of what passes, all along. */
const ACTS = 8

/** A third of the meters may be turned at most, as of the witnesses: the others have to find each other. */
const TURNED = 3

/** By world, then by fault: who was turned for it before the run. */
const turned = new WeakMap<World, Map<Fault, Attacker>>()

/** The registrar is never turned, and of others no more than can be borne: with more of them anything may happen, and rightly. */
export function mayTurn({ meters, witnesses, settings }: World, node: VirtualNode): boolean {
  const count = (nodes: readonly VirtualNode[]): number => nodes.filter(({ isHonest }) => !isHonest).length
  if (!node.isHonest || !meters.includes(node) || count(meters) >= Math.floor((settings.meters - 1) / TURNED)) return false
  return !witnesses.includes(node) || count(witnesses) < mostLiars(settings.witnesses)
}

type Choose = (world: World, fault: Fault) => VirtualNode | undefined

const aMeter: Choose = ({ meters }, { who }) => meters[who % meters.length]
const aWitness: Choose = ({ witnesses }, { who }) => witnesses[who % Math.max(1, witnesses.length)]

function attack(what: string, choose: Choose, make: (world: World, box: VirtualNode) => Attacker): FaultRule {
  return {
    what,
    stage: (world, fault) => {
      const box = choose(world, fault)
      if (box === undefined || !mayTurn(world, box)) return
      const all = turned.get(world) ?? new Map<Fault, Attacker>()
      turned.set(world, all)
      all.set(fault, make(world, box))
    },
    begin: (world, fault) => {
      const attacker = turned.get(world)?.get(fault)
      if (attacker === undefined) return
      const everyMs = (fault.untilMs - fault.atMs) / ACTS
      for (let acts = 0; acts < ACTS; acts++) {
        world.time.after(acts * everyMs, () => {
          // Where everybody else is off there is nobody to attack.
          if (!attacker.box.isUp || !world.honest.some(({ isUp }) => isUp)) return
          world.run(`${attacker.box.name} attacks`, () => attacker.act())
        })
      }
    },
    end: () => undefined,
  }
}

/** What members do on purpose, each turned before the run begins. */
export const ATTACKS = {
  tamper: attack('a meter passes on what others signed with bytes changed', aMeter, (world, box) => new Tamperer(world, box)),
  forge: attack('a meter forges what only others could make', aMeter, (world, box) => new Forger(world, box)),
  replay: attack('a meter says again what was said before', aMeter, (world, box) => new Replayer(world, box)),
  spam: attack('a meter costs others what it can', aMeter, (world, box) => new Spammer(world, box)),
  lie: attack('a witness signs what nobody holds', aWitness, (world, box) => new LyingWitness(world, box)),
  silence: {
    what: 'a witness signs nothing, all along',
    stage: (world, fault) => {
      const witness = aWitness(world, fault)
      if (witness === undefined || !mayTurn(world, witness)) return
      world.turn(witness)
      silence(witness)
    },
    begin: () => undefined,
    end: () => undefined,
  },
} as const satisfies { readonly [kind: string]: FaultRule }
