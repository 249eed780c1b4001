import { expect } from 'chai'
import { type Bytes, type Frame, toHex } from '../../../protocol/index.ts'
import type { Roster } from '../../membership/index.ts'
import type { Network } from '../../net/index.ts'
import { PeerBook } from '../../peer-book.ts'
import type { Session } from '../../sync/index.ts'
import { fakeSession } from '../sync/fake-session.ts'

const keyOf = (byte: number): Bytes => new Uint8Array(32).fill(byte)
const addressOf = (byte: number, port = 1): string => `/at/${byte}/${port}`

/** The node is 1, the members are 1 to 9; an address names the key in its second part. */
class Stand {
  own = [addressOf(1)]
  readonly heard: string[] = []
  readonly book: PeerBook
  readonly #member = (key: Bytes) => ((key[0] as number) < 10 ? { index: key[0], key, keyHex: toHex(key) } : undefined)

  constructor() {
    const network = { self: keyOf(1), addresses: () => this.own, keyOf: (text: string) => keyOf(Number(text.split('/')[2])) }
    this.book = new PeerBook({
      network: network as unknown as Network,
      roster: { membership: { member: this.#member, members: [] } } as unknown as Roster,
      onAddress: (address) => void this.heard.push(address),
      onLabels: () => undefined,
      onDamage: (error) => expect.fail(error.message),
    })
  }

  hear(from: Session, byte: number, ...addresses: string[]): void {
    this.book.onFrame(from, { type: 'peers', peers: [{ key: keyOf(byte), addresses }] })
  }
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
