import { expect } from 'chai'
import { parseRoles, toHex } from '../../../protocol/index.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

/** Blocks of a member's chain that are final at a node. */
const finalAt = (all: Neighbourhood, at: string, member: string): number =>
  all.get(at).store.witness.final(keyOf(member))?.size ?? 0

async function untilFinal(
  all: Neighbourhood,
  member: string,
  size: number,
  names = all.nodes.map(({ name }) => name),
): Promise<void> {
  const isDone = (): boolean => names.every((name) => finalAt(all, name, member) === size)
  await all.time.until(isDone, 120_000, `${size} blocks of ${member} final at ${names.join(', ')}`)
}

describe('finality', () => {
  let all: Neighbourhood

  /** Readings are a minute apart at least: another within it would be the same one. */
  const take = async (name: string): Promise<void> => {
    await all.time.advance(60_000)
    await all.take(name)
  }

  afterEach(async () => {
    await all.stop()
  })

  for (const gossip of ['on', 'off'] as const) {
    it(`what is sealed becomes final everywhere, the observer-like registrar included (gossip ${gossip})`, async () => {
      all = await Neighbourhood.create({ meters: 5, witnesses: 4, settings: { gossip, attestDelayMs: 500 } })
      await all.start(4)
      for (let height = 1; height <= 3; height++) {
        await take('meter-1')
        await take('meter-5')
        await untilFinal(all, 'meter-1', height)
        await untilFinal(all, 'meter-5', height)
      }
      for (const { store } of all.nodes) {
        const { root } = store.witness.final(keyOf('meter-5')) ?? { root: new Uint8Array(0) }
        expect(toHex(root)).to.equal(toHex((await store.rootAt(keyOf('meter-5'), 3)) as Uint8Array))
      }
    })
  }

  it('goes on with f witnesses away, stands still with f + 1, loses nothing, and goes on when one is back', async () => {
    all = await Neighbourhood.create({ meters: 5, witnesses: 4, settings: { attestDelayMs: 500 } })
    await all.start(6)
    await take('meter-5')
    await untilFinal(all, 'meter-5', 1)
    await all.time.wait(all.get('meter-1').node.stop())
    await take('meter-5')
    const left = ['registrar', 'meter-2', 'meter-3', 'meter-4', 'meter-5']
    await untilFinal(all, 'meter-5', 2, left)
    await all.time.wait(all.get('meter-2').node.stop())
    await take('meter-5')
    await all.time.advance(120_000)
    const few = ['registrar', 'meter-3', 'meter-4', 'meter-5']
    for (const name of few) expect(finalAt(all, name, 'meter-5'), name).to.equal(2)
    for (const name of few) expect(all.get(name).store.head(keyOf('meter-5'))?.size, name).to.equal(3)
    const back = await all.restart('meter-2')
    for (let i = 0; i < all.nodes.length; i++) if (i !== 1 && i !== 2) await all.link(all.nodes.indexOf(back), i)
    await untilFinal(all, 'meter-5', 3, left)
  })

  it('is the same after a restart, before anybody has said anything', async () => {
    all = await Neighbourhood.create({ meters: 4, witnesses: 4, settings: { attestDelayMs: 500 } })
    await all.start(4)
    await all.take('meter-1', 2)
    await untilFinal(all, 'meter-1', 1)
    const { sequence } = all.get('meter-2').store.witness.record
    const before = await all.restart('meter-2')
    expect(before.store.witness.final(keyOf('meter-1'))?.size).to.equal(1)
    expect(before.store.witness.record.sequence).to.equal(sequence)
    await all.link(2, 0)
    await all.link(2, 3)
    await take('meter-3')
    await untilFinal(all, 'meter-3', 1)
  })

  it('members admitted count once that is final, and a new witness signs in the epoch that follows', async () => {
    all = await Neighbourhood.create({ meters: 4, witnesses: 4, settings: { attestDelayMs: 500 } })
    await all.start(4)
    await take('meter-1')
    await untilFinal(all, 'meter-1', 1)
    const registrar = all.get('registrar').node
    const late = await all.add('late', { attestDelayMs: 500 })
    const label = new Uint8Array([...new Uint8Array(16), ...new TextEncoder().encode('late')])
    await all.time.wait(registrar.admitKey(keyOf('late'), parseRoles('meter,witness'), label))
    expect(registrar.membership.size).to.equal(0)
    expect(registrar.heldMembership.size).to.equal(1)
    await all.time.wait(late.node.start())
    for (const at of [0, 1, 2, 3]) await all.link(all.nodes.indexOf(late), at)
    await untilFinal(all, 'registrar', 1)
    await all.time.until(
      () =>
        all.nodes.every(
          ({ node, store }) => node.membership.size === 1 && (store.witness.record.epoch === 1 || node === registrar),
        ),
      120_000,
      'everybody is in the next epoch',
    )
    await take('late')
    await take('meter-2')
    await untilFinal(all, 'late', 1)
    await untilFinal(all, 'meter-2', 1)
    expect(late.store.witness.record.sequence).to.be.above(0)
  })

  it('a witness restored from an old copy halts before it signs, and the others go on', async () => {
    all = await Neighbourhood.create({ meters: 4, witnesses: 4, settings: { attestDelayMs: 500 } })
    await all.start(4)
    await take('meter-1')
    await untilFinal(all, 'meter-1', 1)
    const old = all.get('meter-4')
    await all.time.wait(old.node.stop())
    await old.store.close()
    const empty = await all.add('meter-4', { attestDelayMs: 500 })
    all.nodes.splice(all.nodes.indexOf(old), 1)
    const halted: string[] = []
    empty.node.on('witnessHalted', ({ reason }) => halted.push(reason))
    await all.time.wait(empty.node.start())
    for (const at of [0, 1, 2]) await all.link(all.nodes.indexOf(empty), at)
    await all.time.until(() => halted.length === 1, 60_000, 'it halts')
    await take('meter-2')
    await untilFinal(all, 'meter-2', 1)
    expect(empty.store.witness.halted).to.contain('does not know')
    expect(empty.store.witness.record.sequence).to.equal(0)
  })
})
