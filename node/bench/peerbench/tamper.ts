import { execFile } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  bodyContent,
  decodeReadings,
  encodeReadings,
  type Genesis,
  makeBlock,
  SALT_BYTES,
  toHex,
} from '../../../protocol/index.ts'
import { formatReport, verifyDirectory } from '../../audit/index.ts'
import { sleep, systemPlatform, verifySignature } from '../../index.ts'
import { ledgerDirectory, openLevelKv, put } from '../../store/index.ts'
import { blockKey, chainIdOfKey, chainKey } from '../../store/keys.ts'
import { checkRecord } from '../../store/record.ts'
import { decodeStored, encodeStored } from '../../store/stored-block.ts'
import { type BenchReading, genesisOf, itemOf, meterName } from './adapter.ts'
import { openPeer, type Peer, type PeerInit } from './peer.ts'

/** W5: what a node and its neighbours make of a flipped byte, a replaced block, a forked identity and an old copy. */

const BLOCKS = 100
const TAMPERED = 50
const FORK_AT = 10
const LIMIT_MS = 10_000
/** For what may never come: long enough for several rounds of asking. */
const REPLICATION_MS = 4_000

interface Finding {
  readonly test: string
  readonly result: unknown
}

const genesis: Genesis = genesisOf(8)
const findings: Finding[] = []

/** The same peer in the same directory is the same node again. */
function open(dir: string, meter: number, settings: PeerInit['settings'] = {}): Promise<Peer> {
  return openPeer({ name: meterName(meter), dir, genesis, settings })
}

/** Runs everything in directories below `dir` and prints what was found as the bench reads it. */
export async function tamper(dir: string | undefined): Promise<void> {
  if (dir === undefined) throw new Error('usage: wattness.tamper.mjs DIRECTORY')
  process.on('uncaughtException', (error) => note('uncaught exception in the host process', error.message))
  process.on('unhandledRejection', (error) => note('unhandled rejection in the host process', String(error)))
  for (const test of [flippedByte, replacedBlock, forkedIdentity, oldCopy]) await test(join(dir, test.name.toLowerCase()))
  console.log(`FINDINGS ${JSON.stringify(findings)}`)
  process.exit(0)
}

/** One byte of block 50 of 100 on the disk, the process closed cleanly before, a neighbour beside it that holds the chain. */
async function flippedByte(dir: string): Promise<void> {
  const neighbour = await open(join(dir, 'neighbour'), 2)
  const own = join(dir, 'own')
  const first = await linked(own, 1, neighbour)
  const key = first.node.key
  await write(first, 0, BLOCKS)
  await until('the neighbour holds all', () => sizeOf(neighbour, key) === BLOCKS)
  const block = await first.store.readBlock(key, TAMPERED)
  await first.close()
  const flipped = flip(ledgerDirectory(own), block?.bytes ?? new Uint8Array())
  note('one byte flipped in a file of LevelDB, then `wattness verify`', { flipped, verify: await verify(own) })
  const again = await open(own, 1, { sealAlone: false })
  note('… then open', { held: sizeOf(again, key), of: BLOCKS, damage: again.store.damage.map(({ what }) => what) })
  note('… the same writer then seals', await attempt(() => write(again, BLOCKS, 1)))
  await again.dial(addressOf(neighbour))
  const back = await until('blocks are taken back', () => again.node.heldBack() === undefined && sizeOf(again, key) >= BLOCKS)
  note('… with a neighbour that holds the chain', { ...back, held: sizeOf(again, key), now: again.node.heldBack() ?? 'seals' })
  note('… it then seals', await attempt(() => write(again, BLOCKS, 1)))
  await again.close()
  note('… and verify', await verify(own))
  await neighbour.close()
}

