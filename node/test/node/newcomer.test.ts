import { expect } from 'chai'
import { parseRoles } from '../../../protocol/index.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

describe('a newcomer after the witnesses have changed', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  for (const areAway of [false, true]) {
    it(`takes every epoch over from those who are there, ${areAway ? 'all witnesses away' : 'witnesses too'}`, async () => {
      all = await Neighbourhood.create({
        meters: 4,
        witnesses: 0,
        genesis: { observers: 'open' },
        settings: { attestDelayMs: 500 },
      })
      await all.start(4)
      const registrar = all.get('registrar').node
      for (const [at, name] of ['meter-1', 'meter-2', 'meter-3', 'meter-4'].entries()) {
        const key = keyOf(name)
        await all.time.wait(registrar.changeMembership([{ type: 'change-roles', key, roles: parseRoles('meter,witness') }]))
        await all.time.until(
          () => all.nodes.every(({ node }) => node.membership.size === at + 1),
          120_000,
          `change ${at + 1} counts`,
        )
        await all.time.advance(60_000)
        await all.take('meter-1')
        await all.time.advance(30_000)
      }
      const size = registrar.finalOf(keyOf('meter-1'))?.size
      expect(size).to.equal(4)
      if (areAway) for (const name of ['meter-1', 'meter-2', 'meter-3', 'meter-4']) await all.time.wait(all.get(name).node.stop())
      const late = await all.add('late')
      await all.time.wait(late.node.start())
      await all.link(all.nodes.indexOf(late), 0)
      if (!areAway) await all.take('meter-2')
      await all.time.until(
        () => late.node.membership.size === 4 && (late.node.finalOf(keyOf('meter-1'))?.size ?? 0) >= 4,
        300_000,
        'it knows what is final',
      )
    })
  }
})
