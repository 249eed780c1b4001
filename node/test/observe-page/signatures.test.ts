import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { fromHex, type VerifySignature, verifyStrict } from '../../../protocol/index.ts'
import { createSignatureChecker, nobleChecker, settleLater, verifyWithNoble } from '../../observe/page/check/signatures.ts'

interface Vector {
  readonly name: string
  readonly key: string
  readonly message: string
  readonly signature: string
  readonly valid: boolean
  readonly cofactorless: boolean
}

const { cases } = JSON.parse(readFileSync(new URL('../../../protocol/test/vectors/ed25519.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Vector[]
}

const parts = ({ key, message, signature }: Vector): readonly [Uint8Array, Uint8Array, Uint8Array] => [
  fromHex(signature),
  fromHex(message),
  fromHex(key),
]

describe('observe: signatures in the page', () => {
  it('noble answers every vector as the pinned rule does', () => {
    for (const each of cases) expect(verifyStrict(verifyWithNoble, ...parts(each)), each.name).to.equal(each.valid)
  })

  it('WebCrypto answers every vector as the pinned rule does', async () => {
    const checker = await createSignatureChecker(webcrypto.subtle as unknown as SubtleCrypto)
    expect(checker.library).to.equal('WebCrypto')
    for (const each of cases) {
      expect(await checker.settle((verify) => verifyStrict(verify, ...parts(each))), each.name).to.equal(each.valid)
    }
  })

  it('noble stands in where there is no WebCrypto, none with Ed25519, or one that clears the cofactor', async () => {
    expect((await createSignatureChecker(undefined)).library).to.equal('noble')
    const lacking = { importKey: () => Promise.reject(new Error('Ed25519?')) } as unknown as SubtleCrypto
    expect((await createSignatureChecker(lacking)).library).to.equal('noble')
    const lenient = { importKey: () => Promise.resolve({}), verify: () => Promise.resolve(true) } as unknown as SubtleCrypto
    expect((await createSignatureChecker(lenient)).library).to.equal('noble')
  })

  it('lengths that are none are no signature', () => {
    const [first] = cases as [Vector]
    const [signature, message, key] = parts(first)
    expect(verifyWithNoble(signature.subarray(1), message, key)).to.equal(false)
    expect(verifyWithNoble(signature, message, key.subarray(1))).to.equal(false)
  })

  it('settle answers as if each signature had been checked at once', async () => {
    const good = Uint8Array.of(1)
    const bad = Uint8Array.of(2)
    const asked: number[] = []
    const settle = settleLater((signature) => {
      asked.push(signature[0] as number)
      return Promise.resolve(signature[0] === 1)
    })
    const work = (verify: VerifySignature): string => {
      if (!verify(good, good, good)) return 'first refused'
      return verify(bad, bad, bad) ? 'both taken' : verify(good, bad, good) ? 'second refused' : 'all refused'
    }
    expect(await settle(work)).to.equal('second refused')
    expect(asked).to.deep.equal([1, 2, 1])
  })

  it('settle throws what the work throws, once the signatures before it are known to be good', async () => {
    const fault = new Error('of the work')
    const answers = [true, false]
    for (const answer of answers) {
      const settle = settleLater(() => Promise.resolve(answer))
      const run = settle((verify) => {
        if (verify(Uint8Array.of(1), Uint8Array.of(1), Uint8Array.of(1))) throw fault
        return 'refused'
      })
      expect(await run.catch((error: unknown) => error)).to.equal(answer ? fault : 'refused')
    }
    expect(await nobleChecker.settle(() => Promise.reject(fault)).catch((error: unknown) => error)).to.equal(fault)
  })

  it('settle gives up on work that asks for other signatures each time', async () => {
    let count = 0
    const settle = settleLater(() => Promise.resolve(false))
    const run = settle((verify) => verify(Uint8Array.of(count++), Uint8Array.of(1), Uint8Array.of(1)))
    expect(await run.catch((error: unknown) => String(error))).to.include('unsettled after 64 rounds')
  })
})
