import { setTimeout as wait } from 'node:timers/promises'
import type { Engine } from './engine.ts'

interface Member {
  readonly index: number
  readonly roles: string
  readonly size: number
  readonly final: number
}

const STEP_MS = 500

/** The neighbourhood as its observer's API tells of it. */
export class Neighbourhood {
  readonly #engine: Engine
  readonly #address: string

  constructor(engine: Engine, address: string) {
    this.#engine = engine
    this.#address = address
  }

  async members(): Promise<readonly Member[]> {
    const { members } = (await this.#get('/v1/members')) as { readonly members: readonly Member[] }
    return members
  }

  async meters(): Promise<readonly Member[]> {
    return (await this.members()).filter(({ roles }) => roles.includes('meter'))
  }

  /** What the ledger holds of one register of a member, in order of time: sums in kWh as text. */
  async values(member: string, register: string): Promise<readonly string[]> {
    const query = new URLSearchParams({
      register,
      from: '2025-01-01',
      to: '2025-01-02',
      resolution: 'raw',
      format: 'ndjson',
      tz: 'UTC',
    })
    const answer = await fetch(`${this.#address}/v1/members/${member}/readings?${query}`, { signal: AbortSignal.timeout(5_000) })
    if (!answer.ok) throw new Error(`readings: ${answer.status} ${await answer.text()}`)
    const lines = (await answer.text()).split('\n').filter(Boolean)
    // The last line sums up.
    return lines.flatMap((line) => (JSON.parse(line) as { readonly value?: string }).value ?? [])
  }

  async #get(path: string): Promise<unknown> {
    const answer = await fetch(`${this.#address}${path}`, { signal: AbortSignal.timeout(5_000) })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }

  /** Waits until something holds and returns after how many seconds; throws what was seen last after `limitS`. */
  async until(what: string, limitS: number, holds: () => Promise<boolean>): Promise<number> {
    const beganMs = performance.now()
    for (;;) {
      let why = ''
      const held = await holds().catch((error: Error) => {
        why = `: ${error.message}`
        return false
      })
      const seconds = Math.round((performance.now() - beganMs) / 100) / 10
      if (held) return seconds
      if (seconds > limitS) {
        const seen = await this.members().catch(() => [])
        const lines = seen.map(({ index, roles, size, final }) => `${index} ${roles} ${size}/${final}`)
        throw new Error(`${what}: not after ${limitS} s${why}; members: ${lines.join(', ')}`)
      }
      await wait(STEP_MS)
    }
  }

  /** From here on each of `count` meters' chains grows by a block and becomes final beyond what it was. */
  async goesOn(what: string, limitS: number, count: number): Promise<number> {
    const before = new Map((await this.meters()).map((each) => [each.index, each]))
    return this.until(what, limitS, async () => {
      const grown = (await this.meters()).filter(({ index, size, final }) => {
        const then = before.get(index)
        return size > (then?.size ?? 0) && final >= Math.max(1, then?.size ?? 0)
      })
      return grown.length >= count
    })
  }

  /** Neighbours of the observer, and of how many the heads root has been compared with its own and found equal. */
  async agreement(): Promise<{ readonly equal: number; readonly all: number }> {
    const { peers } = (await this.#get('/v1/peers')) as { readonly peers: readonly { readonly agreement: string }[] }
    return { equal: peers.filter(({ agreement }) => agreement === 'equal').length, all: peers.length }
  }

  /** Runs the command line in a container of the neighbourhood. */
  wattness(container: string, ...words: readonly string[]): Promise<string> {
    return this.#engine.docker('exec', container, 'node', '/app/dist/node/cli/wattness.js', ...words)
  }
}
