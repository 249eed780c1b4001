import { hashes, Point } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { concat, fromHex, KEY_BYTES, SIGNATURE_BYTES, sha256, toHex, type VerifySignature } from '../../../../protocol/index.ts'

/**
 * Ed25519 in a browser. WebCrypto does it natively but answers later, and protocol/ asks for an answer at once; where a page
 * came over plain HTTP from another machine there is no WebCrypto at all.
 */
export interface SignatureChecker {
  readonly library: 'WebCrypto' | 'noble'
  /** Runs what checks signatures, and answers as if each had been checked on the spot. `work` may run several times. */
  settle<T>(work: (verify: VerifySignature) => T): Promise<T>
}

/** The order of the base point. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n

hashes.sha512 = sha512

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(bytes).reverse())}`)
}

/**
 * Rule C11, cofactorless: S·B − h·A must encode to the very bytes of R. The library's own verify() clears the cofactor, which
 * lets crafted signatures pass that every node refuses.
 */
export const verifyWithNoble: VerifySignature = (signature, message, key) => {
  if (signature.length !== SIGNATURE_BYTES || key.length !== KEY_BYTES) return false
  try {
    const r = signature.subarray(0, 32)
    const s = littleEndian(signature.subarray(32))
    if (s >= L) return false
    const point = Point.fromBytes(key, false)
    const h = littleEndian(sha512(concat(r, key, message))) % L
    const found = Point.BASE.multiply(s, false).add(point.multiply(h, false).negate())
    return toHex(found.toBytes()) === toHex(r)
  } catch {
    // A key that is no point: no signature fits it.
    return false
  }
}

export const nobleChecker: SignatureChecker = {
  library: 'noble',
  settle: (work) => Promise.resolve().then(() => work(verifyWithNoble)),
}

type VerifyLater = (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => Promise<boolean>

function webCryptoVerifier(subtle: SubtleCrypto): VerifyLater {
  return async (signature, message, key) => {
    try {
      const imported = await subtle.importKey('raw', Uint8Array.from(key), { name: 'Ed25519' }, false, ['verify'])
      return await subtle.verify({ name: 'Ed25519' }, imported, Uint8Array.from(signature), Uint8Array.from(message))
    } catch {
      return false
    }
  }
}

/** A proof file has some hundreds of signatures, most of them known after the first round. */
const MAX_ROUNDS = 64

interface Asked {
  readonly name: string
  readonly signature: Uint8Array
  readonly message: Uint8Array
  readonly key: Uint8Array
}

/**
 * Lets code that wants answers at once use a check that answers later: signatures not asked before are taken for genuine, then
 * checked; was one of them not, all is run again with what is known now.
 */
export function settleLater(verifyLater: VerifyLater): SignatureChecker['settle'] {
  return async (work) => {
    const known = new Map<string, boolean>()
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const asked = new Map<string, Asked>()
      const verify: VerifySignature = (signature, message, key) => {
        const name = toHex(sha256(concat(sha256(message), signature, key)))
        const answer = known.get(name)
        if (answer === undefined) asked.set(name, { name, signature: copy(signature), message: copy(message), key: copy(key) })
        return answer ?? true
      }
      const run = attempt(() => work(verify))
      const answers = await Promise.all(
        [...asked.values()].map(async (each) => [each.name, await verifyLater(each.signature, each.message, each.key)] as const),
      )
      for (const [name, answer] of answers) known.set(name, answer)
      if (answers.every(([, answer]) => answer)) return run()
    }
    throw new Error(`signatures unsettled after ${MAX_ROUNDS} rounds`)
  }
}

const copy = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)

/** What came of it, to be told when it is known whether it stands. */
function attempt<T>(work: () => T): () => T {
  try {
    const result = work()
    return () => result
  } catch (error) {
    return () => {
      throw error
    }
  }
}

interface Probe {
  readonly key: string
  readonly message: string
  /** R and S. */
  readonly signature: readonly [string, string]
  readonly valid: boolean
}

/** RFC 8032, test 1; and two that pass only where the cofactor is cleared (of protocol/test/vectors/ed25519.json). */
const PROBES: readonly Probe[] = [
  {
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature: [
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155',
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    valid: true,
  },
  {
    key: '5d99b28e385b7c57c7d4ac4a94ec15d49129e1e61c2a0473bf90d69518398bea',
    message: '706c61696e',
    signature: [
      'f477f303777f111df487ce8e641694b87eccb40ac8fbc98dadd80914455e473b',
      '24e617aff00442f14f987f305c941af60b15de04c704d3414c6b9ac983649f08',
    ],
    valid: false,
  },
  {
    key: 'a5638c12dc9b5cae8a688941f334e681d0dd92741c348c5d49b573d31625604a',
    message: '766563746f72203237',
    signature: [
      '314ed4f49bd8f3fb5c989320337b81eeaec07db6cced1f62884d9247cfcef87e',
      '07bed5727245254ce761dad454b13bd737772988ac769cd75ef5df83349cc60f',
    ],
    valid: false,
  },
]

/** WebCrypto where it is there and does Ed25519 as the protocol pins it; else noble, which is slower. */
export async function createSignatureChecker(subtle: SubtleCrypto | undefined): Promise<SignatureChecker> {
  if (subtle === undefined) return nobleChecker
  const verifyLater = webCryptoVerifier(subtle)
  for (const { key, message, signature, valid } of PROBES) {
    if ((await verifyLater(fromHex(signature.join('')), fromHex(message), fromHex(key))) !== valid) return nobleChecker
  }
  return { library: 'WebCrypto', settle: settleLater(verifyLater) }
}
