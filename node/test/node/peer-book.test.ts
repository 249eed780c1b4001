import { expect } from 'chai'
import { addressesDigest, type Bytes, type Frame, NO_DIGEST, toHex } from '../../../protocol/index.ts'
import type { Roster } from '../../membership/index.ts'
import type { Network } from '../../net/index.ts'
import { PeerBook, TELL_MS } from '../../peer-book.ts'
import type { Session } from '../../sync/index.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { fakeSession } from '../sync/fake-session.ts'

const keyOf = (byte: number): Bytes => new Uint8Array(32).fill(byte)
const addressOf = (byte: number, port = 1): string => `/at/${byte}/${port}`

/** The node is 1, the members are 1 to 9; an address names the key in its second part. */
class Stand {
  own = [addressOf(1)]
  readonly heard: string[] = []
  changes = 0
  readonly time = new VirtualTime()
  readonly sessions: Session[] = []
  readonly book: PeerBook
  readonly #member = (key: Bytes) => ((key[0] as number) < 10 ? { index: key[0], key, keyHex: toHex(key) } : undefined)

  constructor(self = 1) {
    const network = { self: keyOf(self), addresses: () => this.own, keyOf: (text: string) => keyOf(Number(text.split('/')[2])) }
    this.book = new PeerBook({
      network: network as unknown as Network,
      roster: { membership: { member: this.#member, members: [] } } as unknown as Roster,
      timers: this.time.platform(seededRandom(1)).timers,
      sessions: () => this.sessions,
      onAddress: (address) => void this.heard.push(address),
      addressChanges: () => this.changes,
      onLabels: () => undefined,
      onDamage: (error) => expect.fail(error.message),
    })
  }

  hear(from: Session, byte: number, ...addresses: string[]): void {
    this.book.onFrame(from, { type: 'peers', peers: [{ key: keyOf(byte), addresses }] })
  }
}

/** It says that these are the addresses it knows. */
function greet(session: Session, addresses: Bytes): void {
  session.hello = { observer: false, pruned: false, agent: '', known: { addresses, attestations: NO_DIGEST } }
}

function toldTo(session: { readonly sent: Frame[] }): string[] {
  const told = session.sent.flatMap((frame) => (frame.type === 'peers' ? frame.peers : []))
  session.sent.length = 0
  return told.map(({ key, addresses }) => `${toHex(key).slice(0, 2)} ${addresses.join(' ')}`)
}

describe('the peer book', () => {
  it('tells a neighbour all when it comes, then what was learnt or changed since, and nothing twice', () => {
    const stand = new Stand()
    const [a, b] = [fakeSession('a'), fakeSession('b')]
    stand.hear(a, 2, addressOf(2))
    stand.book.tellPeers(b)
    expect(toldTo(b)).to.deep.equal(['01 /at/1/1', '02 /at/2/1'])
    stand.hear(a, 2, addressOf(2))
    stand.book.tellPeers(b)
    expect(toldTo(b)).to.deep.equal([])
    stand.hear(a, 3, addressOf(3))
    stand.hear(a, 2, addressOf(2, 9))
    stand.book.tellPeers(b)
    expect(toldTo(b).sort()).to.deep.equal(['02 /at/2/9', '03 /at/3/1'])
    stand.own = [addressOf(1, 7)]
    stand.book.tellPeers(b)
    expect(toldTo(b)).to.deep.equal(['01 /at/1/7'])
    stand.book.tellPeers(a)
    expect(toldTo(a)).to.have.length(3)
  })

  it('S30: tells who says that it knows the same nothing, but what is new later, and dials all of it', () => {
    const stand = new Stand()
    const [a, b, c] = [fakeSession('a'), fakeSession('b'), fakeSession('c')]
    stand.hear(a, 2, addressOf(2))
    stand.hear(a, 3, addressOf(3), addressOf(3, 2))
    const peers = [2, 3, 1].map((byte) => ({ key: keyOf(byte), addresses: [addressOf(byte)] }))
    peers[1] = { key: keyOf(3), addresses: [addressOf(3), addressOf(3, 2)] }
    expect(stand.book.digest()).to.deep.equal(addressesDigest(peers))
    greet(b, stand.book.digest())
    stand.heard.length = 0
    stand.book.tellPeers(b)
    expect(toldTo(b)).to.deep.equal([])
    expect(stand.heard).to.deep.equal([addressOf(2), addressOf(3), addressOf(3, 2)])
    // Again only where one of them may have been given up since.
    for (const changes of [0, 1, 1]) {
      stand.changes = changes
      const another = fakeSession('d')
      greet(another, stand.book.digest())
      stand.book.tellPeers(another)
    }
    expect(stand.heard).to.have.length(6)
    stand.hear(a, 4, addressOf(4))
    stand.book.tellPeers(b)
    expect(toldTo(b)).to.deep.equal(['04 /at/4/1'])
    // What it said once does not hold for ever.
    for (const port of [9, 1]) {
      stand.hear(a, 4, addressOf(4, port))
      greet(b, stand.book.digest())
      stand.book.tellPeers(b)
      expect(toldTo(b)).to.deep.equal([`04 /at/4/${port}`])
    }
    greet(c, addressesDigest(peers))
    stand.book.tellPeers(c)
    expect(toldTo(c)).to.have.length(4)
    stand.own = [addressOf(1, 7)]
    expect(stand.book.digest()).to.not.deep.equal(addressesDigest([...peers, { key: keyOf(4), addresses: [addressOf(4)] }]))
  })

  it('S30: holds what a neighbour says of itself by a digest for its own word, which hearsay does not replace', () => {
    const stand = new Stand()
    const b = fakeSession('b')
    const itself = Object.assign(fakeSession('itself'), { channel: { ...b.channel, peer: keyOf(2), peerHex: toHex(keyOf(2)) } })
    stand.hear(b, 2, addressOf(2))
    greet(itself, stand.book.digest())
    stand.book.tellPeers(itself)
    const before = stand.book.digest()
    stand.hear(b, 2, addressOf(2, 9))
    expect(stand.book.digest()).to.deep.equal(before)
  })

  it('S30: leaves its own addresses out where it is no member', () => {
    const stand = new Stand(99)
    stand.own = [addressOf(99)]
    expect(stand.book.digest()).to.deep.equal(addressesDigest([]))
  })

  it('tells neighbours what it has learnt a moment later, all of it together, but nobody who has not greeted', async () => {
    const stand = new Stand()
    const [a, b, c] = [fakeSession('a'), fakeSession('b'), fakeSession('c')]
    stand.sessions.push(a, b, c)
    for (const session of [a, b]) greet(session, NO_DIGEST)
    stand.book.tellPeers(a)
    stand.book.tellPeers(b)
    for (const session of [a, b]) toldTo(session)
    stand.hear(a, 2, addressOf(2))
    await stand.time.advance(TELL_MS - 1)
    stand.hear(a, 3, addressOf(3))
    expect([a, b, c].flatMap(toldTo)).to.deep.equal([])
    await stand.time.advance(1)
    expect(b.sent).to.have.length(1)
    expect(toldTo(b)).to.deep.equal(['02 /at/2/1', '03 /at/3/1'])
    expect(toldTo(c)).to.deep.equal([])
    stand.hear(a, 3, addressOf(3))
    expect(stand.time.pending).to.equal(0)
    stand.hear(a, 4, addressOf(4))
    await stand.time.advance(TELL_MS)
    expect(toldTo(b)).to.deep.equal(['04 /at/4/1'])
    stand.hear(a, 4, addressOf(4, 9))
    expect(stand.time.pending, 'a change waits for the cross-check').to.equal(0)
    stand.hear(a, 5, addressOf(5))
    stand.book.stop()
    expect(stand.time.pending).to.equal(0)
  })

  it('keeps nothing about strangers, itself, or an address that names another key', () => {
    const stand = new Stand()
    const a = fakeSession('a')
    stand.hear(a, 77, addressOf(77))
    stand.hear(a, 1, addressOf(1, 5))
    stand.hear(a, 2, addressOf(3))
    stand.book.tellPeers(a)
    expect(toldTo(a)).to.deep.equal(['01 /at/1/1'])
    expect(stand.heard).to.deep.equal([])
  })
})
