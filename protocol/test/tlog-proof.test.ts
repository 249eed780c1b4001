import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { fromBase64, fromHex, toBase64, toUtf8 } from '../bytes.ts'
import { leafHash } from '../hash.ts'
import { MAX_PROOF_HASHES } from '../limits.ts'
import { parseVerifierKey } from '../note.ts'
import { existedBy, formatTlogProof, MAX_TLOG_PROOF_BYTES, openTlogProof, parseTlogProof } from '../tlog-proof.ts'
import { codeOf } from './codes.ts'
import { expectRefusal } from './refusal.ts'
import { testVerify } from './signing.ts'
import { tlogProofVectors } from './vectors/make-tlog-proof.ts'

const { wellFormed, malformed, cases } = tlogProofVectors
const anyHash = new Uint8Array(32)
const hashesOf = (count: number): Uint8Array[] => Array.from({ length: count }, () => anyHash)

describe('tlog-proof', () => {
  it('tlog-proof.json is what its script makes', () => {
    const written: unknown = JSON.parse(readFileSync(new URL('vectors/tlog-proof.json', import.meta.url), 'utf8'))
    expect(written).to.deep.equal(tlogProofVectors)
  })

  for (const { name, text, index, hashes, checkpoint, extra } of wellFormed) {
    it(`P7: ${name}`, () => {
      const read = parseTlogProof(text)
      expect(read.index).to.equal(index)
      expect(read.hashes.map(toBase64)).to.deep.equal(hashes)
      expect(read.checkpoint).to.equal(checkpoint)
      expect(read.extra).to.deep.equal(extra === undefined ? undefined : fromBase64(extra))
      expect(formatTlogProof(read)).to.equal(text)
      expect(parseTlogProof(toUtf8(text))).to.deep.equal(read)
    })
  }

  for (const { name, text } of malformed) {
    it(`P7, MALFORMED_PROOF: ${name}`, () => expect(codeOf(() => parseTlogProof(text))).to.equal('MALFORMED_PROOF'))
  }

  it('P7, MALFORMED_PROOF: bytes that are not UTF-8, too many, and too many hashes', () => {
    expect(codeOf(() => parseTlogProof(Uint8Array.of(0xff)))).to.equal('MALFORMED_PROOF')
    const long = formatTlogProof({ index: 0, hashes: [], checkpoint: 'x'.repeat(MAX_TLOG_PROOF_BYTES) })
    expect(expectRefusal('MALFORMED_PROOF', () => parseTlogProof(long)).message).to.include(
      `at most ${MAX_TLOG_PROOF_BYTES} bytes`,
    )
    const most = formatTlogProof({ index: 0, hashes: hashesOf(MAX_PROOF_HASHES), checkpoint: '' })
    expect(parseTlogProof(most).hashes).to.have.length(MAX_PROOF_HASHES)
    const more = most.replace('index 0\n', `index 0\n${toBase64(anyHash)}\n`)
    expect(codeOf(() => parseTlogProof(more))).to.equal('MALFORMED_PROOF')
  })

  it('P7, MALFORMED_PROOF: what nobody would read is not written', () => {
    const write = (change: object) => () => formatTlogProof({ index: 0, hashes: [], checkpoint: '', ...change })
    expect(codeOf(write({ index: -1 }))).to.equal('MALFORMED_PROOF')
    expect(codeOf(write({ hashes: [new Uint8Array(31)] }))).to.equal('MALFORMED_PROOF')
    expect(codeOf(write({ hashes: hashesOf(MAX_PROOF_HASHES + 1) }))).to.equal('MALFORMED_PROOF')
  })

  for (const { name, proof, entry, log, witnesses, quorum, result } of cases) {
    it(`P8: ${name}`, () => {
      const policy = { log: parseVerifierKey(log), witnesses: witnesses.map(parseVerifierKey), quorum }
      const open = (): unknown => {
        const { index, checkpoint, cosignatures } = openTlogProof(testVerify, proof, leafHash(fromHex(entry)), policy)
        return { index, size: checkpoint.size, times: cosignatures.map(({ timeS }) => timeS) }
      }
      if (typeof result === 'string') expect(codeOf(open)).to.equal(result)
      else expect(open()).to.deep.equal(result)
    })
  }

  it('P9: existed by the time of the last of as many witnesses as may lie, and one', () => {
    const at = (...times: number[]) => times.map((timeS) => ({ timeS }))
    expect(existedBy(at(30, 10, 20), 0)).to.equal(10)
    expect(existedBy(at(30, 10, 20), 1)).to.equal(20)
    expect(existedBy(at(30, 10, 20), 3)).to.equal(undefined)
  })
})
