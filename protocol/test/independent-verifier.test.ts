import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { type Policy, verifyTlogProof } from './independent/tlog-proof-verifier.ts'
import { proofFileVectors } from './vectors/make-proof-file.ts'
import { tlogProofVectors } from './vectors/make-tlog-proof.ts'

const found = tlogProofVectors.cases.find(({ name }) => name === 'three of four witnesses')
if (found === undefined) throw new Error('the vectors have no proof of three witnesses')
const { proof, log, witnesses, quorum } = found
const policy: Policy = { log, witnesses, quorum }
const entry = Buffer.from(found.entry, 'hex')

function isAccepted(bytes: Buffer, logged = entry): boolean {
  try {
    verifyTlogProof(bytes, logged, policy)
    return true
  } catch {
    return false
  }
}

describe('a verifier written from the C2SP texts alone', () => {
  it('imports nothing of this project', () => {
    const source = readFileSync(new URL('independent/tlog-proof-verifier.ts', import.meta.url), 'utf8')
    expect([...source.matchAll(/\bfrom '([^']+)'|\bimport\(/g)].map(([, from]) => from)).to.deep.equal(['node:crypto'])
  })

  for (const { name, result, ...item } of tlogProofVectors.cases) {
    it(`P8: agrees on ${name}`, () => {
      const check = () => verifyTlogProof(Buffer.from(item.proof), Buffer.from(item.entry, 'hex'), item)
      if (typeof result === 'string') return expect(check).to.throw()
      const { index, size, times } = check()
      expect([Number(index), Number(size)]).to.deep.equal([result.index, result.size])
      return expect([...times.values()].map(Number)).to.deep.equal(result.times)
    })
  }

  for (const { name, text } of tlogProofVectors.malformed) {
    it(`P7: refuses ${name}`, () => expect(() => verifyTlogProof(Buffer.from(text), entry, policy)).to.throw())
  }

  for (const { name, file, proves } of proofFileVectors.cases) {
    it(`P18: needs nothing of a proof file but header, proof and keys: ${name}`, () => {
      const form = JSON.parse(file) as Policy & { readonly header: string; readonly proof: string }
      const { index, size } = verifyTlogProof(Buffer.from(form.proof), Buffer.from(form.header, 'base64'), form)
      expect([Number(index), Number(size)]).to.deep.equal([proves.height, proves.size])
    })
  }

  it('P8: refuses a proof in which any one byte is another, missing or too many', () => {
    const bytes = Buffer.from(proof)
    expect(isAccepted(bytes)).to.equal(true)
    for (let at = 0; at < bytes.length; at++) {
      const was = bytes[at] as number
      for (const now of [was ^ 1, was ^ 0x20, was ^ 0x80, 0x0a, 0x41].filter((value) => value !== was)) {
        const changed = Buffer.from(bytes)
        changed[at] = now
        expect(isAccepted(changed), `byte ${at} from ${was} to ${now}`).to.equal(false)
      }
      expect(isAccepted(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])), `without byte ${at}`).to.equal(false)
      const more = Buffer.concat([bytes.subarray(0, at), Buffer.of(was), bytes.subarray(at)])
      expect(isAccepted(more), `byte ${at} twice`).to.equal(false)
    }
  }).timeout(60_000)

  it('P8: refuses an entry in which any one byte is another', () => {
    for (let at = 0; at < entry.length; at++) {
      const changed = Buffer.from(entry)
      changed[at] = (changed[at] as number) ^ 1
      expect(isAccepted(Buffer.from(proof), changed)).to.equal(false)
    }
  })
})
