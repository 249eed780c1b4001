import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { sha256 } from '../../../protocol/hash.ts'
import { createLibp2pNetwork, type Libp2pNetworkInit, type Network } from '../../net/index.ts'
import { sleep, systemPlatform, systemTimers } from '../../platform.ts'
import { text, type World } from './world.ts'

export function seedOf(number: number): Uint8Array {
  return sha256(text(`seed ${number}`))
}

/** A node on a loopback port of the system's choice. */
export function createRealNetwork(number: number, init: Partial<Libp2pNetworkInit> = {}): Promise<Network> {
  return createLibp2pNetwork({ seed: seedOf(number), platform: systemPlatform, ...init })
}

export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn > 3_000) throw new Error(`${what}: not so after 15 s`)
    await sleep(systemTimers, 5)
  }
}

/** Real sockets and real time. */
export async function createRealWorld(): Promise<World> {
  return {
    create: (number) => createRealNetwork(number),
    until,
    calm: () => sleep(systemTimers, 120),
    wait: (promise) => promise,
    end: async () => undefined,
  }
}

/** A node that keeps to libp2p and to nothing of ours: what a hostile peer can do is written on top of it. */
export async function createRawPeer(number: number): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seedOf(number)),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), ping: ping() },
  })
}
