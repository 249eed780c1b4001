import type { Checker } from '../scenario.ts'

export const checker: Checker = {
  rule: 'Nobody honest is ever proven to have told two stories, as author or as witness.',

  watch(world, violate) {
    const isHonestKey = (keyHex: string): boolean => {
      const accused = world.nodes.find((node) => node.keyHex === keyHex)
      return accused === undefined || world.isHonestMember(accused.member)
    }
    const told = new Set<string>()
    for (const name of ['evidence', 'witnessEvidence'] as const) {
      world.on(name, (node, { member }) => {
        if (told.has(`${name} ${member}`) || !isHonestKey(member)) return
        told.add(`${name} ${member}`)
        const accused = world.nodes.find(({ keyHex }) => keyHex === member)?.name ?? member
        violate(`${node.name} holds proof that ${accused} told two stories${name === 'evidence' ? '' : ' as a witness'}`)
      })
    }
    return () => undefined
  },

  breakage: {
    what: 'a key that runs twice although its owner is honest: an operator started an old copy beside the box',
    acts: [
      {
        at: 0.3,
        what: 'a copy of a meter is started beside it',
        deed: (world) => {
          const meter = world.meters.at(-1)
          if (meter === undefined) return
          const twin = world.addTwin(meter, false)
          // Neither hears of the other's blocks before it has sealed its own.
          const halves = [world.nodes.filter(({ host }) => host % 2 === 0), world.nodes.filter(({ host }) => host % 2 === 1)]
          const apart = halves.map((half) => half.filter(({ host }) => host !== meter.host && host !== twin.host))
          apart[0]?.push(meter)
          apart[1]?.push(twin)
          world.network.partition(apart.map((half) => half.map(({ host }) => host)))
          world.run('starting the copy', () => twin.start())
        },
      },
      { at: 0.7, what: 'all ways are open again', deed: (world) => world.network.heal() },
    ],
  },
}
