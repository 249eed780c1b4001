import { expect } from 'chai'
import { continuationOf, continues, decodeBlock, encodeLabelRecord, type Leaf, labelHash } from '../../../protocol/index.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey
const SETTINGS = { attestDelayMs: 500 } as const

describe('a key that is replaced', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  const finalAt = (at: string, member: string): number => all.get(at).store.witness.final(keyOf(member))?.size ?? 0
  const isFinal = (names: readonly string[], member: string, size: number) => (): boolean =>
    names.every((name) => finalAt(name, member) === size)

  it('ends at its last final block, and the new chain names that block first; both stay final everywhere', async () => {
    all = await Neighbourhood.create({ meters: 5, witnesses: 4, settings: SETTINGS })
    await all.start(6)
    await all.take('meter-2')
    const names = all.nodes.map(({ name }) => name)
    await all.time.until(isFinal(names, 'meter-2', 1), 60_000, 'the last block of the old key')
    await all.time.wait(all.get('meter-2').node.stop())

    const registrar = all.get('registrar')
    const end = registrar.store.witness.final(keyOf('meter-2')) as Leaf
    const label = encodeLabelRecord(new Uint8Array(16), 'meter two, new box')
    await all.time.wait(
      registrar.node.changeMembership([
        {
          type: 'replace-key',
          key: keyOf('meter-2'),
          newKey: keyOf('new box'),
          endSize: end.size,
          endRoot: end.root,
          labelHash: labelHash(label),
        },
      ]),
    )
    const box = await all.add('new box', SETTINGS)
    await all.time.wait(box.node.start())
    for (const at of [0, 1, 3, 4]) await all.link(all.nodes.indexOf(box), at)
    const left = names.filter((name) => name !== 'meter-2').concat('new box')
    await all.time.until(() => left.every((name) => all.get(name).node.membership.size === 1), 120_000, 'it counts')
    expect(box.node.membership.member(keyOf('new box'))?.replaces).to.equal(2)

    await all.take('new box')
    await all.time.until(isFinal(left, 'new box', 2), 120_000, 'the first blocks of the new key')
    const [first] = await all.get('meter-4').store.readBlocks(keyOf('new box'), 0, 1)
    const continuation = continuationOf(all.get('meter-4').node.membership, keyOf('new box'))
    expect(continues(decodeBlock(first?.bytes as Uint8Array), continuation as NonNullable<typeof continuation>)).to.equal(true)
    for (const name of left) expect(finalAt(name, 'meter-2'), name).to.equal(1)
    // It took the old one's place among the witnesses, in the epoch after.
    await all.time.until(
      () => box.store.witness.record.epoch === 1 && box.store.witness.record.sequence > 0,
      60_000,
      'it attests',
    )
  })
})
