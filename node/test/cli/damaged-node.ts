import { existsSync } from 'node:fs'
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  encodeLabelRecord,
  formatGenesis,
  type Genesis,
  parseGenesis,
  parseRoles,
  type Reading,
  ROLE_METER,
  type Signer,
} from '../../../protocol/index.ts'
import { createGenesisFile, createKeyFile, filesOf, makeDirectory } from '../../directory/index.ts'
import { createSigner, type OpenedNode, openNode, systemPlatform } from '../../index.ts'
import { type Kv, openLevelKv } from '../../store/index.ts'
import { chainKey } from '../../store/keys.ts'
import { ledgerDirectory } from '../../store/layout.ts'
import { checkRecord } from '../../store/record.ts'
import { event, type Said, say, start, temporaryDirectory, until } from './command-line.ts'

/** Files that hold data; beside them lie LevelDB's chatter and its empty lock. */
const DATA_FILE = /^(?:CURRENT|MANIFEST-\d+|\d+\.(?:log|ldb))$/

export const LISTEN = '/ip4/127.0.0.1/tcp/0'
/** More than a tile of the tree. */
export const BLOCKS = 262
const SETTINGS = { verifyThreads: 0, intervalMs: 3_600_000, announceDelayMs: 20, rowsAtOnce: 1_000_000 }

/**
 * A meter's directory after a short real run, and the registrar that holds all its chain and goes on running. Commands are
 * run on copies of the directory.
 */
export class DamagedNode {
  readonly genesis: Genesis
  readonly signer: Signer
  readonly peer: OpenedNode
  /** A member that never wrote. */
  readonly otherKey = createSigner(new Uint8Array(32).fill(7)).publicKey
  readonly #at: Awaited<ReturnType<typeof temporaryDirectory>>
  #copies = 0

  private constructor(at: Awaited<ReturnType<typeof temporaryDirectory>>, genesis: Genesis, signer: Signer, peer: OpenedNode) {
    this.#at = at
    this.genesis = genesis
    this.signer = signer
    this.peer = peer
  }

  static async make(): Promise<DamagedNode> {
    const at = await temporaryDirectory()
    const registrarFiles = await makeDirectory(at.path('registrar'))
    const meterFiles = await makeDirectory(at.path('meter'))
    const registrar = createSigner(await createKeyFile(registrarFiles, systemPlatform.random))
    const signer = createSigner(await createKeyFile(meterFiles, systemPlatform.random))
    const meter = { key: signer.publicKey, roles: ROLE_METER, label: 'meter' }
    const genesis = parseGenesis(formatGenesis({ name: 'repair', registrar: registrar.publicKey, members: [meter] }))
    await createGenesisFile(registrarFiles, genesis)
    await createGenesisFile(meterFiles, genesis)
    const peer = await openNode({ dir: registrarFiles.dir, settings: { ...SETTINGS, sealAlone: true }, listen: [LISTEN] })
    await peer.start()
    const made = new DamagedNode(at, genesis, signer, peer)
    await peer.node.admitKey(made.otherKey, parseRoles('meter'), encodeLabelRecord(new Uint8Array(16).fill(1), 'other'))
    // Two sessions: what the first wrote stands in a table when the second is over, the rest in the log.
    await made.#run(meterFiles.dir, BLOCKS - 40)
    await made.#run(meterFiles.dir, 40)
    return made
  }

  get peerAddress(): string {
    return this.peer.node.network.addresses()[0] as string
  }

  async #run(dir: string, blocks: number): Promise<void> {
    const settings = { ...SETTINGS, bootstrap: [this.peerAddress] }
    const opened = await openNode({ dir, settings, listen: [LISTEN] })
    try {
      await opened.start()
      await until(
        () => Promise.resolve(opened.node.heldBack()),
        (reason) => reason === undefined,
      )
      const from = opened.store.head(opened.node.key)?.size ?? 0
      for (let i = from; i < from + blocks; i++) {
        await opened.node.take([{ source: 'test', reading: readingAt(i) }])
        await opened.node.sealNow()
      }
      await until(
        () => Promise.resolve(this.peer.store.head(opened.node.key)?.size ?? 0),
        (size) => size === from + blocks,
      )
      await until(
        () => Promise.resolve(opened.store.labels.size),
        (labels) => labels === 1,
      )
    } finally {
      await opened.close()
    }
  }

  /** The meter's directory as its last run left it. */
  async copy(): Promise<string> {
    const dir = this.#at.path(`copy-${this.#copies++}`)
    await cp(this.#at.path('meter'), dir, { recursive: true })
    return dir
  }

  async dataFiles(dir = this.#at.path('meter')): Promise<{ readonly name: string; readonly bytes: Buffer }[]> {
    const ledger = ledgerDirectory(dir)
    const names = (await readdir(ledger)).filter((name) => DATA_FILE.test(name)).toSorted()
    return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(ledger, name)) })))
  }

  /** Header and body of one of the meter's blocks. */
  async blockBytes(height: number): Promise<Buffer> {
    return Buffer.from((await this.peer.store.readBlock(this.signer.publicKey, height))?.bytes as Uint8Array)
  }

  /** `work` is given a directory that a `wattness run` has open meanwhile. */
  async whileRunning<T>(work: (dir: string) => Promise<T>): Promise<T> {
    const dir = await this.copy()
    const running = start(['run', '--dir', dir, '--listen', LISTEN, '--interval', '1h', '--bootstrap', this.peerAddress])
    try {
      await running.line(event('listening'))
      await until(
        () => Promise.resolve(existsSync(filesOf(dir).controlSocket)),
        (isThere) => isThere,
      )
      return await work(dir)
    } finally {
      await running.stop()
    }
  }

  /** Writes into the store of a copy as nobody should. */
  async tamper(dir: string, work: (kv: Kv) => Promise<void>): Promise<void> {
    const kv = await openLevelKv(ledgerDirectory(dir))
    try {
      await work(kv)
    } finally {
      await kv.close()
    }
  }

  /** The number under which its own store keeps the meter's chain. */
  async chainId(): Promise<number> {
    let id = 0
    await this.tamper(await this.copy(), async (kv) => {
      const key = chainKey(this.signer.publicKey)
      const value = checkRecord(key, (await kv.get(key)) as Uint8Array) as Uint8Array
      id = ((value[0] as number) << 8) | (value[1] as number)
    })
    return id
  }

  verify(dir: string, ...more: readonly string[]): Promise<Said> {
    return say(['verify', '--dir', dir, '--json', ...more])
  }

  repair(dir: string, ...more: readonly string[]): Promise<Said> {
    const words = ['repair', '--dir', dir, '--json', '--bootstrap', this.peerAddress, '--timeout', '5s', ...more]
    return say(words, { environment: { WATTNESS_LISTEN: LISTEN } })
  }

  async close(): Promise<void> {
    await this.peer.close()
    await this.#at.remove()
  }
}

export function readingAt(i: number): Reading {
  const register = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }
  const time = Date.UTC(2026, 0, 1) + i * 900_000
  return { time, intervalMs: 0, timeSource: 'meter-clock', values: [{ register, value: 1_000 + i * 7, quality: 'good' }] }
}

/** One flipped bit of one file of a store. */
export async function flipByte(dir: string, name: string, bytes: Buffer, at: number): Promise<void> {
  const damaged = Buffer.from(bytes)
  damaged[at] = (damaged[at] as number) ^ (1 << (at % 8))
  await writeFile(join(ledgerDirectory(dir), name), damaged)
}
