import { expect } from 'chai'
import { parseRoles } from '../../../protocol/index.ts'
import { Neighbourhood, signerOf, type TestNode } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey
const SETTINGS = { attestDelayMs: 500 } as const

describe('finality in trouble', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  const setRoles = async (name: string, roles: string): Promise<void> => {
    const { node } = all.get('registrar')
    await all.time.wait(node.changeMembership([{ type: 'change-roles', key: keyOf(name), roles: parseRoles(roles) }]))
  }

  const counts = (size: number, nodes: readonly TestNode[] = all.nodes): boolean =>
    nodes.every(({ node }) => node.membership.size === size)

  for (const count of [2, 4]) {
    it(`a closing attestation that ${count} of 4 witnesses had on disk when the power went is told later`, async () => {
      all = await Neighbourhood.create({ meters: 5, witnesses: 4, settings: SETTINGS })
      await all.start(6)
      await all.take('meter-5')
      await all.time.until(
        () => all.nodes.every(({ store }) => store.witness.final(keyOf('meter-5'))?.size === 1),
        60_000,
        'the first block',
      )
      const cut = Array.from({ length: count }, (_, i) => all.get(`meter-${i + 1}`))
      for (const { node, store } of cut) {
        const never = (): Promise<never> => new Promise(() => undefined)
        // Nothing is written any more after the synced record, and nothing is told.
        Object.assign(store.witness, { setFinal: never })
        for (const table of [store.witness.attestations, store.witness.closings]) Object.assign(table, { put: never })
        Object.assign(node, { stop: () => node.network.stop() })
      }
      await setRoles('meter-5', 'meter,witness')
      await all.time.advance(10_000)
      for (const { name, store } of cut) expect(store.witness.record.closing, name).to.equal(true)
      for (const { name } of cut) {
        const back = await all.restart(name)
        for (const [i, other] of all.nodes.entries()) if (other !== back) await all.link(all.nodes.indexOf(back), i)
      }
      await all.time.until(() => counts(1), 300_000, 'the change counts everywhere')
    })
  }

  it('a newcomer learns all of a membership of more epochs than a witness may speak at once', async () => {
    const changes = 70
    all = await Neighbourhood.create({ meters: 2, witnesses: 1, genesis: { observers: 'open' }, settings: SETTINGS })
    await all.start(2)
    for (let change = 1; change <= changes; change++) {
      await setRoles('meter-2', change % 2 === 0 ? 'meter' : 'meter,witness')
      const isEntered = (): boolean => all.get('meter-1').store.witness.record.epoch === change
      await all.time.until(() => counts(change) && isEntered(), 120_000, `change ${change}`)
    }
    const late = await all.add('late')
    await all.time.wait(late.node.start())
    await all.link(all.nodes.indexOf(late), 0)
    await all.time.until(() => counts(changes, [late]), 120_000, 'all changes count')
  }).timeout(120_000)

  it('W8: who is told only the newest attestations asks for the closing ones before them, an observer too', async () => {
    const changes = 6
    all = await Neighbourhood.create({ meters: 2, witnesses: 1, genesis: { observers: 'open' }, settings: SETTINGS })
    await all.start(2)
    for (let change = 1; change <= changes; change++) {
      await setRoles('meter-2', change % 2 === 0 ? 'meter' : 'meter,witness')
      const isEntered = (): boolean => all.get('meter-1').store.witness.record.epoch === change
      await all.time.until(() => counts(change) && isEntered(), 120_000, `change ${change}`)
    }
    for (const { store } of all.nodes) {
      const epochs = store.witness.attestations.epochs.bind(store.witness.attestations)
      Object.assign(store.witness.attestations, { epochs: () => epochs().slice(-1) })
    }
    const late = await all.add('late')
    await all.time.wait(late.node.start())
    await all.link(all.nodes.indexOf(late), 0)
    await all.time.until(() => counts(changes, [late]), 60_000, 'all changes count')
  })

  it('what was ahead of a clock that was behind is judged again once the clock is right', async () => {
    all = await Neighbourhood.create({ meters: 4, witnesses: 4, genesis: { observers: 'open' }, settings: SETTINGS })
    await all.start(4)
    await setRoles('meter-4', 'meter')
    await all.time.until(() => counts(1), 120_000, 'the change counts')
    const platformOf = all.time.platform.bind(all.time)
    let behindMs = 86_400_000
    all.time.platform = (random) => {
      const platform = platformOf(random)
      return { ...platform, clock: { ...platform.clock, now: () => platform.clock.now() - behindMs } }
    }
    const late = await all.add('late')
    all.time.platform = platformOf
    await all.time.wait(late.node.start())
    await all.link(all.nodes.indexOf(late), 0)
    await all.time.advance(60_000)
    expect(late.node.membership.size).to.equal(0)
    behindMs = 0
    await all.time.until(() => counts(1, [late]), 120_000, 'the change counts there too')
  })

  it('attestations whose write failed count all the same', async () => {
    all = await Neighbourhood.create({ meters: 5, witnesses: 4, settings: SETTINGS })
    await all.start(6)
    const { witness } = all.get('registrar').store
    for (const [object, name] of [
      [witness.attestations, 'put'],
      [witness, 'setFinal'],
    ] as const) {
      const write = (Reflect.get(object, name) as (...args: unknown[]) => Promise<void>).bind(object)
      let failures = 2
      Object.assign(object, {
        [name]: (...args: unknown[]) => (failures-- > 0 ? Promise.reject(new Error('EIO')) : write(...args)),
      })
    }
    await all.take('meter-5')
    await all.time.until(() => witness.final(keyOf('meter-5'))?.size === 1, 600_000, 'it is final')
  })
})
