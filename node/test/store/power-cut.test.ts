import { expect } from 'chai'
import fc from 'fast-check'
import { type Acceptance, auditStore, type FinalLeaf, type Kv, LedgerStore } from '../../store/index.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { PowerCutKv } from './power-cut-kv.ts'
import { refusalCode } from './temporary-directories.ts'

const RUNS = 80
const STEPS = 14
const MEMBERS = [1, 2, 3]

const open = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

/** A chain as it is at the moment: what was acknowledged of it, and what was promised about it. */
class Chain {
  readonly number: number
  contents: Uint8Array[] = []
  signed: { size: number; root: Uint8Array; left: boolean } | undefined
  final: FinalLeaf | undefined
  #salt = 0

  constructor(number: number) {
    this.number = number
  }

  get size(): number {
    return this.contents.length
  }

  maker(size = this.size): ChainMaker {
    const maker = new ChainMaker(this.number)
    if (size > 0) maker.holding(this.contents.slice(0, size))
    return maker
  }

  root(size: number): Uint8Array {
    return this.maker(size).state.root
  }

  /** New contents, unlike those of any branch before. */
  fresh(count: number): Uint8Array[] {
    const salt = ++this.#salt
    return Array.from({ length: count }, (_, i) => Uint8Array.of(this.number, salt >> 8, salt, i))
  }

  /** What is missing above `held`, as one run. */
  rest(held: number): Acceptance {
    return this.maker(held).holding(this.contents.slice(held))
  }
}

type Choose = (below: number) => number

async function act(store: LedgerStore, chain: Chain, choose: Choose, sequence: number): Promise<void> {
  const { witness } = store
  const kind = choose(6)
  const final = chain.final?.size ?? 0
  const { member } = new ChainMaker(chain.number)
  if (kind === 0 && chain.size > 0 && chain.signed?.left !== true) {
    const size = Math.max(chain.signed?.size ?? 1, 1 + choose(chain.size))
    // Between a replacement by a shorter branch and its rest, what was signed is not held.
    if (size > chain.size) return
    const leaf = { member, size, root: chain.root(size) }
    const record = { epoch: 0, sequence, closing: false, attestation: Uint8Array.of(sequence) }
    await witness.sign({ leaves: [leaf], record })
    chain.signed = { size, root: leaf.root, left: false }
  } else if (kind === 1 && chain.size > final) {
    const size = final + 1 + choose(chain.size - final)
    const leaf = { member, size, root: chain.root(size), epoch: 0 }
    await witness.setFinal([leaf])
    chain.final = leaf
  } else if (kind === 2 && chain.size > final) {
    const from = final + choose(chain.size - final)
    const kept = chain.contents.slice(0, from)
    const other = chain.fresh(1 + choose(120))
    const run = chain.maker(from).holding(other)
    await store.replaceTail(member, from, run)
    if (chain.signed !== undefined && chain.signed.size > from) chain.signed = { ...chain.signed, left: true }
    chain.contents = [...kept, ...other]
  } else {
    const contents = chain.fresh(1 + choose(90))
    await store.accept([chain.maker().holding(contents)])
    chain.contents.push(...contents)
  }
}

async function expectKept(store: LedgerStore, chain: Chain): Promise<void> {
  const { witness } = store
  const { member } = new ChainMaker(chain.number)
  const held = store.head(member)
  const size = held?.size ?? 0
  expect(size).to.be.at.most(chain.size)
  if (held !== undefined) expect(held.root).to.deep.equal(chain.root(size))
  const leaf = witness.signedLeaf(member)
  expect(leaf).to.deep.equal(chain.signed === undefined ? undefined : { member, ...chain.signed })
  expect(witness.final(member)).to.deep.equal(chain.final)
  const owing = [leaf?.left === true ? undefined : leaf, chain.final].filter((each) => (each?.size ?? 0) > size)
  const most = Math.max(0, ...owing.map((each) => each?.size ?? 0))
  expect(witness.owed(member)?.size ?? 0).to.equal(most)
  if (most > 0) {
    // Another branch that reaches what is owed is refused, the right one is taken.
    const stray = chain.maker(size).holding(chain.fresh(chain.size - size))
    expect(await refusalCode(store.accept([stray]))).to.match(/^(?:SIGNED_LEAF|FINAL)_CONFLICT$/)
  }
  if (size < chain.size) await store.accept([chain.rest(size)])
  expect(store.head(member)?.root ?? chain.root(0)).to.deep.equal(chain.root(chain.size))
  expect(witness.owed(member)).to.equal(undefined)
}

describe('power cut', () => {
  it(`${RUNS} times: what was signed or became final is known, and only blocks that lead there are taken back`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat({ max: 0xffff })), async (numbers) => {
        const choose: Choose = (below) => (numbers.next().value as number) % below
        const disk = await PowerCutKv.open(choose)
        const store = await open(disk)
        disk.settle()
        const chains = MEMBERS.map((number) => new Chain(number))
        for (let step = 1; step <= STEPS; step++) await act(store, chains[choose(3)] as Chain, choose, step)
        const kv = await disk.cut()
        const again = await open(kv)
        const aside = again.damage.filter(({ kind }) => kind !== undefined)
        expect(aside).to.deep.equal([])
        expect(again.witness.halted).to.equal(undefined)
        for (const chain of chains) await expectKept(again, chain)
        const { chains: audited, damage } = await auditStore({ kv, verifySigned: verifyFake })
        expect(audited.filter(({ fault }) => fault !== undefined)).to.deep.equal([])
        expect(damage).to.deep.equal([])
      }),
      { numRuns: RUNS, seed: 11 },
    )
  }).timeout(120_000)
})
