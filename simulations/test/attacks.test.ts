import { expect } from 'chai'
import { networkLimits } from '../../node/index.ts'
import { type Attack, attackersOf, attackOn } from '../attackers/attacker.ts'
import { CORRUPTIONS } from '../attackers/corruption.ts'
import { strangersOf } from '../attackers/stranger.ts'
import { victimOf } from '../attackers/withholder.ts'
import { checkerNames, loadScenario } from '../files.ts'
import { builtInHomes } from '../loads/homes.ts'
import type { Act } from '../scenario.ts'
import { PRESETS, type Settings } from '../settings.ts'
import { Simulation } from '../simulation.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'
import { violationsOf } from './small-run.ts'

interface AttackRun {
  readonly settings?: Partial<Settings>
  readonly acts?: readonly Act[]
}

/** One finished run in which no checker found anything, with looks taken meanwhile. */
async function attack(name: string, { settings, acts = [] }: AttackRun = {}): Promise<Simulation & { readonly attack: Attack }> {
  const scenario = await loadScenario(name)
  const all: Settings = {
    ...PRESETS,
    ...scenario.settings,
    meters: 8,
    witnesses: 4,
    forMs: 3_000_000,
    blockIntervalMs: 300_000,
    readingIntervalMs: 300_000,
    startUpMs: 5_000,
    drainMs: 300_000,
    ...settings,
  }
  const simulation = new Simulation({
    scenario: { ...scenario, acts: [...(scenario.acts ?? []), ...acts] },
    settings: all,
    seed: 'attack',
    homes: builtInHomes(all),
    checkers: checkerNames(),
  })
  const counted = attackOn(simulation.world)
  await simulation.run()
  expect(violationsOf(simulation)).to.deep.equal([])
  expect(counted.wronged).to.deep.equal([])
  return Object.assign(simulation, { attack: counted })
}

/** How often the attackers of a run have done something. */
function done(world: World, what: string): number {
  return attackersOf(world).reduce((sum, attacker) => sum + (attacker.done.get(what) ?? 0), 0)
}

/** Final blocks of all chains, over all honest nodes. */
function finals({ honest, nodes }: World): number {
  return honest.reduce((sum, { node }) => sum + nodes.reduce((all, { key }) => all + (node?.finalOf(key)?.size ?? 0), 0), 0)
}

const look = (at: number, deed: (world: World) => void): Act => ({ at, what: 'a look', deed })