/** By someone who keeps the format of the store: a block that is well formed, in the place of the one that was signed. */
async function replacedBlock(dir: string): Promise<void> {
  const neighbour = await open(join(dir, 'neighbour'), 2)
  const own = join(dir, 'own')
  const first = await linked(own, 1, neighbour)
  const key = first.node.key
  await write(first, 0, BLOCKS)
  await until('the neighbour holds all', () => sizeOf(neighbour, key) === BLOCKS)
  await first.close()
  await replace(own, key)
  note('block 50 overwritten in the store, then `wattness verify`', await verify(own))
  const again = await open(own, 1)
  note('… open', { held: sizeOf(again, key), of: BLOCKS, damage: again.store.damage.map(({ what }) => what) })
  note('… local read of block 50', await attempt(() => importOf(again, TAMPERED)))
  note('… the same writer then seals', await attempt(() => write(again, BLOCKS, 1)))
  const reader = await open(join(dir, 'reader'), 3)
  const faults: string[] = []
  for (const { node } of [reader, neighbour, again]) node.on('fault', ({ fault }) => faults.push(fault))
  await reader.dial(addressOf(again))
  await pause(REPLICATION_MS)
  note('… replicate to a fresh peer', { readerHolds: sizeOf(reader, key), faults: faults.splice(0) })
  await again.dial(addressOf(neighbour)).catch(() => undefined)
  await pause(REPLICATION_MS)
  const read = await attempt(() => importOf(again, TAMPERED))
  const now = again.node.heldBack() ?? 'seals'
  note('… with a neighbour that holds the chain', { held: sizeOf(again, key), block50: read, now, faults: faults.splice(0) })
  await again.close()
  note('… `wattness repair` beside the same neighbour', await repair(own, addressOf(neighbour)))
  note('… and verify', await verify(own))
  await Promise.all([neighbour.close(), reader.close()])
}

/** A copy of the whole directory goes on beside the original; two readers each follow one of them, then meet. */
async function forkedIdentity(dir: string): Promise<void> {
  const first = await open(join(dir, 'a'), 1)
  const key = first.node.key
  await write(first, 0, FORK_AT)
  await first.close()
  cpSync(join(dir, 'a'), join(dir, 'b'), { recursive: true })
  const readers = await Promise.all([2, 3].map((meter) => open(join(dir, `reader-${meter}`), meter)))
  const [left, right] = readers as [Peer, Peer]
  const events: string[] = []
  const owners = [await linked(join(dir, 'a'), 1, left), await linked(join(dir, 'b'), 1, right)] as const
  const names = ['writer a', 'writer b', 'reader of a', 'reader of b']
  for (const [i, { node }] of [...owners, ...readers].entries()) {
    node.on('evidence', ({ member, self }) => events.push(`${names[i]}: ${self ? 'own key' : member.slice(0, 8)} proven`))
  }
  await write(owners[0], 1_000, 1)
  await write(owners[1], 2_000, 1)
  await until('each reader follows one', () => readers.every((reader) => sizeOf(reader, key) === FORK_AT + 1))
  note('fork at height 10, each reader holds another branch', {
    events: [...events],
    sizes: readers.map((reader) => sizeOf(reader, key)),
  })
  await left.dial(addressOf(right))
  const told = await until('both readers have the proof', () => readers.every((reader) => reader.store.quarantined(key)))
  await until('both writers have it', () => owners.every((owner) => owner.store.quarantined(key)))
  note('… the readers meet', { ...told, events, held: readers.map((reader) => sizeOf(reader, key)) })
  note('… both writers then seal', await Promise.all(owners.map((owner, i) => attempt(() => write(owner, 3_000 + i, 1)))))
  await Promise.all([...owners, ...readers].map((peer) => peer.close()))
}

/** A directory restored from a backup: whatever it sealed now would be a second history. */
async function oldCopy(dir: string): Promise<void> {
  const own = join(dir, 'own')
  const neighbour = await open(join(dir, 'neighbour'), 2)
  const first = await open(own, 1)
  const key = first.node.key
  await write(first, 0, FORK_AT / 2)
  await first.close()
  cpSync(own, join(dir, 'backup'), { recursive: true })
  const more = await linked(own, 1, neighbour)
  await write(more, FORK_AT / 2, FORK_AT / 2)
  await until('the neighbour holds all', () => sizeOf(neighbour, key) === FORK_AT)
  await more.close()
  const restored = await open(join(dir, 'backup'), 1, { sealAlone: false })
  note('restored from a copy of 5 blocks where 10 were sealed, then seals', await attempt(() => write(restored, 500, 1)))
  await restored.dial(addressOf(neighbour))
  await until('blocks are taken back', () => sizeOf(restored, key) === FORK_AT)
  note('… with a neighbour that holds the chain', { held: sizeOf(restored, key) })
  const sealed = await attempt(() => restored.node.sealNow().then((block) => ({ height: block?.height })))
  note('… it then seals what waited', { sealed, quarantined: neighbour.store.quarantined(key) })
  await Promise.all([restored.close(), neighbour.close()])
}

function note(test: string, result: unknown): void {
  findings.push({ test, result })
  console.error(test, '->', result)
}

