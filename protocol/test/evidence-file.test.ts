import { expect } from 'chai'
import fc from 'fast-check'
import { toHex, toUtf8 } from '../bytes.ts'
import { encodeEvidence, orderEvidence } from '../evidence.ts'
import {
  checkEvidenceFile,
  type EvidenceReport,
  explainEvidenceFile,
  formatEvidenceFile,
  isEvidenceFile,
  MAX_EVIDENCE_FILE_BYTES,
  parseEvidenceFile,
} from '../evidence-file.ts'
import { formatGenesis, parseGenesis } from '../genesis.ts'
import { parseRoles } from '../roles.ts'
import { encodeWitnessEvidence } from '../witness-evidence.ts'
import { ChainAuthor, flipped } from './chain-author.ts'
import { testSigner, testVerify } from './signing.ts'
import { branchOf, evidenceOf } from './two-leaves.ts'

const meter = testSigner('meter')
const witness = testSigner('witness')
const genesisOf = (name: string): Uint8Array =>
  formatGenesis({
    name,
    registrar: testSigner('registrar').publicKey,
    members: [meter, witness].map(({ publicKey }, at) => ({
      key: publicKey,
      roles: parseRoles('meter,witness'),
      label: `Elm Street ${at + 1}`,
    })),
  })
const genesis = parseGenesis(genesisOf('Elm Street'))

function againstAuthor(signer = meter): Uint8Array {
  const [one, other] = [new ChainAuthor(signer, genesis.networkId), new ChainAuthor(signer, genesis.networkId)].map(
    (author, at) => {
      const checkpoint = author.append(at === 0 ? {} : { salt: new Uint8Array(16) }).checkpoint()
      return { checkpoint, root: checkpoint.root, proof: [] }
    },
  )
  if (one === undefined || other === undefined) throw new Error('no story')
  return encodeEvidence(orderEvidence(1, one, other))
}

const againstWitness = encodeWitnessEvidence(
  await evidenceOf({
    signer: witness,
    networkId: genesis.networkId,
    member: meter.publicKey,
    index: 1,
    members: 3,
    size: 7,
    one: { branch: branchOf(21, 6, 'one'), leafSize: 21 },
    other: { branch: branchOf(30, 6, 'other'), leafSize: 30 },
  }),
)

const fileOf = (evidence: Uint8Array): string => formatEvidenceFile({ genesis: genesis.bytes, evidence })
const check = (text: string | Uint8Array, ticketGenesis?: Uint8Array): EvidenceReport =>
  checkEvidenceFile(text, { verify: testVerify, ticketGenesis })

/** What is said to be wrong, as `part CODE`. */
function faultOf(report: EvidenceReport): string {
  return report.ok ? 'proven' : `${report.parts.join(' or ')} ${report.code}`
}