describe('attacks', () => {
  for (const gossip of ['on', 'off'] as const) {
    it(`tamperer: what is changed on its way is found out, and only who changed it pays (gossip ${gossip})`, async () => {
      const { world, attack: counted } = await attack('tamperer', { settings: { gossip, forMs: 6_000_000 } })
      expect(done(world, 'attestations')).to.be.above(0)
      if (gossip === 'on') expect(done(world, 'gossip')).to.be.above(10)
      else for (const how of CORRUPTIONS) expect(done(world, how), how).to.be.above(0)
      expect(counted.charged.get('rejected-run')).to.be.above(5)
      // By sync each is asked of one neighbour, and seldom of this one.
      expect(counted.charged.get('bad-attestation')).to.be.above(gossip === 'on' ? 5 : 0)
      expect(counted.hungUp).to.be.above(0)
    })
  }

  it('forger: forged blocks, attestations and proofs cost the forger its links', async () => {
    const { world, attack: counted } = await attack('forger')
    for (const what of ['block', 'stranger', 'attestation', 'evidence', 'answer']) expect(done(world, what), what).to.be.above(5)
    for (const fault of ['rejected-run', 'bad-attestation', 'bad-evidence'])
      expect(counted.charged.get(fault), fault).to.be.above(5)
    expect(counted.hungUp).to.be.above(5)
    for (const { store } of world.honest) {
      for (const { key } of world.honest) expect(store?.evidence.has(key)).to.equal(false)
    }
  })

  it('replayer: what was true once changes nothing when it comes again', async () => {
    const { world, attack: counted } = await attack('replayer')
    expect(done(world, 'frame')).to.be.above(100)
    expect(done(world, 'payload')).to.be.above(50)
    expect(counted.charged.get('unasked')).to.be.above(5)
  })

  it('spammer: floods, noise and largest blocks end in hanging up or are borne', async () => {
    const { world, attack: counted } = await attack('spammer')
    for (const what of ['largest', 'invalid', 'request', 'noise', 'call', 'flood']) expect(done(world, what), what).to.be.above(0)
    expect(done(world, 'answer')).to.be.above(100)
    for (const fault of ['flood', 'rejected-run']) expect(counted.charged.get(fault), fault).to.be.above(0)
    // Its largest blocks are true ones: everybody holds them.
    const [spammer] = attackersOf(world)
    if (spammer === undefined) throw new Error('no spammer')
    for (const { store } of world.honest) expect(store?.head(spammer.box.key)?.size).to.be.above(0)
  })

  it('silent-witness: one too many stops finality and nothing else, and it goes on once that one is back', async () => {
    const seen: number[] = []
    const acts = [0.5, 0.69, 0.95].map((at) => look(at, (world) => void seen.push(finals(world))))
    await attack('silent-witness', { acts })
    expect(seen[0]).to.be.above(0)
    expect(seen[1]).to.equal(seen[0])
    expect(seen[2]).to.be.above(seen[1] as number)
  })

  it('lying-witness: no lie counts, and each liar is proven to have contradicted itself on every honest node', async () => {
    const { world } = await attack('lying-witness', { settings: { meters: 9, witnesses: 7 } })
    for (const what of ['leaf', 'beyond', 'no leaves', 'shown']) expect(done(world, what), what).to.be.above(20)
    expect(attackersOf(world)).to.have.length(2)
    for (const { box } of attackersOf(world)) {
      for (const { store, name } of world.honest)
        expect(store?.witnessEvidence.has(box.key), `${box.name} on ${name}`).to.equal(true)
    }
  })

  /** Blocks of others that the victim holds, and of its own that others hold, at this share of the run. */
  const siege = (at: number, seen: { held: number; passedOn: number }[]): Act =>
    look(at, (world) => {
      const victim = victimOf(world)
      const others = world.honest.filter((node) => node !== victim)
      const size = ({ store }: VirtualNode, of: VirtualNode): number => store?.head(of.key)?.size ?? 0
      seen.push({
        held: others.reduce((sum, other) => sum + size(victim, other), 0),
        passedOn: others.reduce((sum, other) => sum + size(other, victim), 0),
      })
    })

  it('eclipse: who was kept in the dark holds everything after one honest link', async () => {
    const seen: { held: number; passedOn: number }[] = []
    const { world } = await attack('eclipse', { acts: [siege(0.58, seen), siege(0.95, seen)] })
    expect(done(world, 'status')).to.be.above(20)
    expect(seen[0]).to.deep.equal({ held: 0, passedOn: 0 })
    expect(seen[1]?.held).to.be.above(20)
    expect(seen[1]?.passedOn).to.be.above(10)
  })

  it('censorship: whose blocks were kept back has them everywhere after one honest link', async () => {
    const seen: { held: number; passedOn: number }[] = []
    const { world } = await attack('censorship', { acts: [siege(0.58, seen), siege(0.95, seen)] })
    expect(done(world, 'announce') + done(world, 'gossip')).to.be.above(5)
    expect(seen[0]?.held).to.be.above(20)
    expect(seen[0]?.passedOn).to.equal(0)
    expect(seen[1]?.passedOn).to.be.above(10)
  })

  for (const observers of ['open', 'listed'] as const) {
    it(`sybil: strangers in any number leave members their places (observers ${observers})`, async () => {
      const strangers: number[] = []
      const members: number[] = []
      const act = look(0.5, (world) => {
        for (const { node } of world.honest) {
          const links = node?.network.links() ?? []
          const known = links.filter(({ key }) => node?.membership.member(key) !== undefined).length
          strangers.push(links.length - known)
          members.push(known)
        }
      })
      const { world } = await attack('sybil', { settings: { observers }, acts: [act] })
      expect(strangersOf(world).reduce((sum, { dials }) => sum + dials, 0)).to.be.above(1_000)
      for (const count of members) expect(count).to.be.at.least(networkLimits.TARGET_LINKS)
      expect(Math.max(...strangers)).to.be.at.most(observers === 'open' ? 32 : 0)
      const links = strangersOf(world).reduce((sum, each) => sum + each.links, 0)
      expect(links).to.be.above(observers === 'open' ? 100 : 0)
    })
  }

  it('registrar-gone: blocks go on becoming final without it', async () => {
    const seen: number[] = []
    const isUp: boolean[] = []
    const acts = [0.15, 0.95].map((at) =>
      look(at, (world) => {
        seen.push(finals(world))
        isUp.push(world.nodes[0]?.isUp === true)
      }),
    )
    await attack('registrar-gone', { acts })
    expect(isUp).to.deep.equal([false, false])
    expect(seen[1]).to.be.above((seen[0] as number) + 200)
  })

  for (const meters of [7, 12]) {
    it(`registrar-lying: both stories are told, proven everywhere, and one at most counts (${meters} meters)`, async () => {
      const { world } = await attack('registrar-lying', { settings: { meters } })
      expect(world.log.notes.filter(({ text }) => text.endsWith('has written admit'))).to.have.length(2)
      const [registrar] = world.nodes
      if (registrar === undefined) throw new Error('no registrar')
      for (const { store } of world.honest) expect(store?.evidence.has(registrar.key)).to.equal(true)
      expect(new Set(world.honest.map(({ node }) => node?.membership.members.length)).size).to.equal(1)
    })
  }

  it('witness-change: every change is written, and each has its epoch everywhere', async () => {
    const { world } = await attack('witness-change', { settings: { meters: 9 } })
    for (const { node } of world.honest) {
      expect(node?.epochs.all).to.have.length(5)
      expect(node?.membership.witnesses).to.deep.equal([1, 4, 5, 6])
    }
  })

  for (const liars of [1, 3, 5]) {
    it(`equivocator: ${liars} of 16 witnesses with two stories make nothing wrong final, and all are proven to`, async () => {
      const { world } = await attack('equivocator', { settings: { meters: 17, witnesses: 16, liars, forMs: 2_400_000 } })
      const accused = world.meters.slice(0, liars)
      for (const { store } of world.honest) {
        for (const { key } of accused) expect(store?.evidence.has(key)).to.equal(true)
      }
    })
  }
})