async function linked(dir: string, meter: number, to: Peer): Promise<Peer> {
  const peer = await open(dir, meter)
  await peer.dial(addressOf(to))
  return peer
}

const addressOf = (peer: Peer): string => peer.addresses[0] as string

const sizeOf = (peer: Peer, key: Uint8Array): number => peer.store.head(key)?.size ?? 0

function readingOf(i: number): BenchReading {
  return {
    meter: '1EMH0000000001',
    ts: 1_767_225_600 + i * 900,
    obis: { '1.8.0': 12_000 + i, '2.8.0': 500 },
    u: 230,
    st: '0x0000',
  }
}

/** One block for each reading; resolves to the chain's size. */
async function write({ node, store }: Peer, from: number, count: number): Promise<{ readonly size: number }> {
  for (let i = from; i < from + count; i++) {
    await node.take([itemOf(readingOf(i))])
    await node.sealNow()
  }
  return { size: store.head(node.key)?.size ?? 0 }
}

/** Watt-hours that a peer's store says were imported. */
async function importOf({ node, store }: Peer, height: number): Promise<string> {
  const block = await store.readBlock(node.key, height)
  if (block === undefined) return 'not held'
  return `${decodeReadings(bodyContent(block.body)).readings[0]?.values[0]?.value} Wh`
}

const pause = (ms: number): Promise<void> => sleep(systemPlatform.timers, ms)

async function until(what: string, holds: () => boolean): Promise<{ readonly seconds: number } | { readonly failed: string }> {
  const { clock } = systemPlatform
  const startMs = clock.monotonicMs()
  while (!holds()) {
    if (clock.monotonicMs() - startMs > LIMIT_MS) {
      const failed = `not within ${LIMIT_MS} ms: ${what}`
      note(failed, false)
      return { failed }
    }
    await pause(20)
  }
  return { seconds: Math.round(clock.monotonicMs() - startMs) / 1_000 }
}

async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    return `${code ?? 'ERROR'}: ${message}`
  }
}

/** What `wattness verify` says of a directory where no node runs. */
async function verify(directory: string): Promise<string[]> {
  const { clock } = systemPlatform
  return formatReport(await verifyDirectory({ directory, genesis, verify: verifySignature, clock })).split('\n')
}

/** What `wattness repair` of a stopped node's directory says, with one neighbour to ask. */
async function repair(directory: string, address: string): Promise<unknown> {
  const program = join(import.meta.dirname, '../../cli/wattness.ts')
  const words = ['repair', '--dir', directory, '--bootstrap', address, '--timeout', '10s']
  const env = { ...process.env, WATTNESS_LISTEN: '/ip4/127.0.0.1/tcp/0' }
  const said = await attempt(() => promisify(execFile)(process.execPath, [program, ...words], { env }))
  return typeof said === 'object' && said !== null && 'stdout' in said ? String(said.stdout).trim().split('\n') : said
}

/** Turns one bit of the first place below `dir` where the body of `block` stands. */
function flip(dir: string, block: Uint8Array): string {
  // A record of LevelDB's log may be cut in two: the block's end is enough.
  const wanted = block.subarray(-24)
  for (const name of readdirSync(dir)) {
    const bytes = readFileSync(join(dir, name))
    const at = bytes.indexOf(wanted)
    if (at === -1) continue
    bytes[at] = (bytes[at] as number) ^ 1
    writeFileSync(join(dir, name), bytes)
    return `${name}, byte ${at}`
  }
  return 'found nowhere'
}

async function replace(directory: string, key: Uint8Array): Promise<void> {
  const kv = await openLevelKv(ledgerDirectory(directory))
  const name = chainKey(key)
  const id = chainIdOfKey(Buffer.concat([Buffer.of(0), checkRecord(name, (await kv.get(name)) as Uint8Array) as Uint8Array]))
  const at = blockKey(id, TAMPERED)
  const value = (await kv.get(at)) as Uint8Array
  const { header, signature } = decodeStored(value, key, TAMPERED)
  const item = itemOf(readingOf(0))
  if (!('reading' in item)) throw new Error('no reading')
  const forged = makeBlock({ ...header, salt: new Uint8Array(SALT_BYTES), content: encodeReadings([item.reading]) })
  // Under the signature that was made for the genuine one.
  await kv.batch([put(at, encodeStored(forged.bytes, TAMPERED, signature))], { sync: true })
  await kv.close()
  console.error(`block ${TAMPERED} of ${toHex(key).slice(0, 8)} replaced`)
}
