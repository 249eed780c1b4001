import { MAX_FRAME_BYTES } from '../../protocol/limits.ts'
import { type Channel, createLibp2pNetwork, type Network } from '../net/index.ts'
import { systemPlatform } from '../platform.ts'
import type { BenchResult } from './run.ts'

/**
 * `npm run bench -- channel`: two nodes in this process, over TCP, Noise and yamux on loopback; both ends are counted. What
 * a frame costs alone, packed with others, and as part of a long transfer.
 */

const LARGE_BYTES = 1_048_576

interface Pair {
  readonly one: Channel
  readonly two: Channel
  stop(): Promise<void>
}

async function connect(): Promise<Pair> {
  const channels: Channel[] = []
  const open = Promise.withResolvers<void>()
  const node = async (seed: number): Promise<Network> => {
    const network = await createLibp2pNetwork({ seed: new Uint8Array(32).fill(seed), platform: systemPlatform })
    await network.start({
      admits: () => true,
      onLink: () => undefined,
      onUnlink: () => undefined,
      onChannel: (channel) => {
        if (channels.push(channel) === 2) open.resolve()
      },
    })
    return network
  }
  const [a, b] = [await node(1), await node(2)]
  await a.dial(b.addresses()[0] as string)
  await open.promise
  const [one, two] = channels as [Channel, Channel]
  return { one, two, stop: async () => void (await Promise.all([a.stop(), b.stop()])) }
}

interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number
}

async function measure(work: () => Promise<void>): Promise<Cost> {
  const startMs = systemPlatform.clock.monotonicMs()
  const start = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(start)
  return { seconds: (systemPlatform.clock.monotonicMs() - startMs) / 1_000, cpuSeconds: (user + system) / 1_000_000 }
}

/** One way, as fast as it goes. */
async function transfer({ one, two }: Pair, frames: number, bytes: number): Promise<Cost> {
  const frame = new Uint8Array(bytes).fill(7)
  const done = Promise.withResolvers<void>()
  let left = frames
  two.onFrame = () => {
    if (--left === 0) done.resolve()
  }
  return measure(async () => {
    for (let index = 0; index < frames; index++) if (!one.send(frame)) await one.drained()
    await done.promise
  })
}

/** There and back, one at a time: nothing can be packed. */
async function pingPong({ one, two }: Pair, rounds: number, bytes: number): Promise<Cost> {
  const frame = new Uint8Array(bytes).fill(7)
  const done = Promise.withResolvers<void>()
  let left = rounds
  two.onFrame = () => void two.send(frame)
  one.onFrame = () => {
    if (--left === 0) done.resolve()
    else one.send(frame)
  }
  return measure(async () => {
    one.send(frame)
    await done.promise
  })
}

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  const scale = Number(args[0] ?? 1)
  const pair = await connect()
  await transfer(pair, 32, LARGE_BYTES)
  await pingPong(pair, 300, 400)
  const large = await transfer(pair, Math.ceil(192 * scale), LARGE_BYTES)
  const largest = await transfer(pair, Math.ceil(64 * scale), MAX_FRAME_BYTES)
  const packed = await transfer(pair, Math.ceil(200_000 * scale), 400)
  const alone = await pingPong(pair, Math.ceil(4_000 * scale), 400)
  await pair.stop()
  const megabytes = Math.ceil(192 * scale)
  const figures = {
    megabytesPerSecond: round(megabytes / large.seconds),
    largestFramesPerSecond: round(Math.ceil(64 * scale) / largest.seconds),
    cpuMillisecondsPerMegabyte: round((large.cpuSeconds * 1_000) / megabytes),
    packedFrameMicroseconds: round((packed.cpuSeconds * 1_000_000) / Math.ceil(200_000 * scale)),
    loneFrameMicroseconds: round((alone.cpuSeconds * 1_000_000) / (2 * Math.ceil(4_000 * scale))),
  }
  console.log(`1 MiB frames: ${figures.megabytesPerSecond} MB/s, ${figures.cpuMillisecondsPerMegabyte} ms CPU a MB, both ends`)
  console.log(
    `400-byte frames: ${figures.packedFrameMicroseconds} µs CPU packed, ${figures.loneFrameMicroseconds} µs alone, both ends`,
  )
  const budget = { megabytesPerSecond: '>= 40', packedFrameMicroseconds: '<= 10', loneFrameMicroseconds: '<= 400' }
  const ok = figures.megabytesPerSecond >= 40 && figures.packedFrameMicroseconds <= 10 && figures.loneFrameMicroseconds <= 400
  return { figures, yardstick: {}, budget, ok }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
