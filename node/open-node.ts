import {
  Epochs,
  equalBytes,
  type Genesis,
  initialMembership,
  type Membership,
  type Signer,
  type VerifySignature,
  verifyCheckpoint,
  WattnessError,
} from '../protocol/index.ts'
import {
  type DirectoryFiles,
  explainFullDisk,
  filesOf,
  readEntry,
  readGenesisFile,
  readKeyFile,
  readNeighbours,
  rememberAddresses,
  rememberedListen,
  rememberNeighbours,
} from './directory/index.ts'
import { type Logger, silentLogger } from './logger.ts'
import { Roster } from './membership/index.ts'
import { createLibp2pNetwork, type Network, type Reach } from './net/index.ts'
import { LedgerNode } from './node.ts'
import { type Platform, systemPlatform, type Timer, type Timers } from './platform.ts'
import { DEFAULT_SETTINGS, type NodeSettings } from './settings.ts'
import { createSigner, useNativeHash, verifySignature } from './signature.ts'
import { type Kv, LedgerStore, type LedgerStoreInit, lockDirectory, openLedger } from './store/index.ts'

/** A port of the system's choice on this machine alone: what a node takes that is not told otherwise. */
export const DEFAULT_LISTEN: readonly string[] = ['/ip4/127.0.0.1/tcp/0']

export interface OpenStoreInit {
  readonly dir: string
  readonly verify?: VerifySignature
  /** In place of LevelDB in `dir`/ledger. */
  readonly kv?: Kv
}

/** A directory's ledger, held by this process until `close`. */
export interface OpenedStore {
  readonly files: DirectoryFiles
  readonly genesis: Genesis
  readonly signer: Signer
  readonly store: LedgerStore
  /** As the blocks of the registrar's chain say that count, and as all say that are held. */
  readonly membership: Membership
  readonly heldMembership: Membership
  /** Those that have begun: of what counts of the registrar's chain. */
  readonly epochs: Epochs
  close(): Promise<void>
}

export interface OpenNodeInit extends OpenStoreInit {
  readonly settings?: Partial<NodeSettings>
  /** Multiaddrs; for port 0 the port of the last time is asked for again. */
  readonly listen?: readonly string[]
  /** What to tell others instead of the listening addresses. */
  readonly announce?: readonly string[]
  readonly reach?: Reach
  readonly logger?: Logger
  readonly platform?: Platform
  /** In place of libp2p. */
  readonly network?: (key: Uint8Array) => Network | Promise<Network>
}

export interface OpenedNode extends Omit<OpenedStore, 'membership' | 'heldMembership' | 'epochs'> {
  readonly node: LedgerNode
  /** Starts the node and remembers where it is reached. Listeners are best added before. */
  start(): Promise<void>
  /** Stops the node, closes the store, gives the directory back; in this order, whatever fails. */
  close(): Promise<void>
}

/**
 * Opens what stands in a node's directory without a network: what a command does with a stopped node. Throws the codes of
 * the directory (NO_NETWORK, NO_KEY, KEY_EXPOSED, …) and of openLedger (STORE_LOCKED naming the holder, …); DISK_FULL says that
 * opening needs room.
 */
export async function openStore(init: OpenStoreInit): Promise<OpenedStore> {
  useNativeHash()
  const files = filesOf(init.dir)
  const genesis = await readGenesisFile(files)
  const signer = createSigner(await readKeyFile(files))
  const verify = init.verify ?? verifySignature
  const store = await openLedgerOf(init, {
    networkId: genesis.networkId,
    ownKey: signer.publicKey,
    verifySigned: (checkpoint) => verifyCheckpoint(verify, genesis.networkId, checkpoint),
  }).catch((error: unknown) => explainFullDisk(init.dir, error))
  try {
    const finalSize = store.witness.final(genesis.registrar)?.size ?? 0
    let epochs = Epochs.of(initialMembership(genesis))
    const onCounted = (state: Membership): void => {
      epochs = epochs.extended(state)
    }
    const { membership, held } = await Roster.load(genesis, store, { finalSize, onCounted })
    return { files, genesis, signer, store, membership, heldMembership: held, epochs, close: () => store.close() }
  } catch (error) {
    await store.close().catch(() => undefined)
    throw error
  }
}

/**
 * Opens the node of a directory, not started yet. Its neighbours are those of `settings.bootstrap`, of the ticket it came
 * by, and whom these tell of. Throws as `openStore` does, and what the network throws for addresses it cannot use.
 */
