import { expect } from 'chai'
import { parseRoles } from '../../../protocol/index.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

describe('a witness that lost its store after the witnesses have changed', () => {
  it('halts before it signs', async () => {
    const all = await Neighbourhood.create({ meters: 5, witnesses: 4, settings: { attestDelayMs: 500 } })
    await all.start(4)
    const registrar = all.get('registrar').node
    await all.time.wait(
      registrar.changeMembership([{ type: 'change-roles', key: keyOf('meter-5'), roles: parseRoles('meter,witness') }]),
    )
    await all.time.until(() => all.nodes.every(({ node }) => node.membership.size === 1), 120_000, 'counts')
    await all.time.advance(60_000)
    await all.take('meter-1')
    await all.time.advance(60_000)
    const old = all.get('meter-5')
    expect(old.store.witness.record.epoch).to.equal(1)
    await all.time.wait(old.node.stop())
    await old.store.close()
    all.nodes.splice(all.nodes.indexOf(old), 1)
    const empty = await all.add('meter-5', { attestDelayMs: 500 })

    await all.time.wait(empty.node.start())
    for (const at of [0, 1, 2]) await all.link(all.nodes.indexOf(empty), at)
    await all.time.advance(120_000)
    expect(empty.store.witness.halted).to.contain('does not know')
    expect(empty.store.witness.record.sequence).to.equal(0)
    await all.stop()
  })
})