describe('evidence file', () => {
  it('A14: evidence of both kinds is proven from the file alone, and said in plain words', () => {
    const author = check(fileOf(againstAuthor()), genesis.bytes)
    if (!author.ok) return expect.fail(author.message)
    expect([author.proven.accusation.kind, toHex(author.proven.accused), author.proven.label]).to.deep.equal([
      'author',
      toHex(meter.publicKey),
      'Elm Street 1',
    ])
    expect(explainEvidenceFile(author)).to.match(/^Proven, for whoever believes the genesis of the network "Elm Street"/)
    expect(explainEvidenceFile(author)).to.contain('Its chain is stopped for good on every honest node')
    const accused = check(toUtf8(fileOf(againstWitness)))
    if (!accused.ok) return expect.fail(accused.message)
    expect([accused.proven.accusation.kind, accused.proven.label]).to.deep.equal(['witness', 'Elm Street 2'])
    const said = explainEvidenceFile(accused)
    expect(said).to.contain(`Witness ${toHex(witness.publicKey)} signed two histories of one chain`)
    return expect(said).to.contain('No chain is stopped by it')
  })

  it('A14: of a key that genesis does not name it says so', () => {
    const said = explainEvidenceFile(check(fileOf(againstAuthor(testSigner('later')))))
    expect(said).to.contain("Genesis does not name this key: whether it was a member then is in the registrar's chain.")
    const registrar = check(fileOf(againstAuthor(testSigner('registrar'))))
    expect(registrar.ok && registrar.proven.label).to.equal('registrar')
  })

  it('A14: every changed byte is refused', () => {
    for (const text of [fileOf(againstAuthor()), fileOf(againstWitness)]) {
      const bytes = toUtf8(text)
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
          const changed = bytes.slice()
          changed[at] = (changed[at] as number) ^ change
          expect(check(changed).ok).to.equal(false)
        }),
        { numRuns: 300 },
      )
      expect(check(bytes.subarray(0, -1)).ok).to.equal(false)
    }
  })

  it('A14, F4, A11: names the part that is wrong', () => {
    const evidence = againstAuthor()
    const withField = (change: object): string => `${JSON.stringify({ ...JSON.parse(fileOf(evidence)), ...change }, null, 2)}\n`
    expect(faultOf(check(fileOf(flipped(evidence, -3))))).to.equal('evidence INVALID_EVIDENCE')
    expect(faultOf(check(fileOf(flipped(againstWitness, -1))))).to.equal('evidence INVALID_EVIDENCE')
    expect(faultOf(check(fileOf(evidence.subarray(0, 60))))).to.match(/^evidence /)
    expect(faultOf(check(fileOf(Uint8Array.of(9))))).to.equal('evidence UNKNOWN_EVIDENCE_KIND')
    expect(faultOf(check(formatEvidenceFile({ genesis: toUtf8('{}'), evidence })))).to.equal('genesis GENESIS_INVALID')
    const other = genesisOf('Oak Street')
    expect(faultOf(check(formatEvidenceFile({ genesis: other, evidence })))).to.equal('evidence INVALID_EVIDENCE')
    expect(faultOf(check(fileOf(evidence), other))).to.equal('genesis WRONG_NETWORK')
    expect(faultOf(check(withField({ type: 'wattness-evidence/2' })))).to.equal('type EVIDENCE_FILE_INVALID')
    expect(faultOf(check(withField({ genesis: 7 })))).to.equal('genesis EVIDENCE_FILE_INVALID')
    expect(faultOf(check(withField({ evidence: 'a' })))).to.equal('evidence NON_CANONICAL')
    expect(faultOf(check(withField({ more: 1 })))).to.equal('file EVIDENCE_FILE_INVALID')
    expect(faultOf(check(withField({ evidence: undefined })))).to.equal('file EVIDENCE_FILE_INVALID')
    for (const text of ['', 'x', '[]', 'null', '{}', fileOf(evidence).trim()]) {
      expect(faultOf(check(text)), text.slice(0, 20)).to.equal('file EVIDENCE_FILE_INVALID')
    }
    expect(faultOf(check(' '.repeat(MAX_EVIDENCE_FILE_BYTES + 1)))).to.equal('file EVIDENCE_FILE_INVALID')
    const said = explainEvidenceFile(check(fileOf(flipped(evidence, -3))))
    expect(said).to.match(
      /^Not proven. What is wrong: evidence \(INVALID_EVIDENCE\)\.\nevidence file: evidence: evidence against/,
    )
  })

  it('what is no fault of the file is thrown', () => {
    const broken = (): boolean => {
      throw new TypeError('the checker itself')
    }
    expect(() => checkEvidenceFile(fileOf(againstAuthor()), { verify: broken })).to.throw(TypeError)
  })

  it('A14: what was written is read again, and told from other files', () => {
    const evidence = againstAuthor()
    expect(parseEvidenceFile(fileOf(evidence))).to.deep.equal({ genesis: genesis.bytes, evidence })
    expect(isEvidenceFile(fileOf(evidence))).to.equal(true)
    expect(isEvidenceFile('{"type":"wattness-evidence/9"}')).to.equal(true)
    const others = ['{}', '[]', 'null', '7', '', '{"type":7}', '{"type":"x"}', ' '.repeat(MAX_EVIDENCE_FILE_BYTES + 1)]
    for (const text of others) expect(isEvidenceFile(text)).to.equal(false)
  })
})
