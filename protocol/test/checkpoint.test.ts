import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { fromHex, fromUtf8, toHex, toUtf8 } from '../bytes.ts'
import {
  checkpointOrigin,
  encodeCheckpoint,
  formatCheckpoint,
  formatSignedCheckpointNote,
  parseCheckpoint,
  parseCheckpointOrigin,
  parseSignedCheckpointNote,
  signCheckpoint,
  verifyCheckpoint,
} from '../checkpoint.ts'
import { sha256 } from '../hash.ts'
import { formatNote, NOTE_ED25519, noteKeyId, openNote, parseNote, parseVerifierKey } from '../note.ts'
import { codeOf } from './codes.ts'
import { testSigner, testVerify } from './signing.ts'
import { checkpointVectors } from './vectors/make-checkpoint.ts'

const networkId = sha256(toUtf8('network'))
const otherNetwork = sha256(toUtf8('another network'))
const signer = testSigner('checkpoint')
const root = sha256(toUtf8('root'))
const signed = signCheckpoint(signer, networkId, 12, root)
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const size = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

describe('checkpoint', () => {
  describe('vectors', () => {
    const network = fromHex(checkpointVectors.networkId)
    const member = fromHex(checkpointVectors.member)

    it('checkpoint.json is what its script makes', () => {
      expect(JSON.parse(readFileSync(new URL('vectors/checkpoint.json', import.meta.url), 'utf8'))).to.deep.equal(
        checkpointVectors,
      )
    })

    for (const each of checkpointVectors.cases) {
      it(`C2, C4, C6: size ${each.size}`, () => {
        const checkpoint = { member, size: each.size, root: fromHex(each.root), signature: fromHex(each.signature) }
        expect(fromUtf8(encodeCheckpoint(network, member, each.size, checkpoint.root))).to.equal(each.text)
        expect(verifyCheckpoint(testVerify, network, checkpoint)).to.equal(true)
        expect(formatSignedCheckpointNote(network, checkpoint)).to.equal(each.note)
        expect(parseSignedCheckpointNote(testVerify, each.note)).to.deep.equal({ networkId: network, checkpoint })
        expect(openNote(testVerify, each.note, [parseVerifierKey(checkpointVectors.verifierKey)]).text).to.equal(each.text)
      })
    }
  })

  it('C1: an origin names network and member, and no other text is one', () => {
    const origin = checkpointOrigin(networkId, signer.publicKey)
    expect(origin).to.equal(`wattness/1/${toHex(networkId)}/${toHex(signer.publicKey)}`)
    expect(parseCheckpointOrigin(origin)).to.deep.equal({ networkId, member: signer.publicKey })
    for (const text of ['', `${origin}0`, origin.toUpperCase(), origin.replace('/1/', '/2/'), origin.slice(1), `${origin}\n`]) {
      expect(parseCheckpointOrigin(text)).to.equal(undefined)
    }
  })

  it('C2: the bytes that are signed are the text, for every size and root', () => {
    fc.assert(
      fc.property(bytes32, bytes32, size, bytes32, (network, member, count, hash) => {
        const text = formatCheckpoint(checkpointOrigin(network, member), { size: count, root: hash })
        expect(fromUtf8(encodeCheckpoint(network, member, count, hash))).to.equal(text)
      }),
    )
    for (let power = 1; power <= 1e15; power *= 10) {
      for (const count of [power - 1, power, power + 1]) {
        const text = formatCheckpoint(checkpointOrigin(networkId, signer.publicKey), { size: count, root })
        expect(fromUtf8(encodeCheckpoint(networkId, signer.publicKey, count, root))).to.equal(text)
      }
    }
  })

  it('C2: members and networks that share a cache slot do not share an origin', () => {
    const other = signer.publicKey.slice()
    other[31] = (other[31] as number) ^ 1
    const otherNetworkInSlot = networkId.slice()
    otherNetworkInSlot[31] = (otherNetworkInSlot[31] as number) ^ 1
    for (let round = 0; round < 2; round++) {
      for (const network of [networkId, otherNetworkInSlot]) {
        for (const member of [signer.publicKey, other]) {
          const text = fromUtf8(encodeCheckpoint(network, member, 1, root))
          expect(text.split('\n')[0]).to.equal(checkpointOrigin(network, member))
        }
      }
    }
  })

  it('C2: a caller that changes its arrays afterwards does not change the cache', () => {
    const network = sha256(toUtf8('mutable network'))
    const member = sha256(toUtf8('mutable member'))
    const before = fromUtf8(encodeCheckpoint(network, member, 1, root))
    const [networkCopy, memberCopy] = [network.slice(), member.slice()]
    network[31] = 0xff
    member[31] = 0xff
    expect(fromUtf8(encodeCheckpoint(networkCopy, memberCopy, 1, root))).to.equal(before)
    expect(fromUtf8(encodeCheckpoint(network, member, 1, root))).to.not.equal(before)
  })

  it('OUT_OF_RANGE: encoding a size, root, key or network of another form', () => {
    const key = signer.publicKey
    for (const count of [-1, 1.5, 2 ** 53, Number.NaN]) {
      expect(codeOf(() => encodeCheckpoint(networkId, key, count, root))).to.equal('OUT_OF_RANGE')
    }
    expect(codeOf(() => encodeCheckpoint(networkId, key, 1, root.subarray(1)))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => encodeCheckpoint(networkId.subarray(1), key, 1, root))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => encodeCheckpoint(networkId, key.subarray(1), 1, root))).to.equal('OUT_OF_RANGE')
  })

  it('C3: text of any log is read, with extension lines', () => {
    const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
    const { origin, size: count, extensions } = parseCheckpoint(text)
    expect([origin, count, extensions]).to.deep.equal(['example.com/behind-the-sofa', 20852163, []])
    expect(parseCheckpoint(`${text}one\ntwo\n`).extensions).to.deep.equal(['one', 'two'])
    expect(formatCheckpoint(origin, parseCheckpoint(text))).to.equal(text)
  })

  it('MALFORMED_CHECKPOINT: every other form of size, root and lines', () => {
    const hash = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I='
    const bad = [
      '',
      'origin\n',
      `origin\n1\n`,
      `origin\n1\n${hash}`,
      `\n1\n${hash}\n`,
      `origin\n\n${hash}\n`,
      `origin\n1\n${hash}\n\n`,
      `origin\n1\n${hash}\nextension\n\n`,
      `origin\n01\n${hash}\n`,
      `origin\n00\n${hash}\n`,
      `origin\n-1\n${hash}\n`,
      `origin\n+1\n${hash}\n`,
      `origin\n1.0\n${hash}\n`,
      `origin\n1e3\n${hash}\n`,
      `origin\n 1\n${hash}\n`,
      `origin\n9007199254740992\n${hash}\n`,
      `origin\n99999999999999999999\n${hash}\n`,
      `origin\n1\n${hash.slice(0, -1)}\n`,
      `origin\n1\n${hash.replace('2I=', '2J=')}\n`,
      `origin\n1\n${hash.slice(4)}\n`,
      `origin\n1\nAAAA${hash}\n`,
    ]
    for (const text of bad)
      expect(
        codeOf(() => parseCheckpoint(text)),
        JSON.stringify(text),
      ).to.equal('MALFORMED_CHECKPOINT')
  })

  it('C4: a signature fits its network, member, size and root only', () => {
    expect(verifyCheckpoint(testVerify, networkId, signed)).to.equal(true)
    expect(verifyCheckpoint(testVerify, otherNetwork, signed)).to.equal(false)
    expect(verifyCheckpoint(testVerify, networkId, { ...signed, size: 13 })).to.equal(false)
    expect(verifyCheckpoint(testVerify, networkId, { ...signed, root: networkId })).to.equal(false)
    expect(verifyCheckpoint(testVerify, networkId, { ...signed, member: testSigner('other').publicKey })).to.equal(false)
  })

  it('C4: fields of a wrong form are false, not an error', () => {
    const always = (): boolean => true
    expect(verifyCheckpoint(always, networkId, signed)).to.equal(true)
    for (const change of [
      { size: -1 },
      { size: 2 ** 53 },
      { root: root.subarray(1) },
      { member: signer.publicKey.subarray(1) },
      { signature: signed.signature.subarray(1) },
    ]) {
      expect(verifyCheckpoint(always, networkId, { ...signed, ...change })).to.equal(false)
    }
  })

  it('C6: a note of another origin, or with extension lines, is no member checkpoint', () => {
    const sign = (text: string): string => {
      const name = text.slice(0, text.indexOf('\n'))
      const keyId = noteKeyId(name, NOTE_ED25519, signer.publicKey)
      return formatNote(text, [{ name, keyId, signature: signer.sign(toUtf8(text)) }])
    }
    const text = formatCheckpoint(checkpointOrigin(networkId, signer.publicKey), signed)
    expect(parseSignedCheckpointNote(testVerify, sign(text)).checkpoint.size).to.equal(12)
    expect(codeOf(() => parseSignedCheckpointNote(testVerify, sign(`${text}extension\n`)))).to.equal('MALFORMED_CHECKPOINT')
    expect(codeOf(() => parseSignedCheckpointNote(testVerify, sign(text.replace('wattness', 'example'))))).to.equal(
      'MALFORMED_CHECKPOINT',
    )
    expect(codeOf(() => parseSignedCheckpointNote(testVerify, 'no newline'))).to.equal('MALFORMED_CHECKPOINT')
  })

  it('C6: cosignatures on the note are ignored, a missing author signature is not', () => {
    const witness = { name: 'witness', keyId: new Uint8Array(4), signature: new Uint8Array(72) }
    const note = formatSignedCheckpointNote(networkId, signed)
    const { text, signatures } = parseNote(note)
    expect(parseSignedCheckpointNote(testVerify, formatNote(text, [witness, ...signatures])).checkpoint).to.deep.equal(signed)
    expect(codeOf(() => parseSignedCheckpointNote(testVerify, formatNote(text, [witness])))).to.equal('UNVERIFIED_NOTE')
    expect(codeOf(() => parseSignedCheckpointNote(() => false, note))).to.equal('INVALID_NOTE_SIGNATURE')
  })
})
