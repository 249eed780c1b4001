import { type Bytes, encodeEvents, type NewBlock, type Signer } from '../../../protocol/index.ts'
import { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import { type Neighbourhood, signerOf } from './neighbourhood.ts'

/** A chain made outside any node, at the neighbourhood's own time: what a test's member has sealed, honestly or not. */
export class TestAuthor extends ChainAuthor {
  readonly #all: Neighbourhood

  constructor(all: Neighbourhood, signer: Signer, isRegistrar = false) {
    super(signer, all.genesis.networkId, isRegistrar)
    this.#all = all
  }

  /** Content of some kilobytes. */
  static bulk(seed: number): Bytes {
    return encodeEvents(Array.from({ length: 8 }, (_, i) => ({ time: seed * 100 + i, code: 5, detail: 'x'.repeat(200) })))
  }

  static of(all: Neighbourhood, name: string): TestAuthor {
    return new TestAuthor(all, signerOf(name))
  }

  override append(fields: Partial<NewBlock> = {}): this {
    return super.append({ sealedAt: this.#all.time.clock.now(), ...fields })
  }

  override fork(size: number): TestAuthor {
    const other = new TestAuthor(this.#all, this.signer)
    for (const block of this.blocks.slice(0, size)) other.add(block)
    return other
  }

  /** Another story from here on: blocks that differ from what `append` makes. */
  diverge(count: number): this {
    for (let i = 0; i < count; i++) this.append({ salt: new Uint8Array(16).fill(0xee) })
    return this
  }
}
