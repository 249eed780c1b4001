import { fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  bodyContent,
  decodeReadings,
  formatGenesis,
  type Genesis,
  KIND_READINGS,
  parseGenesis,
  type Reading,
  ROLE_METER,
  toHex,
} from '../../../protocol/index.ts'
import { verifyDirectory } from '../../audit/index.ts'
import { createGenesisFile, createKeyFile, makeDirectory } from '../../directory/index.ts'
import { createSigner, type OpenedNode, openNode, openStore, systemPlatform, verifySignature } from '../../index.ts'
import type { LedgerStore } from '../../store/index.ts'
import { START_MS, STEP_MS } from './kill-child.ts'

const KILLS = 20
/** Kills while the node starts, and under load: milliseconds after the process began, and after it said that it is up. */
const EARLY_KILLS = 4
const EARLY_MS = { min: 0, max: 900 }
const LOADED_MS = { min: 20, max: 700 }
const LISTEN = '/ip4/127.0.0.1/tcp/0'
/** Readings taken again after each start: as a source does that does not know what was taken. */
const OVERLAP = 5

interface Moment {
  readonly afterMs: number
  readonly from: 'start' | 'up'
}

/** Lets a child live until it is killed: `afterMs` after its start, or after its line "up". Resolves to what it said. */
function live(words: readonly string[], { afterMs, from }: Moment): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const script = path.join(import.meta.dirname, 'kill-child.ts')
    const child = fork(script, [...words], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    const lines: string[] = []
    let complaint = ''
    let isTimed = false
    const kill = (): void => {
      if (isTimed) return
      isTimed = true
      setTimeout(() => child.kill('SIGKILL'), afterMs)
    }
    if (from === 'start') kill()
    child.on('message', (line: string) => {
      lines.push(line)
      if (line === 'up') kill()
    })
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      complaint += chunk
    })
    child.on('error', reject)
    child.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the node ended by itself: ${complaint}`))
      else resolve(lines)
    })
  })
}

const numberOf = ({ time }: Reading): number => (time - START_MS) / STEP_MS

/** The numbers of all readings that a store holds of one chain, sealed and waiting. */
async function readingsOf(store: LedgerStore, member: Uint8Array): Promise<number[]> {
  const numbers: number[] = []
  for (let height = 0; ; ) {
    const blocks = await store.readBlocks(member, height, 256)
    if (blocks.length === 0) break
    for (const { header, body } of blocks) {
      if (header.kind === KIND_READINGS) numbers.push(...decodeReadings(bodyContent(body)).readings.map(numberOf))
    }
    height += blocks.length
  }
  for (const { item } of (await store.spool.peek(100_000)).rows) if ('reading' in item) numbers.push(numberOf(item.reading))
  return numbers
}

describe('a node that is killed', () => {
  let root: string
  let genesis: Genesis
  let neighbour: OpenedNode
  let meter: Uint8Array
  let dir: string
  const evidence: string[] = []

  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'wattness-kill-'))
    const registrarFiles = await makeDirectory(path.join(root, 'registrar'))
    const meterFiles = await makeDirectory(path.join(root, 'meter'))
    dir = meterFiles.dir
    const registrar = createSigner(await createKeyFile(registrarFiles, systemPlatform.random)).publicKey
    meter = createSigner(await createKeyFile(meterFiles, systemPlatform.random)).publicKey
    const members = [{ key: meter, roles: ROLE_METER, label: 'meter' }]
    genesis = parseGenesis(formatGenesis({ name: 'kill', registrar, members }))
    await createGenesisFile(registrarFiles, genesis)
    await createGenesisFile(meterFiles, genesis)
    const settings = { announceDelayMs: 10, gossip: 'on', verifyThreads: 0 } as const
    neighbour = await openNode({ dir: registrarFiles.dir, listen: [LISTEN], settings })
    neighbour.node.on('evidence', ({ member }) => evidence.push(member))
    await neighbour.start()
  })
  after(async () => {
    await neighbour.close()
    await rm(root, { recursive: true, force: true })
  })

  /** What the killed node left: a store that opens, whole, with everything acknowledged in it once, and no second story. */
  const look = async (acknowledged: ReadonlySet<number>, kill: number): Promise<number> => {
    const report = await verifyDirectory({
      directory: dir,
      genesis,
      ownKey: meter,
      verify: verifySignature,
      clock: systemPlatform.clock,
      allSignatures: true,
      threads: 0,
    })
    expect(report, `kill ${kill}`).to.deep.include({ ok: true, damage: [] })
    const opened = await openStore({ dir })
    const { store } = opened
    try {
      expect(store.damage).to.deep.equal([])
      const numbers = await readingsOf(store, meter)
      const held = new Set(numbers)
      expect(held.size, `kill ${kill}: a reading is there twice`).to.equal(numbers.length)
      expect(
        [...acknowledged].filter((number) => !held.has(number)),
        `kill ${kill}: lost`,
      ).to.deep.equal([])
      const theirs = neighbour.store.head(meter)
      if (theirs !== undefined) {
        expect(toHex((await store.rootAt(meter, theirs.size)) ?? new Uint8Array(0)), `kill ${kill}`).to.equal(toHex(theirs.root))
      }
      return store.head(meter)?.size ?? 0
    } finally {
      await opened.close()
    }
  }

  it(`${KILLS} times under load loses nothing that it acknowledged, and never tells two stories`, async () => {
    const [address] = neighbour.node.network.addresses() as [string]
    const acknowledged = new Set<number>()
    const early = fc.sample(fc.integer(EARLY_MS), { numRuns: EARLY_KILLS, seed: 3 })
    const loaded = fc.sample(fc.integer(LOADED_MS), { numRuns: KILLS - EARLY_KILLS, seed: 4 })
    const moments: Moment[] = loaded.map((afterMs) => ({ afterMs, from: 'up' }))
    for (const [i, afterMs] of early.entries()) moments.splice(i * 5 + 1, 0, { afterMs, from: 'start' })
    let sealed = 0
    let last = -1
    for (const [kill, moment] of moments.entries()) {
      const first = Math.max(0, last + 1 - OVERLAP)
      for (const line of await live([dir, address, String(first)], moment)) {
        const [what, number] = line.split(' ')
        expect(what).to.not.equal('evidence')
        if (what === 'taken') acknowledged.add(Number(number))
        if (what === 'sealed') sealed++
      }
      last = Math.max(-1, ...acknowledged)
      await look(acknowledged, kill)
    }
    expect(moments.length).to.equal(KILLS)
    expect(acknowledged.size).to.be.above(200)
    expect(sealed).to.be.above(40)
    await expectAllSealed(acknowledged, address)
  }).timeout(120_000)

  /** Once more, and to the end: whatever waited is sealed, and the neighbour holds all of it. */
  async function expectAllSealed(acknowledged: ReadonlySet<number>, address: string): Promise<void> {
    const settings = { bootstrap: [address], intervalMs: 100, announceDelayMs: 10, verifyThreads: 0 }
    const opened = await openNode({ dir, listen: [LISTEN], settings })
    await opened.start()
    const isDone = (): boolean => {
      const size = opened.store.head(meter)?.size ?? 0
      return opened.store.spool.size === 0 && size > 0 && neighbour.store.head(meter)?.size === size
    }
    for (let waitedMs = 0; !isDone() && waitedMs < 10_000; waitedMs += 20) await new Promise((resolve) => setTimeout(resolve, 20))
    const wasDone = isDone()
    await opened.close()
    expect(wasDone, 'the rest was not sealed').to.equal(true)
    const numbers = await readingsOf(neighbour.store, meter)
    expect(new Set(numbers).size).to.equal(numbers.length)
    expect([...acknowledged].every((number) => numbers.includes(number))).to.equal(true)
    expect(evidence).to.deep.equal([])
    expect(neighbour.store.quarantined(meter)).to.equal(false)
  }
})
