import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { toHex } from '../bytes.ts'
import type { PeerAddresses } from '../frames.ts'
import { addressesDigest, attestationsDigest, isSameKnown, KNOWN_DIGEST_BYTES, NO_DIGEST } from '../known-digests.ts'

const filled = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte)

const halfHash = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

const peer = (byte: number, ...addresses: string[]): PeerAddresses => ({ key: filled(byte, 32), addresses })

describe('digests of a hello', () => {
  it('S30: of addresses is half the hash of keys and addresses, a line each, in ascending order', () => {
    const text = `${'01'.repeat(32)}\n/a\n${'02'.repeat(32)}\n/c\n/b\n`
    const digest = addressesDigest([peer(2, '/c', '/b'), peer(1, '/a')])
    expect(toHex(digest)).to.equal(halfHash(text))
    expect(toHex(addressesDigest([peer(1, '/a'), peer(2, '/c', '/b')]))).to.equal(halfHash(text))
    expect(toHex(addressesDigest([]))).to.equal(halfHash(''))
    const others = [[peer(1, '/a')], [peer(1, '/a'), peer(2, '/b', '/c')], [peer(1, '/a', '/c'), peer(2, '/b')], [peer(1, '/ac')]]
    const all = new Set([digest, ...others.map(addressesDigest)].map(toHex))
    expect(all.size).to.equal(others.length + 1)
  })

  it('S30: of attestations is half the hash of their signatures in ascending order', () => {
    const [a, b] = [filled(1, 64), filled(2, 64)]
    expect(toHex(attestationsDigest([b, a]))).to.equal(halfHash(Buffer.concat([a, b])))
    expect(toHex(attestationsDigest([a, b]))).to.equal(halfHash(Buffer.concat([a, b])))
    expect(toHex(attestationsDigest([]))).to.equal(halfHash(''))
    expect(toHex(attestationsDigest([a]))).to.not.equal(toHex(attestationsDigest([a, b])))
  })

  it('S30: two that are equal say the same, but zero bytes say nothing', () => {
    const [a, b] = [addressesDigest([]), addressesDigest([peer(1)])]
    expect(a).to.have.length(KNOWN_DIGEST_BYTES)
    expect(isSameKnown(a, a.slice())).to.equal(true)
    expect(isSameKnown(a, b)).to.equal(false)
    expect(isSameKnown(NO_DIGEST, NO_DIGEST.slice())).to.equal(false)
    expect(isSameKnown(a, NO_DIGEST)).to.equal(false)
  })
})
