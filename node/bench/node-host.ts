import { encodeRun } from '../../protocol/index.ts'
import { type BenchNode, type BenchNodeInit, openBenchNode } from './bench-node.ts'
import { serveHost } from './host-process.ts'
import { FOUR_REGISTERS, readingAt } from './street.ts'

/** A process that holds any number of nodes of a measurement and does with them what its parent says. */

interface Resident extends BenchNode {
  /** Blocks held of all chains. */
  held: number
  /** By member and height, `member/height`: when it was stored, monotonic milliseconds. Filled while `watched`. */
  readonly storedAtMs: Map<string, number>
  watched: boolean
}

const NO_SIGNATURE = new Uint8Array(64)

const residents = new Map<string, Resident>()
/** Those who wait for blocks to come. */
const watchers = new Set<() => void>()

/** Monotonic milliseconds, the same in all processes of one machine. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function get(name: string): Resident {
  const found = residents.get(name)
  if (found === undefined) throw new Error(`no node ${name} here`)
  return found
}

const commands = {
  /** Answers with the node's address. */
  async open(init: BenchNodeInit): Promise<string> {
    const opened = await openBenchNode(init)
    const resident: Resident = { ...opened, held: 0, storedAtMs: new Map(), watched: false }
    for (const { state } of opened.store.chains()) resident.held += state.size
    opened.node.on('stored', ({ member, from, count }) => {
      resident.held += count
      if (resident.watched) {
        const now = nowMs()
        for (let height = from; height < from + count; height++) resident.storedAtMs.set(`${member}/${height}`, now)
      }
      for (const wake of watchers) wake()
    })
    residents.set(init.name, resident)
    return opened.node.network.addresses()[0] as string
  },

  /** Resolves to the moment of the dial. */
  async dial({ name, address }: { name: string; address: string }): Promise<number> {
    const startedMs = nowMs()
    await get(name).dial(address)
    return startedMs
  },

  /** Tells the node of an address, as discovery would: its dialer does the rest. */
  meet({ name, address }: { name: string; address: string }): void {
    get(name).node.addAddress(address)
  },

  linkCounts(): number[] {
    return [...residents.values()].map(({ node }) => node.network.links().length)
  },

  meshSizes(): number[] {
    return [...residents.values()].map(({ node }) => node.meshSize())
  },

  /**
   * Each named node takes one reading and seals it, `blocks` times: as fast as it goes, or one each `intervalMs`. Answers
   * with the times at which each reading was handed over, by height, of the first node.
   */
  async write({ names, blocks, intervalMs }: { names: string[]; blocks: number; intervalMs?: number }): Promise<number[][]> {
    const all = await Promise.all(names.map((name, i) => writeBlocks(get(name), blocks, intervalMs, i / names.length)))
    return all
  },

  /** Each named node takes one reading each `intervalMs`, `readings` of them; its schedule seals them. */
  async feed({ names, readings, intervalMs }: { names: string[]; readings: number; intervalMs: number }): Promise<void> {
    await Promise.all(names.map((name, i) => feedReadings(get(name), readings, intervalMs, i / names.length)))
  },

  /** Blocks that each node holds of all chains, and how many of them are final. */
  progress(): { held: number; final: number; attestations: number }[] {
    return [...residents.values()].map(({ held, store }) => ({
      held,
      final: [...store.witness.finals()].reduce((sum, { size }) => sum + size, 0),
      attestations: store.witness.record.sequence,
    }))
  },

  /** What one node holds of all chains: blocks, and their bytes, each with the signature with which it travels alone. */
  async holding({ name }: { name: string }): Promise<{ blocks: number; bytes: number }> {
    const { store } = get(name)
    let [blocks, bytes] = [0, 0]
    for (const { member, state } of store.chains()) {
      for (let height = 0; height < state.size; height++) {
        const found = await store.readBlock(member, height)
        if (found === undefined) continue
        blocks++
        bytes += encodeRun([found.bytes], { type: 'signed', root: state.root, signature: NO_SIGNATURE }).length
      }
    }
    return { blocks, bytes }
  },

  /** Resolves once every named node holds `blocks` blocks of all chains together, to the moment when the last one did. */
  async untilHeld({ names, blocks, limitMs }: { names: string[]; blocks: number; limitMs: number }): Promise<number> {
    const done = Promise.withResolvers<void>()
    const wake = (): void => {
      if (names.every((name) => get(name).held >= blocks)) done.resolve()
    }
    const timer = setTimeout(() => {
      const held = names.map((name) => `${name} ${get(name).held}`).join(', ')
      done.reject(new Error(`after ${limitMs} ms, of ${blocks} blocks: ${held}`))
    }, limitMs)
    watchers.add(wake)
    wake()
    try {
      await done.promise
      return nowMs()
    } finally {
      clearTimeout(timer)
      watchers.delete(wake)
    }
  },

  watch({ name }: { name: string }): void {
    get(name).watched = true
  },

  storedAt({ name }: { name: string }): Map<string, number> {
    return get(name).storedAtMs
  },

  headsRoots(): string[] {
    return [...residents.values()].map(({ node }) => Buffer.from(node.sync.view.headsRoot()).toString('hex'))
  },

  /** CPU of all threads since the process began, and the most memory it ever held. */
  usage(): { cpuUs: number; peakRssMiB: number; rssMiB: number } {
    const { user, system } = process.cpuUsage()
    const peakRssMiB = process.resourceUsage().maxRSS / 1024
    return { cpuUs: user + system, peakRssMiB, rssMiB: process.memoryUsage.rss() / 1_048_576 }
  },

  async closeAll(): Promise<void> {
    await Promise.all([...residents.values()].map((each) => each.close()))
    residents.clear()
  },
}

export type NodeHostCommands = typeof commands

async function writeBlocks(
  { node, store }: Resident,
  blocks: number,
  intervalMs: number | undefined,
  phase: number,
): Promise<number[]> {
  const handedMs: number[] = []
  const base = store.head(node.key)?.size ?? 0
  const startedMs = nowMs() + (intervalMs ?? 0) * phase
  for (let i = 0; i < blocks; i++) {
    if (intervalMs !== undefined) {
      const waitMs = startedMs + i * intervalMs - nowMs()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
    handedMs.push(nowMs())
    const time = Date.UTC(2026, 0, 1) + (base + i) * 900_000
    await node.take([{ source: 'bench', reading: readingAt(time, 0, FOUR_REGISTERS.slice(0, 1)) }])
    const sealed = await node.sealNow()
    if (sealed?.height !== base + i) throw new Error(`block ${sealed?.height} was sealed, ${base + i} expected`)
  }
  return handedMs
}

async function feedReadings({ node }: Resident, readings: number, intervalMs: number, phase: number): Promise<void> {
  const startedMs = nowMs() + intervalMs * phase
  for (let i = 0; i < readings; i++) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedMs + i * intervalMs - nowMs())))
    const time = Date.UTC(2026, 0, 1) + i * 900_000
    await node.take([{ source: 'bench', reading: readingAt(time, 0, FOUR_REGISTERS.slice(0, 1)) }])
  }
}

serveHost(commands)
