import type { FrameSignature } from '../collect/index.ts'
import type { FrameLine, FrameState } from '../control/index.ts'

const STATES: Readonly<Record<FrameState, string>> = {
  matches: 'matches',
  waits: 'waits for a block',
  differs: 'DIFFERS: the block holds other frames',
  pruned: 'not provable: what the block said is pruned',
  'no-block': 'not provable: ITS BLOCK IS DAMAGED OR NOT HELD',
  damaged: 'DAMAGED in the store',
  unknown: 'not provable: its block is not known',
}

/** A line for people. */
export function formatFrameLine({ time, source, format, bytes, sha256, block, state, signature }: FrameLine): string {
  const what = [time, format ?? 'unknown format']
  if (bytes !== null && sha256 !== null) what.push(`${bytes} bytes`, `sha256 ${sha256.slice(0, 16)}`)
  if (block !== null) what.push(`block ${block.height}${block.final ? ' final' : ''}`)
  what.push(STATES[state])
  if (signature?.state === 'valid') what.push('signature valid')
  if (signature?.state === 'no-key') what.push('signature not checked: no key')
  if (signature?.state === 'wrong') what.push(`SIGNATURE WRONG: ${signature.words}`)
  if (source !== null) what.push(source)
  return what.join('  ')
}

/** How many came to what. */
export class FrameCounts {
  total = 0
  readonly #states = new Map<FrameState, number>()
  readonly #signatures = new Map<FrameSignature['state'], number>()

  add({ state, signature }: FrameLine): void {
    this.total++
    this.#states.set(state, (this.#states.get(state) ?? 0) + 1)
    if (signature !== null) this.#signatures.set(signature.state, (this.#signatures.get(signature.state) ?? 0) + 1)
  }

  get wrong(): boolean {
    return (['differs', 'damaged', 'no-block'] as const).some((state) => this.#states.has(state)) || this.#signatures.has('wrong')
  }

  get report(): object {
    return { frames: this.total, states: Object.fromEntries(this.#states), signatures: Object.fromEntries(this.#signatures) }
  }

  get text(): string {
    const states = Array.from(this.#states, ([state, count]) => `${count} ${count === 1 ? ONE[state] : MANY[state]}`)
    const signed = Array.from(
      this.#signatures,
      ([state, count]) => `${count} signature${count === 1 ? '' : 's'} ${SIGNED[state]}`,
    )
    return `${this.total} frame${this.total === 1 ? '' : 's'}: ${[...states, ...signed].join(', ')}`
  }
}

const MANY: Readonly<Record<FrameState, string>> = {
  matches: 'in their blocks as they are',
  waits: 'waiting for a block',
  differs: 'NOT IN THE BLOCKS THAT SHOULD HOLD THEM',
  pruned: 'not provable: their blocks are pruned',
  'no-block': 'not provable: THEIR BLOCKS ARE DAMAGED OR NOT HELD',
  damaged: 'DAMAGED',
  unknown: 'not provable: their blocks are not known',
}

const ONE: Readonly<Record<FrameState, string>> = {
  ...MANY,
  matches: 'in its block as it is',
  differs: 'NOT IN THE BLOCK THAT SHOULD HOLD IT',
  pruned: 'not provable: its block is pruned',
  'no-block': 'not provable: ITS BLOCK IS DAMAGED OR NOT HELD',
  unknown: 'not provable: its block is not known',
}

const SIGNED: Readonly<Record<FrameSignature['state'], string>> = {
  valid: 'valid',
  wrong: 'WRONG',
  'no-key': 'not checked for want of a key',
}
