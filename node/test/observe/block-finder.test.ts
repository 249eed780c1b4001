import { expect } from 'chai'
import { type Member, sha256, toHex, toUtf8 } from '../../../protocol/index.ts'
import { BlockFinder, type FinderStore } from '../../observe/block-finder.ts'
import { refusalCode } from '../store/temporary-directories.ts'

/** Chains of hashes that nobody made blocks for. */
class Hashes {
  readonly chains: Uint8Array[][]
  readonly members: Member[]
  tiles = 0

  constructor(sizes: readonly number[]) {
    this.chains = sizes.map((size, index) => Array.from({ length: size }, (_, height) => hashOf(`${index} ${height}`)))
    this.members = sizes.map((_, index) => ({ index, key: Uint8Array.of(index) }) as unknown as Member)
  }

  get store(): FinderStore {
    const chainOf = (key: Uint8Array): Uint8Array[] => this.chains[key[0] as number] as Uint8Array[]
    return {
      head: (key: Uint8Array) => ({ size: chainOf(key).length }),
      tile: (key: Uint8Array, level: number, index: number) => {
        expect(level).to.equal(0)
        this.tiles++
        return Promise.resolve(new Uint8Array(Buffer.concat(chainOf(key).slice(index * 256, index * 256 + 256))))
      },
      readHeld: (key: Uint8Array, from: number) => Promise.resolve([{ hash: chainOf(key)[from], header: { height: from } }]),
    } as unknown as FinderStore
  }
}

const hashOf = (text: string): Uint8Array => sha256(toUtf8(text))

describe('finding a block by its hash', () => {
  const found = async (finder: BlockFinder, hashes: Hashes, digits: string): Promise<string> => {
    const { member, block } = await finder.find(hashes.members, digits)
    return `${member.index} ${block.header.height}`
  }

  it('by all of it or by its first digits, in whichever chain', async () => {
    const hashes = new Hashes([0, 300, 1_000])
    const finder = new BlockFinder(hashes.store, 1_000_000)
    for (const text of ['1 0', '1 255', '1 256', '1 299', '2 0', '2 777', '2 999']) {
      const hex = toHex(hashOf(text))
      expect(await found(finder, hashes, hex), text).to.equal(text)
      expect(await found(finder, hashes, hex.slice(0, 8)), text).to.equal(text)
    }
    expect(finder.kept).to.equal(1_300)
  })

  it('reads each tile once, and what has come since', async () => {
    const hashes = new Hashes([1_000])
    const finder = new BlockFinder(hashes.store, 1_000_000)
    await found(finder, hashes, toHex(hashOf('0 1')))
    expect(hashes.tiles).to.equal(4)
    hashes.tiles = 0
    hashes.chains[0]?.push(hashOf('0 1000'))
    // The last one known is looked at, then what follows.
    expect(await found(finder, hashes, toHex(hashOf('0 1000')))).to.equal('0 1000')
    expect(hashes.tiles).to.equal(2)
  })

  it('a chain that goes on along another branch is read again', async () => {
    const hashes = new Hashes([500])
    const finder = new BlockFinder(hashes.store, 1_000_000)
    await found(finder, hashes, toHex(hashOf('0 450')))
    const chain = hashes.chains[0] as Uint8Array[]
    chain.splice(400, 100, ...Array.from({ length: 120 }, (_, at) => hashOf(`other ${at}`)))
    expect(await found(finder, hashes, toHex(hashOf('other 100')))).to.equal('0 500')
    expect(await refusalCode(finder.find(hashes.members, toHex(hashOf('0 450'))))).to.equal('BLOCK_UNKNOWN')
    chain.splice(100)
    expect(await refusalCode(finder.find(hashes.members, toHex(hashOf('other 100'))))).to.equal('BLOCK_UNKNOWN')
    expect(finder.kept).to.equal(100)
  })

  it('keeps no more than it may: chains beyond are looked through on the disk', async () => {
    const hashes = new Hashes([600, 600])
    const finder = new BlockFinder(hashes.store, 700)
    for (const text of ['0 599', '1 50', '1 99', '1 100', '1 599']) {
      expect(await found(finder, hashes, toHex(hashOf(text))), text).to.equal(text)
    }
    expect(finder.kept).to.equal(700)
    expect(await refusalCode(finder.find(hashes.members, '00000000'))).to.equal('BLOCK_UNKNOWN')
  })

  it('BLOCK_AMBIGUOUS: several begin with these digits', async () => {
    const hashes = new Hashes([10, 10])
    const twin = hashOf('0 3').slice()
    twin[31] = (twin[31] as number) ^ 1
    hashes.chains[1]?.push(twin)
    const finder = new BlockFinder(hashes.store, 1_000)
    expect(await refusalCode(finder.find(hashes.members, toHex(twin).slice(0, 20)))).to.equal('BLOCK_AMBIGUOUS')
    expect(await found(finder, hashes, toHex(twin))).to.equal('1 10')
  })

  it('one fault is no fault of the next question', async () => {
    const hashes = new Hashes([10])
    let broken = true
    const { store } = hashes
    const tile: FinderStore['tile'] = (...args) => (broken ? Promise.reject(new Error('disk')) : store.tile(...args))
    const finder = new BlockFinder({ ...store, tile }, 1_000)
    expect(await finder.find(hashes.members, '00000000').catch((error: Error) => error.message)).to.equal('disk')
    broken = false
    expect(await found(finder, hashes, toHex(hashOf('0 3')))).to.equal('0 3')
  })
})
