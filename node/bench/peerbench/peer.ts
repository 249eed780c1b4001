import type { Genesis } from '../../../protocol/index.ts'
import { createGenesisFile, createKeyFile, keyFileExists, makeDirectory } from '../../directory/index.ts'
import { createLibp2pNetwork, type Network, type NodeSettings, type OpenedNode, openNode, systemPlatform } from '../../index.ts'
import { seedNamed, withoutDials } from '../bench-node.ts'

export interface PeerInit {
  /** Decides the key: see `seedNamed`. */
  readonly name: string
  /** A node's directory, made where there is none; one that a killed process left is gone on with. */
  readonly dir: string
  readonly genesis: Genesis
  readonly settings?: Partial<NodeSettings>
  /** Unless set the node dials nobody of its own accord: the measurement decides who is linked with whom. */
  readonly dials?: boolean
}

/** A started node of a real directory. */
export interface Peer extends OpenedNode {
  readonly addresses: readonly string[]
  dial(address: string): Promise<void>
}

/**
 * The measurement alone says when a block is sealed, and begins with nobody else there. The time to an announcement is the
 * shortest preset, that of a block every second and a half: other systems tell at once too.
 */
const SETTINGS: Partial<NodeSettings> = { rowsAtOnce: 1_000_000, sealAlone: true, announceDelayMs: 250 }

export async function openPeer({ name, dir, genesis, settings, dials = false }: PeerInit): Promise<Peer> {
  const seed = seedNamed(name)
  const files = await makeDirectory(dir)
  if (!(await keyFileExists(files))) await createKeyFile(files, { bytes: () => seed })
  await createGenesisFile(files, genesis)
  let network: Network | undefined
  const opened = await openNode({
    dir,
    settings: { ...SETTINGS, ...settings },
    network: async () => {
      network = await createLibp2pNetwork({ seed, platform: systemPlatform })
      return dials ? network : withoutDials(network)
    },
  })
  const tell = (text: string): void => void process.stderr.write(`${name}: ${text}\n`)
  opened.node.on('fault', ({ peer, fault, detail }) => tell(`${fault} of ${peer.slice(0, 8)}: ${detail}`))
  opened.node.on('damage', ({ error }) => tell(error.message))
  await opened.start()
  return {
    ...opened,
    addresses: opened.node.network.addresses(),
    dial: async (address) => network?.dial(address),
  }
}
