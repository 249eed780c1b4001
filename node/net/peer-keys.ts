import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'

/** The raw Ed25519 key of a peer id; undefined for every other kind, which no member has. */
export function keyOfPeer(peer: PeerId): Uint8Array | undefined {
  return peer.type === 'Ed25519' ? peer.publicKey.raw : undefined
}

export function peerOfKey(key: Uint8Array): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(key))
}

/** The key behind the last /p2p/ of a multiaddr; undefined where there is none or the text is no multiaddr. */
export function keyOfAddress(address: string): Uint8Array | undefined {
  try {
    const id = multiaddr(address)
      .getComponents()
      .findLast(({ code }) => code === CODE_P2P)?.value
    return id === undefined ? undefined : keyOfPeer(peerIdFromString(id))
  } catch {
    return undefined
  }
}

export function isAddress(address: string): boolean {
  try {
    return multiaddr(address).getComponents().length > 0
  } catch {
    return false
  }
}
