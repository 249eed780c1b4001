import { expect } from 'chai'
import { decodeEvidence, labelHash, parseRoles, toHex, toUtf8, verifyEvidence } from '../../../protocol/index.ts'
import { verifySignature } from '../../signature.ts'
import { Neighbourhood, signerOf, type TestNode } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey
const SETTINGS = { attestDelayMs: 500, sealAlone: true } as const

describe('a meter that tells two stories, among witnesses', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  const take = async (...names: readonly string[]): Promise<void> => {
    await all.time.advance(60_000)
    for (const name of names) await all.take(name)
  }

  const honest = (): TestNode[] => all.nodes.filter(({ name }) => name !== 'double')

  /** What is final of a member's chain at all honest nodes: sizes with roots, each once. */
  const finals = (member: string): string[] => [
    ...new Set(
      honest().map(({ store }) => {
        const final = store.witness.final(keyOf(member))
        return final === undefined ? 'nothing' : `${final.size} ${toHex(final.root)}`
      }),
    ),
  ]

  for (const gossip of ['on', 'off'] as const) {
    it(`those who kept the losing branch end with the one that a quorum has signed (gossip ${gossip})`, async () => {
      all = await Neighbourhood.create({ meters: 5, witnesses: 4, absent: ['double'], settings: { ...SETTINGS, gossip } })
      await all.addDouble('double', 'meter-5', { ...SETTINGS, gossip })
      await all.start(6)
      all.hub.partition(['registrar', 'meter-1', 'meter-2', 'meter-3', 'meter-5'].map(keyOf), ['meter-4', 'double'].map(keyOf))
      for (let i = 0; i < 3; i++) await take('meter-5', 'double', 'meter-1')
      await all.time.advance(30_000)
      const won = all.get('registrar').store.witness.final(keyOf('meter-5'))
      expect(won?.size).to.equal(3)
      const lost = all.get('meter-4').store.head(keyOf('meter-5'))
      expect(lost?.size).to.equal(3)
      expect(toHex(lost?.root as Uint8Array)).to.not.equal(toHex(won?.root as Uint8Array))

      all.hub.healAll()
      await all.time.until(() => finals('meter-5').length === 1 && finals('meter-1').length === 1, 300_000, 'one finality')
      expect(finals('meter-5')).to.deep.equal([`3 ${toHex(won?.root as Uint8Array)}`])
      for (const { name, store } of honest()) {
        expect(store.quarantined(keyOf('meter-5')), name).to.equal(true)
        expect(toHex((await store.rootAt(keyOf('meter-5'), 3)) as Uint8Array), name).to.equal(toHex(won?.root as Uint8Array))
      }
      // Everybody else goes on.
      await take('meter-2')
      await all.time.until(() => finals('meter-2').length === 1 && finals('meter-2')[0] !== 'nothing', 120_000, 'others go on')
    })
  }

  it('neither story becomes final where neither had a quorum, and the rest of the neighbourhood goes on', async () => {
    all = await Neighbourhood.create({ meters: 5, witnesses: 4, absent: ['double'], settings: SETTINGS })
    await all.addDouble('double', 'meter-5', SETTINGS)
    await all.start(6)
    all.hub.partition(['registrar', 'meter-1', 'meter-2', 'meter-5'].map(keyOf), ['meter-3', 'meter-4', 'double'].map(keyOf))
    for (let i = 0; i < 2; i++) await take('meter-5', 'double', 'meter-1')
    all.hub.healAll()
    await all.time.until(() => all.nodes.every(({ store }) => store.quarantined(keyOf('meter-5'))), 120_000, 'quarantined')
    await take('meter-2')
    await all.time.until(() => finals('meter-2')[0] !== 'nothing' && finals('meter-2').length === 1, 120_000, 'others go on')
    await all.time.until(() => finals('meter-1').length === 1, 120_000, 'what was sealed apart')
    expect(finals('meter-5')).to.deep.equal(['nothing'])
  })

  it('A7: whoever holds a losing story of the registrar comes to the final one, and blames nobody', async () => {
    all = await Neighbourhood.create({ meters: 5, witnesses: 4, absent: ['double'], settings: SETTINGS })
    await all.addDouble('double', 'registrar', SETTINGS)
    await all.start(6)
    const faults: string[] = []
    for (const { name, node } of honest()) node.on('fault', ({ fault }) => faults.push(`${name}: ${fault}`))
    all.hub.partition(['registrar', 'meter-1', 'meter-2', 'meter-3'].map(keyOf), ['meter-4', 'meter-5', 'double'].map(keyOf))
    // Members of one index, and of other keys.
    for (const [name, newcomer] of [
      ['registrar', 'one'],
      ['double', 'other'],
    ] as const) {
      const admit = {
        type: 'admit',
        key: keyOf(newcomer),
        roles: parseRoles('meter'),
        labelHash: labelHash(toUtf8(newcomer)),
      } as const
      await all.time.wait(all.get(name).node.changeMembership([admit]))
    }
    for (let i = 0; i < 2; i++) await take('meter-1', 'meter-5')
    await all.time.advance(30_000)
    expect(all.get('meter-1').store.witness.final(keyOf('registrar'))?.size).to.equal(1)

    all.hub.healAll()
    await all.time.until(() => finals('registrar').length === 1 && finals('meter-1').length === 1, 300_000, 'one finality')
    expect(finals('meter-1')[0]).to.match(/^2 /)
    await all.time.until(() => finals('meter-5').length === 1 && finals('meter-5')[0] !== 'nothing', 300_000, 'the others too')
    expect(faults).to.deep.equal([])
  })

  it('is quarantined by all of sixteen nodes within five seconds, and its evidence checks', async () => {
    all = await Neighbourhood.create({ meters: 14, witnesses: 7, absent: ['double'], settings: SETTINGS })
    await all.addDouble('double', 'meter-14', SETTINGS)
    await all.start(6)
    await take('meter-1')
    await all.time.advance(20_000)
    await all.take('meter-14')
    await all.take('double')
    const isSealed = (name: string): boolean => (all.get(name).store.head(keyOf('meter-14'))?.size ?? 0) > 0
    await all.time.until(() => isSealed('meter-14') && isSealed('double'), 60_000, 'both stories are told')
    await all.time.until(() => all.nodes.every(({ store }) => store.quarantined(keyOf('meter-14'))), 5_000, 'quarantined')
    for (const { name, store } of all.nodes) {
      const bytes = (await store.evidence.get(keyOf('meter-14'))) as Uint8Array
      expect(verifyEvidence(verifySignature, all.genesis.networkId, decodeEvidence(bytes)), name).to.equal(true)
    }
  })
})
