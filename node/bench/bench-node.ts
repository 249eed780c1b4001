import { parseGenesis, sha256, toUtf8, verifyCheckpoint } from '../../protocol/index.ts'
import { silentLogger } from '../logger.ts'
import { createLibp2pNetwork, type Network } from '../net/index.ts'
import { LedgerNode } from '../node.ts'
import { systemPlatform } from '../platform.ts'
import { DEFAULT_SETTINGS, type NodeSettings } from '../settings.ts'
import { createSigner, useNativeHash, verifySignature } from '../signature.ts'
import { LedgerStore, openLevelKv } from '../store/index.ts'

export interface BenchNodeInit {
  /** Decides the key: see `seedNamed`. */
  readonly name: string
  readonly dir: string
  readonly genesisBytes: Uint8Array
  readonly settings?: Partial<NodeSettings>
  /** The node dials nobody of its own accord: the measurement decides who is linked with whom. */
  readonly dialsNobody?: boolean
}

/** A whole node on LevelDB and TCP, started, without the files of a node's directory. */
export interface BenchNode {
  readonly node: LedgerNode
  readonly store: LedgerStore
  dial(address: string): Promise<void>
  close(): Promise<void>
}

/** The key of whoever is called so in a measurement. */
export function seedNamed(name: string): Uint8Array {
  return sha256(toUtf8(`bench ${name}`))
}

export async function openBenchStore({ name, dir, genesisBytes }: BenchNodeInit): Promise<LedgerStore> {
  const { networkId } = parseGenesis(genesisBytes)
  return LedgerStore.open({
    kv: await openLevelKv(dir),
    networkId,
    ownKey: createSigner(seedNamed(name)).publicKey,
    verifySigned: (checkpoint) => verifyCheckpoint(verifySignature, networkId, checkpoint),
  })
}

export async function openBenchNode(init: BenchNodeInit): Promise<BenchNode> {
  useNativeHash()
  const seed = seedNamed(init.name)
  const store = await openBenchStore(init)
  const network = await createLibp2pNetwork({ seed, platform: systemPlatform })
  const node = await LedgerNode.create({
    genesis: parseGenesis(init.genesisBytes),
    signer: createSigner(seed),
    verify: verifySignature,
    network: init.dialsNobody ? withoutDials(network) : network,
    store,
    platform: systemPlatform,
    logger: silentLogger,
    settings: { ...DEFAULT_SETTINGS, ...init.settings },
  })
  node.on('fault', ({ peer, fault, detail }) => {
    process.stderr.write(`${init.name}: ${fault} of ${peer.slice(0, 8)}: ${detail}\n`)
  })
  await node.start()
  const close = async (): Promise<void> => {
    await node.stop()
    await store.close()
  }
  return { node, store, dial: (address) => network.dial(address), close }
}

export function withoutDials(network: Network): Network {
  return new Proxy(network, {
    get(target, name) {
      if (name === 'dial') return () => Promise.reject(new Error('this node dials nobody'))
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
