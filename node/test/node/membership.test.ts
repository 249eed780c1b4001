import { expect } from 'chai'
import { EMPTY_CHAIN, encodeLabelRecord, parseRoles, toHex, ZERO_HASH } from '../../../protocol/index.ts'
import type { NodeEvents } from '../../events.ts'
import { MAX_STRANGERS } from '../../membership/index.ts'
import { LiarPeer, leavesOf, serving } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf, testReading } from '../harness/neighbourhood.ts'
import { TestAuthor } from '../harness/test-author.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey
const METER = parseRoles('meter')

describe('membership', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  const labelOf = (name: string): Uint8Array => encodeLabelRecord(new Uint8Array(16).fill(name.length), `label of ${name}`)

  async function admit(name: string): Promise<void> {
    await all.time.wait(all.get('registrar').node.admitKey(keyOf(name), METER, labelOf(name)))
  }

  async function revoke(name: string, endSize: number, at = 'registrar'): Promise<void> {
    const endRoot = (await all.get(at).store.rootAt(keyOf(name), endSize)) ?? EMPTY_CHAIN.root
    await all.time.wait(all.get('registrar').node.changeMembership([{ type: 'revoke', key: keyOf(name), endSize, endRoot }]))
  }

  it('the blocks of an admitted member are accepted everywhere, and its own node starts to seal', async () => {
    all = await Neighbourhood.create({ meters: 3, settings: { gossip: 'on' } })
    await all.start(2)
    const late = await all.add('late', { gossip: 'on' })
    const seen: NodeEvents['membership'][] = []
    all.get('meter-2').node.on('membership', (event) => seen.push(event))
    await all.time.wait(late.node.start())
    expect(late.node.isMember).to.equal(false)
    await all.take('late')
    await admit('late')
    await all.time.advance(1_000)
    expect(seen).to.deep.equal([{ size: 1, members: 5 }])
    await all.link(4, 0)
    await all.link(4, 2)
    await all.untilAgreed(2, 30_000)
    expect(all.frontier('meter-3')).to.deep.equal([1, 0, 0, 0, 1])
    // A restart reads it from the registrar's chain, labels included.
    await all.restart('meter-3')
    expect(all.get('meter-3').node.membership.at(4)?.label).to.equal('label of late')
  })

  it('blocks of strangers are ignored, and who relays them is not charged', async () => {
    all = await Neighbourhood.create({ meters: 1, absent: ['relay'], settings: { gossip: 'on' } })
    await all.start(2)
    const faults: NodeEvents['fault'][] = []
    all.get('meter-1').node.on('fault', (event) => faults.push(event))
    const relay = await LiarPeer.start(all, 'relay')
    await relay.dial('meter-1')
    const author = TestAuthor.of(all, 'stranger').grow(2)
    await relay.gossip('blocks', author.run(0, 1))
    expect([...all.get('meter-1').store.chains()]).to.have.length(0)
    expect(faults).to.deep.equal([])
  })

  describe('revoked', () => {
    it('what a member wrote stays, what it writes is refused, and all agree, whatever they hold beyond its end', async () => {
      all = await Neighbourhood.create({ meters: 3, settings: { gossip: 'off' } })
      await all.start(4)
      for (let i = 0; i < 4; i++) {
        await all.take('meter-1')
        await all.time.advance(60_000)
      }
      // Two more, which only meter-2 has, and a third that nobody has.
      all.hub.partition(['meter-1', 'meter-2'].map(keyOf), ['registrar', 'meter-3'].map(keyOf))
      for (let i = 0; i < 2; i++) {
        await all.take('meter-1')
        await all.time.advance(60_000)
      }
      all.hub.partition([keyOf('meter-1')], [keyOf('meter-2')], ['registrar', 'meter-3'].map(keyOf))
      await all.take('meter-1')
      await all.time.advance(60_000)
      await revoke('meter-1', 4)
      all.hub.healAll()
      const others = ['registrar', 'meter-2', 'meter-3']
      await all.time.until(() => others.every((name) => all.get(name).node.membership.size === 1), 240_000)
      expect(others.map((name) => all.get(name).store.head(keyOf('meter-1'))?.size)).to.deep.equal([4, 6, 4])
      await all.time.advance(40_000)
      for (const name of others) {
        expect(all.frontier(name)).to.deep.equal([1, 4, 0, 0])
        expect(all.headsRoot(name)).to.equal(all.headsRoot('registrar'))
        for (const session of all.get(name).node.sync.sessions) expect(session.agreement).to.equal('equal')
      }
      for (const { name, store } of all.nodes) expect(store.evidence.size, name).to.equal(0)
    })

    it('a member learns of it itself, seals no more, and is let in nowhere', async () => {
      all = await Neighbourhood.create({ meters: 2, settings: { gossip: 'off' } })
      await all.start(2)
      await all.take('meter-1')
      await all.time.advance(60_000)
      await revoke('meter-1', 1)
      await all.take('meter-1')
      await all.time.advance(60_000)
      expect(all.get('meter-1').node.heldBack()).to.contain('REVOKED')
      expect(all.get('meter-1').store.head(keyOf('meter-1'))?.size).to.equal(1)
      expect(all.get('meter-1').node.network.links()).to.deep.equal([])
      expect(await all.link(1, 2).catch((error: { code: string }) => error.code)).to.equal('DIAL_FAILED')
      expect(await all.link(2, 1).catch((error: { code: string }) => error.code)).to.equal('NOT_ADMITTED')
    })

    it('a member that was away learns that its neighbours refuse it, and is told so once each', async () => {
      all = await Neighbourhood.create({ meters: 2, settings: { gossip: 'off' } })
      await all.start(2)
      await all.take('meter-1')
      await all.time.advance(60_000)
      const { node } = all.get('meter-1')
      const refused: string[] = []
      node.on('refused', ({ peer }) => refused.push(peer))
      all.hub.partition([keyOf('meter-1')], ['registrar', 'meter-2'].map(keyOf))
      await all.time.advance(60_000)
      expect(node.refusedBy(), 'who cannot be reached refuses nobody').to.deep.equal([])
      await revoke('meter-1', 1)
      await all.time.advance(60_000)
      all.hub.healAll()
      await all.time.advance(3_600_000)
      const others = ['registrar', 'meter-2'].map((name) => toHex(keyOf(name))).toSorted()
      expect(node.membership.member(keyOf('meter-1'))?.revoked).to.equal(undefined)
      expect([...node.refusedBy()].toSorted()).to.deep.equal(others)
      expect(refused.toSorted()).to.deep.equal(others)
    })

    it('one that holds less than the end is brought up to it, by who has it', async () => {
      all = await Neighbourhood.create({ meters: 2, absent: ['author', 'source'], settings: { gossip: 'off' } })
      await all.start(2)
      all.hub.partition([keyOf('meter-2')], ['registrar', 'meter-1', 'source'].map(keyOf))
      await all.time.advance(30_000)
      const source = await LiarPeer.start(all, 'source')
      const chains = new Map([[3, TestAuthor.of(all, 'author').grow(10)]])
      source.greeting = source.honestly(leavesOf(all, chains))
      source.onFrame = serving(all, chains)
      await source.dial('meter-1')
      await all.time.advance(1_000)
      await revoke('author', 7)
      await all.time.wait(source.network.stop())
      all.hub.healAll()
      await all.time.until(() => all.agreed && all.frontier('meter-2')[3] === 7, 180_000)
      expect(all.frontier('registrar')).to.deep.equal([1, 0, 0, 7, 0])
    })

    it('who holds another history up to that end does not pass for one who agrees', async () => {
      all = await Neighbourhood.create({ meters: 1, absent: ['author', 'x', 'y'], settings: { gossip: 'off' } })
      all.hub.loseGossip(1)
      await all.time.wait(all.get('registrar').node.start())
      await all.time.wait(all.get('meter-1').node.start())
      const author = TestAuthor.of(all, 'author').grow(3)
      const stories = [
        ['x', 'registrar', author.fork(1).grow(4)],
        ['y', 'meter-1', author.fork(1).diverge(6)],
      ] as const
      for (const [name, at, story] of stories) {
        const source = await LiarPeer.start(all, name)
        source.greeting = source.honestly(leavesOf(all, new Map([[2, story]])))
        source.onFrame = serving(all, new Map([[2, story]]))
        await source.dial(at)
        await all.time.advance(1_000)
        await all.time.wait(source.network.stop())
      }
      await revoke('author', 4)
      await all.link(0, 1)
      const both = ['registrar', 'meter-1']
      await all.time.until(() => both.every((name) => all.get(name).store.quarantined(keyOf('author'))), 31_000)
    })
  })

  describe('at the gate', () => {
    const codeOf = (error: { code: string }): string => error.code

    it('a stranger is refused where observers are listed', async () => {
      all = await Neighbourhood.create({ meters: 1 })
      await all.start(2)
      const stranger = await LiarPeer.start(all, 'stranger')
      expect(await stranger.dial('meter-1').catch(codeOf)).to.equal('DIAL_FAILED')
      // The registrar answers requests to join, and nothing else.
      await stranger.dial('registrar').catch(codeOf)
      await all.time.advance(5_000)
      expect(stranger.channel).to.equal(undefined)
      expect(all.get('registrar').node.network.links()).to.have.length(1)
    })

    it('a listed observer is let in, follows everything, and writes nothing', async () => {
      all = await Neighbourhood.create({ meters: 1 })
      await all.start(2)
      await all.time.wait(all.get('registrar').node.admitKey(keyOf('observer'), parseRoles('observer'), labelOf('observer')))
      const observer = await all.add('observer')
      await all.time.wait(observer.node.start())
      await all.time.advance(1_000)
      await all.link(2, 1)
      await all.take('meter-1')
      await all.take('observer')
      await all.untilAgreed(2, 40_000)
      expect(observer.node.heldBack()).to.contain('ROLE_MISSING')
    })

    it('open observers are let in, up to a bound, and read without being told what members are called', async () => {
      all = await Neighbourhood.create({ meters: 1, genesis: { observers: 'open' } })
      await all.start(2)
      await admit('late')
      await all.time.advance(40_000)
      const strangers: LiarPeer[] = []
      for (let i = 0; i <= MAX_STRANGERS; i++) {
        const stranger = await LiarPeer.start(all, `stranger ${i}`)
        // It shows that it knows every member, as who is to be told their labels does.
        stranger.greeting = stranger.holdings([1, 0, 0])
        const outcome = await stranger.dial('meter-1').catch(codeOf)
        expect(outcome).to.equal(i < MAX_STRANGERS ? undefined : 'DIAL_FAILED')
        strangers.push(stranger)
      }
      await all.link(0, 1)
      await all.take('meter-1')
      await all.untilAgreed(2, 40_000)
      await all.time.advance(1_000)
      const [first] = strangers
      expect(first?.received.some(({ type }) => type === 'announce')).to.equal(true)
      expect(first?.received.some(({ type }) => type === 'labels')).to.equal(false)
    })

    it('a neighbour that was hung up on for what it did is not let in again until its time is over', async () => {
      all = await Neighbourhood.create({ meters: 1, absent: ['liar'] })
      await all.start(2)
      const liar = await LiarPeer.start(all, 'liar')
      await liar.dial('meter-1')
      liar.sendBytes(new Uint8Array(0))
      await all.time.advance(100)
      expect(await liar.dial('meter-1').catch(codeOf)).to.equal('DIAL_FAILED')
      await all.time.advance(600_000)
      expect(await liar.dial('meter-1').catch(codeOf)).to.equal(undefined)
    })
  })

  describe('labels', () => {
    it('reach every member, those that were there before and those that come later', async () => {
      all = await Neighbourhood.create({ meters: 3, settings: { gossip: 'off' } })
      await all.start(2)
      await all.time.wait(all.get('meter-3').node.stop())
      await admit('late')
      await all.time.advance(65_000)
      const known = (name: string): string | undefined => all.get(name).node.membership.member(keyOf('late'))?.label
      expect(['registrar', 'meter-1', 'meter-2'].map(known)).to.deep.equal(Array(3).fill('label of late'))
      await all.restart('meter-3')
      await all.link(3, 2)
      await all.time.advance(65_000)
      expect(known('meter-3')).to.equal('label of late')
    })

    it('that are not the ones whose hash the registrar wrote down are not taken', async () => {
      all = await Neighbourhood.create({ meters: 1, absent: ['liar'], settings: { gossip: 'off' } })
      await all.start(2)
      const { node } = all.get('registrar')
      await all.time.wait(node.changeMembership([{ type: 'admit', key: keyOf('late'), roles: METER, labelHash: ZERO_HASH }]))
      await all.time.advance(1_000)
      const liar = await LiarPeer.start(all, 'liar')
      await liar.dial('meter-1')
      const labels = ['late', 'meter-1', 'nobody'].map((name) => ({ key: keyOf(name), record: labelOf(name) }))
      liar.send({ type: 'labels', labels })
      await all.time.advance(1_000)
      expect(all.get('meter-1').node.membership.members.map(({ label }) => label)).to.deep.equal([
        'registrar',
        'meter-1',
        'liar',
        undefined,
      ])
      expect(liar.isLinked).to.equal(true)
    })

    it('cost the same frame to a neighbour once', async () => {
      all = await Neighbourhood.create({ meters: 1, absent: ['ear'], settings: { gossip: 'off' } })
      await all.start(2)
      await admit('late')
      await all.time.advance(40_000)
      const ear = await LiarPeer.start(all, 'ear')
      ear.greeting = ear.holdings([1, 0, 0, 0])
      await ear.dial('meter-1')
      for (let i = 0; i < 3; i++) {
        ear.status(ear.holdings([1, 0, 0, 0]))
        await all.time.advance(10_000)
      }
      expect(ear.received.filter(({ type }) => type === 'labels')).to.have.length(1)
    })
  })

  describe('addresses', () => {
    it('of members are passed on; a peer’s own word is not replaced by hearsay, and strangers’ are let go by', async () => {
      all = await Neighbourhood.create({ meters: 2, absent: ['x', 'y'], settings: { gossip: 'off' } })
      await all.start(2)
      const [x, y] = [await LiarPeer.start(all, 'x'), await LiarPeer.start(all, 'y')]
      const memory = (name: string): string => `/memory/${toHex(keyOf(name))}`
      await x.dial('meter-1')
      x.send({ type: 'peers', peers: [{ key: keyOf('x'), addresses: [memory('x')] }] })
      x.send({
        type: 'peers',
        peers: [
          { key: keyOf('meter-2'), addresses: [memory('x')] },
          { key: keyOf('stranger'), addresses: [memory('stranger')] },
          { key: keyOf('y'), addresses: ['/not/an/address'] },
        ],
      })
      await all.time.advance(100)
      await y.dial('meter-1')
      await all.time.advance(100)
      const told = y.received.flatMap((frame) => (frame.type === 'peers' ? frame.peers : []))
      const named = new Map(told.map(({ key, addresses }) => [toHex(key), addresses]))
      expect(named.get(toHex(keyOf('x')))).to.deep.equal([memory('x')])
      expect(named.get(toHex(keyOf('meter-2')))).to.deep.equal([memory('meter-2')])
      expect(named.has(toHex(keyOf('stranger')))).to.equal(false)
    })

    it('S30: nor attestations are told to who says that it knows the same', async () => {
      all = await Neighbourhood.create({ meters: 2, absent: ['x', 'y'], settings: { gossip: 'off' } })
      await all.start(2)
      const told = (liar: LiarPeer): string[] => liar.received.map(({ type }) => type).filter((type) => type !== 'status')
      const [x, y] = [await LiarPeer.start(all, 'x'), await LiarPeer.start(all, 'y')]
      await x.dial('meter-1')
      expect(told(x)).to.include.members(['hello', 'peers', 'attestations'])
      y.greeting = undefined
      await y.dial('meter-1')
      const [hello] = y.received
      if (hello?.type !== 'hello') return expect.fail('a hello comes first')
      y.known = hello.known
      y.hello(y.holdings([]))
      await all.time.advance(100)
      expect(y.received.filter(({ type }) => type === 'peers')).to.deep.equal([])
      const attestations = y.received.filter((frame) => frame.type === 'attestations')
      expect(attestations.map((frame) => frame.attestations)).to.deep.equal([[]])
    })
  })
})

describe('a registrar that meters too', () => {
  it('does not make neighbours cross-check with every block of readings', async () => {
    const all = await Neighbourhood.create({ meters: 2, settings: { gossip: 'on', rowsAtOnce: 1, maxRows: 1 } })
    const faults: string[] = []
    for (const { node } of all.nodes) node.on('fault', ({ detail }) => faults.push(detail))
    await all.start()
    for (let block = 0; block < 300; block++) {
      const reading = testReading(all.time.clock.now() + block * 60_000, block)
      await all.time.wait(all.get('registrar').node.take([{ source: 'test', reading }]))
      await all.time.advance(50)
    }
    await all.untilAgreed(300)
    await all.stop()
    expect(faults).to.deep.equal([])
  })
})
