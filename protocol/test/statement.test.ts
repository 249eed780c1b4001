import { expect } from 'chai'
import { concat, fromHex, fromUtf8, toUtf8 } from '../bytes.ts'
import { encodeCheckpoint, parseCheckpointOrigin } from '../checkpoint.ts'
import { sha256 } from '../hash.ts'
import { encodeStatement, signStatement, verifyStatement } from '../statement.ts'
import { codeOf } from './codes.ts'
import { testSigner, testVerify } from './signing.ts'
import { checkpointVectors } from './vectors/make-checkpoint.ts'

const networkId = sha256(toUtf8('network'))
const signer = testSigner('statement')
const payload = toUtf8('payload')

describe('statement', () => {
  it('C7: context, a zero byte, network and payload', () => {
    const expected = concat(toUtf8('wattness attestation/1'), Uint8Array.of(0), networkId, payload)
    expect(encodeStatement('attestation', networkId, payload)).to.deep.equal(expected)
    expect(encodeStatement('attestation', networkId, payload)).to.deep.equal(expected)
  })

  it('C7: the vectors of checkpoint.json', () => {
    const [network, member] = [fromHex(checkpointVectors.networkId), fromHex(checkpointVectors.member)]
    for (const { name, payload: bytes, signature } of checkpointVectors.statements) {
      expect(verifyStatement(testVerify, name, network, fromHex(bytes), fromHex(signature), member)).to.equal(true)
    }
  })

  it('C7: a signature fits its name, network, payload and key only', () => {
    const signature = signStatement(signer, 'attestation', networkId, payload)
    const verify = (name: string, network: Uint8Array, bytes: Uint8Array, key: Uint8Array): boolean =>
      verifyStatement(testVerify, name, network, bytes, signature, key)
    expect(verify('attestation', networkId, payload, signer.publicKey)).to.equal(true)
    expect(verify('invitation', networkId, payload, signer.publicKey)).to.equal(false)
    expect(verify('attestation', sha256(networkId), payload, signer.publicKey)).to.equal(false)
    expect(verify('attestation', networkId, concat(payload, payload), signer.publicKey)).to.equal(false)
    expect(verify('attestation', networkId, payload, testSigner('other').publicKey)).to.equal(false)
  })

  it('C8: no statement is a checkpoint and no checkpoint a statement', () => {
    const statement = encodeStatement('attestation', networkId, encodeCheckpoint(networkId, signer.publicKey, 1, networkId))
    const prefix = fromUtf8(statement.subarray(0, 11))
    expect(prefix).to.equal('wattness at')
    expect(parseCheckpointOrigin(prefix)).to.equal(undefined)
    expect(fromUtf8(encodeCheckpoint(networkId, signer.publicKey, 1, networkId)).startsWith('wattness/1/')).to.equal(true)
  })

  it('OUT_OF_RANGE: a name of another form, or a network of another length', () => {
    for (const name of ['', 'Attestation', 'two words', 'a/1', 'a\u0000', '-a', 'a-', 'a--b']) {
      expect(codeOf(() => encodeStatement(name, networkId, payload))).to.equal('OUT_OF_RANGE')
    }
    expect(codeOf(() => encodeStatement('attestation', networkId.subarray(1), payload))).to.equal('OUT_OF_RANGE')
  })

  it('C7: more names than the cache holds give the same bytes', () => {
    const letters = Array.from({ length: 200 }, (_, i) => `bound-${String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26))}`)
    for (let round = 0; round < 2; round++) {
      for (const name of letters) {
        expect(encodeStatement(name, networkId, payload)).to.deep.equal(
          concat(toUtf8(`wattness ${name}/1`), Uint8Array.of(0), networkId, payload),
        )
      }
    }
  })
})