export async function openNode(init: OpenNodeInit): Promise<OpenedNode> {
  const opened = await openStore(init)
  try {
    const { files, genesis, signer, store } = opened
    const platform = init.platform ?? systemPlatform
    const settings = await settingsOf(init, files)
    // Nodes are found before there is a node that could dial them.
    let found: (address: string) => void = () => undefined
    const network = await openNetwork(init, files, signer.publicKey, platform, (address) => found(address))
    const logger = init.logger ?? silentLogger
    const verify = init.verify ?? verifySignature
    const node = await LedgerNode.create({ genesis, signer, verify, network, store, platform, logger, settings })
    found = (address) => node.addAddress(address)
    const memory = new NeighbourMemory(files, node, platform.timers)
    const start = async (): Promise<void> => {
      for (const address of await readNeighbours(files)) node.addAddress(address)
      await node.start().catch((error: unknown) => Promise.reject(listenError(error)))
      await rememberAddresses(files, network.addresses())
    }
    const close = once(() => inOrder([() => memory.end(), () => node.stop(), () => opened.close()]))
    return { files, genesis, signer, store, node, start, close }
  } catch (error) {
    await opened.close().catch(() => undefined)
    throw error
  }
}

async function openLedgerOf({ dir, kv }: OpenStoreInit, init: Omit<LedgerStoreInit, 'kv'>): Promise<LedgerStore> {
  if (kv === undefined) return openLedger({ directory: dir, ...init })
  const lock = await lockDirectory(dir)
  try {
    return await LedgerStore.open({ ...init, kv, onClose: () => lock.release() })
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function settingsOf(init: OpenNodeInit, files: DirectoryFiles): Promise<NodeSettings> {
  const settings: NodeSettings = { ...DEFAULT_SETTINGS, ...init.settings }
  const entry = await readEntry(files)
  return entry === undefined ? settings : { ...settings, bootstrap: [...new Set([...settings.bootstrap, ...entry.addresses])] }
}

async function openNetwork(
  init: OpenNodeInit,
  files: DirectoryFiles,
  key: Uint8Array,
  platform: Platform,
  onDiscovered: (address: string) => void,
): Promise<Network> {
  if (init.network !== undefined) return init.network(key)
  const listen = await rememberedListen(files, init.listen ?? DEFAULT_LISTEN)
  const seed = await readKeyFile(files)
  const { announce, reach } = init
  const network = await createLibp2pNetwork({
    seed,
    platform,
    listen,
    ...(announce === undefined ? {} : { announce }),
    ...(reach === undefined ? {} : { reach }),
    onDiscovered,
  })
  if (!equalBytes(network.self, key)) throw new WattnessError('KEY_MALFORMED', `${files.key} changed while it was being used`)
  return network
}

/** libp2p says which address failed and why in the middle of a text that is made for programmers. */
function listenError(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error)
  const failures = [...message.matchAll(/^\s*(\/\S+): Error: (?:listen )?(.*)$/gm)].map(
    ([, address, why]) => `${address}: ${why}`,
  )
  if (failures.length === 0) return error instanceof Error ? error : new Error(message)
  const text = `cannot listen on ${failures.join('; ')}`
  return new WattnessError('LISTEN_FAILED', text, { failures }, { cause: error })
}

/** Runs all steps, each after the one before and whether or not that failed; throws the first failure at the end. */
async function inOrder(steps: readonly (() => Promise<void> | undefined)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => (done ??= work())
}

/** A new link brings what the neighbour tells of others; some seconds later it has. */
const REMEMBER_AFTER_MS = 5_000

/** Writes down where neighbours are reached, now and then and at the end: a box that is cut off never comes to its end. */
class NeighbourMemory {
  readonly #files: DirectoryFiles
  readonly #node: LedgerNode
  readonly #timers: Timers
  readonly #unsubscribe: () => void
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(files: DirectoryFiles, node: LedgerNode, timers: Timers) {
    this.#files = files
    this.#node = node
    this.#timers = timers
    this.#unsubscribe = node.on('link', () => {
      this.#timer ??= timers.set(REMEMBER_AFTER_MS, () => {
        this.#timer = undefined
        this.#write()
      })
    })
  }

  #write(): void {
    const addresses = this.#node.knownAddresses()
    // A hint for the next start: a full disk is somebody else's to tell.
    if (addresses.length > 0) this.#writing = rememberNeighbours(this.#files, addresses).catch(() => undefined)
  }

  async end(): Promise<void> {
    this.#unsubscribe()
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    await this.#writing
    this.#write()
    await this.#writing
  }
}
