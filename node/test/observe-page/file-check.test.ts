import { expect } from 'chai'
import { formatEvidenceFile, MAX_PROOF_FILE_BYTES, toHex, toUtf8 } from '../../../protocol/index.ts'
import { checkFile } from '../../observe/page/check/file-check.ts'
import { createSignatureChecker, type SignatureChecker } from '../../observe/page/check/signatures.ts'
import { ObservedStreet } from '../observe/observed-street.ts'

describe('observe: a file checked in the page', () => {
  let street: ObservedStreet
  let checker: SignatureChecker
  let file: string

  before(async () => {
    street = await ObservedStreet.create()
    checker = await createSignatureChecker(globalThis.crypto.subtle)
    file = (await street.all.time.wait(street.app().inject('/v1/members/1/proof?height=1'))).body
  })
  after(() => street.stop())

  it('a proof is proven, with the network that it is of', async () => {
    const found = await checkFile(toUtf8(file), checker)
    if (found.type !== 'proof' || !found.report.ok) throw new Error(JSON.stringify(found))
    expect(found.report.proven.header.height).to.equal(1)
    expect(found.network?.id).to.equal(toHex(street.all.genesis.networkId))
    expect(found.words).to.include('Proven, for whoever believes')
  })

  it('a proof with one byte changed is refused, wherever that is', async () => {
    for (let at = 0; at < file.length; at += Math.ceil(file.length / 40)) {
      const changed = toUtf8(file)
      changed[at] = (changed[at] as number) ^ 1
      const found = await checkFile(changed, checker)
      if (found.type === 'too-large') throw new Error('not that large')
      expect(found.report.ok, `byte ${at}`).to.equal(false)
      expect(found.network).to.equal(undefined)
    }
  })

  it('evidence of nothing is refused as evidence', async () => {
    const text = formatEvidenceFile({ genesis: street.all.genesis.bytes, evidence: Uint8Array.of(1, 2, 3) })
    const found = await checkFile(toUtf8(text), checker)
    expect(found.type).to.equal('evidence')
    expect(found.type === 'evidence' && found.report.ok).to.equal(false)
  })

  it('what is no such file at all is refused', async () => {
    for (const bytes of [Uint8Array.of(0xff, 0xfe), toUtf8('{}'), new Uint8Array(0)]) {
      const found = await checkFile(bytes, checker)
      expect(found.type === 'proof' && !found.report.ok).to.equal(true)
    }
  })

  it('a file larger than any proof is not read', async () => {
    const found = await checkFile(new Uint8Array(MAX_PROOF_FILE_BYTES + 1), checker)
    expect(found).to.deep.equal({ type: 'too-large', bytes: MAX_PROOF_FILE_BYTES + 1 })
  })
})
