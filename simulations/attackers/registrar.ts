import { isWattnessError, labelHash, type MembershipOperation, parseRoles, toUtf8 } from '../../protocol/index.ts'
import { splitInHalves } from '../deeds.ts'
import type { Deed } from '../scenario.ts'
import { signerNamed, type VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** The registrar may be waiting for a neighbour's word: it is asked again after this, so many times. */
const AGAIN_MS = 10_000
const TIMES = 30

/** Writes operations into the chain of a registrar, as soon as it may. */
export function decree(world: World, node: VirtualNode, operations: readonly MembershipOperation[], timesLeft = TIMES): void {
  world.run(`${node.name} changes the membership`, async () => {
    try {
      if (node.node === undefined) throw new Error(`${node.name} is off`)
      await node.node.changeMembership(operations)
      world.log.note(`${node.name} has written ${operations.map(({ type }) => type).join(', ')}`)
    } catch (error) {
      if (node.node !== undefined && !isWattnessError(error)) throw error
      world.log.note(`${node.name} cannot change the membership: ${(error as Error).message}`)
      if (timesLeft > 0) world.time.after(AGAIN_MS, () => decree(world, node, operations, timesLeft - 1))
    }
  })
}

/** Gives meters, counted from 1, the role of a witness, or takes it away: one change, so one epoch. */
export function appoint(
  change: (world: World) => { readonly witnesses?: readonly number[]; readonly meters?: readonly number[] },
): Deed {
  return (world) => {
    const { witnesses = [], meters = [] } = change(world)
    const give = (numbers: readonly number[], roles: string): MembershipOperation[] =>
      numbers.flatMap((number) => {
        const node = world.meters[number - 1]
        return node === undefined ? [] : [{ type: 'change-roles', key: node.key, roles: parseRoles(roles) } as const]
      })
    const operations = [...give(witnesses, 'meter,witness'), ...give(meters, 'meter')]
    if (operations.length > 0) decree(world, world.nodes[0] as VirtualNode, operations)
  }
}

/** The registrar runs twice from here on: each half of the network is told of another admission. */
export const turnRegistrar: Deed = (world) => {
  const registrar = world.nodes[0] as VirtualNode
  const twin = world.addTwin(registrar)
  splitInHalves(world)
  world.run('the registrar runs twice', async () => {
    await twin.start()
    for (const [node, name] of [
      [registrar, 'one newcomer'],
      [twin, 'another newcomer'],
    ] as const) {
      const { publicKey: key } = signerNamed(world.seed, name)
      decree(world, node, [
        { type: 'admit', key, roles: parseRoles('meter'), labelHash: labelHash(toUtf8(`${'-'.repeat(16)}${name}`)) },
      ])
    }
  })
}
