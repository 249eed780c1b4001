import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { fromUtf8, toUtf8 } from '../bytes.ts'
import { isWattnessError } from '../errors.ts'
import { leafHash } from '../hash.ts'
import { parseVerifierKey } from '../note.ts'
import {
  formatProofFile,
  MAX_PROOF_FILE_BYTES,
  makeProofFile,
  type ProofFile,
  type ProofPart,
  parseProofFile,
  splitProofFile,
} from '../proof-file.ts'
import { openTlogProof } from '../tlog-proof.ts'
import { codeOf } from './codes.ts'
import { keyOf } from './numbered-keys.ts'
import { cosign, ProofSetting, seal } from './proof-setting.ts'
import { testVerify } from './signing.ts'
import { earlyProof as early, lateProof as late, proofFileVectors } from './vectors/make-proof-file.ts'

const parsed = parseProofFile(late)

/** The parts that a refused text is said to be wrong in. */
function partsOf(text: string | Uint8Array): readonly ProofPart[] {
  try {
    parseProofFile(text)
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return error.data.parts as ProofPart[]
  }
  return expect.fail('not refused')
}

const changed = (change: object): string => `${JSON.stringify({ ...(JSON.parse(late) as object), ...change }, null, 2)}\n`

describe('proof file', () => {
  it('proof-file.json is what its script makes', () => {
    const written: unknown = JSON.parse(readFileSync(new URL('vectors/proof-file.json', import.meta.url), 'utf8'))
    expect(written).to.deep.equal(proofFileVectors)
  })

  it('P18: a file comes back, as text and as bytes', () => {
    for (const text of [early, late]) {
      expect(formatProofFile(parseProofFile(text))).to.equal(text)
      expect(parseProofFile(toUtf8(text))).to.deep.equal(parseProofFile(text))
    }
  })

  it('P18: has the fields in their order', () => {
    const names = ['header', 'body', 'readings', 'proof', 'log', 'witnesses', 'quorum', 'genesis', 'membership']
    expect(Object.keys(JSON.parse(early) as object)).to.deep.equal(names)
    expect(Object.keys(JSON.parse(late) as object)).to.deep.equal([...names, 'end'])
  })

  it('P18: readings are written as the other commands write them', () => {
    const [energy, power, ...rest] = parsed.readings
    expect(energy).to.deep.equal({
      time: '2026-01-01T04:00:00Z',
      register: '1-0:1.8.0',
      value: '1236.167',
      unit: 'kWh',
      quality: 'good',
      timeSource: 'meter-clock',
      intervalMs: 900_000,
    })
    expect(power?.unit).to.equal('kW')
    expect(rest[3]).to.include({ value: null, quality: 'missing' })
  })

  it('P18, PROOF_FILE_INVALID: other spaces, order and spelling', () => {
    for (const text of [
      JSON.stringify(JSON.parse(late)),
      `${late} `,
      ` ${late}`,
      late.replace('"quorum": 4', '"quorum": 4.0'),
      late.replace('  "quorum": 4,\n', '  "quorum": 3,\n  "quorum": 4,\n'),
      late.replace('Elm', '\\u0045lm').replace('"header"', '"\\u0068eader"'),
      late.replace('{', '{ '),
    ]) {
      expect(
        codeOf(() => parseProofFile(text)),
        text.slice(0, 40),
      ).to.equal('PROOF_FILE_INVALID')
      expect(partsOf(text)).to.deep.equal(['file'])
    }
  })

  it('P18, PROOF_FILE_INVALID: what is no such file', () => {
    for (const text of ['', 'null', '[]', '7', '{}', late.slice(0, -3), changed({ more: 1 })]) {
      expect(partsOf(text)).to.deep.equal(['file'])
    }
    expect(partsOf(Uint8Array.of(0xff))).to.deep.equal(['file'])
    expect(partsOf(new Uint8Array(MAX_PROOF_FILE_BYTES + 1))).to.deep.equal(['file'])
  })

  const wrong: readonly (readonly [ProofPart, object])[] = [
    ['header', { header: 7 }],
    ['header', { header: 'AAA' }],
    ['header', { header: 'A'.repeat(4_000) }],
    ['body', { body: null }],
    ['body', { body: 'A'.repeat(100_000) }],
    ['readings', { readings: {} }],
    ['proof', { proof: [] }],
    ['log', { log: '' }],
    ['witnesses', { witnesses: '' }],
    ['witnesses', { witnesses: [''] }],
    ['witnesses', { witnesses: Array.from({ length: 23 }, () => '') }],
    ['quorum', { quorum: '3' }],
    ['quorum', { quorum: 2.5 }],
    ['quorum', { quorum: 23 }],
    ['genesis', { genesis: '=' }],
    ['membership', { membership: '' }],
    ['membership', { membership: [''] }],
    ['membership', { membership: ['Aw=='] }],
    ['membership', { membership: Array.from({ length: 1_025 }, () => '') }],
    ['end', { end: null }],
    ['end', { end: [] }],
    ['end', { end: { header: '', inclusion: [], more: 1 } }],
    ['end', { end: { header: '', inclusion: Array.from({ length: 65 }, () => '') } }],
    ['end', { end: { header: '', inclusion: ['A'.repeat(44)] } }],
  ]
  for (const [part, change] of wrong) {
    it(`P18: ${JSON.stringify(change).slice(0, 48)} is a fault of ${part}`, () => {
      expect(partsOf(changed(change))).to.deep.equal([part])
    })
  }

  it('P19: takes as many cosignatures as the quorum, the earliest', () => {
    const setting = new ProofSetting(4)
    const meter = setting.meter(2)
    seal(meter, 0)
    const checkpoint = meter.checkpoint()
    const signed = [5, 4, 3, 2].map((n, i) => cosign(setting.genesis, checkpoint, n, 1_767_225_700 - i))
    const init = {
      genesis: setting.genesis,
      block: meter.blocks[0] as { headerBytes: Uint8Array; body: Uint8Array },
      checkpoint,
      inclusion: [],
      witnesses: [2, 3, 4, 5].map(keyOf),
      quorum: 3,
      membership: [],
    }
    const { proof, log, witnesses } = makeProofFile({ ...init, cosignatures: signed })
    const { cosignatures } = openTlogProof(testVerify, proof, leafHash(init.block.headerBytes), { log, witnesses, quorum: 3 })
    expect(cosignatures.map(({ timeS }) => timeS)).to.deep.equal([1_767_225_697, 1_767_225_698, 1_767_225_699])
    expect(codeOf(() => makeProofFile({ ...init, cosignatures: signed.slice(2) }))).to.equal('QUORUM_MISSING')
    const same = [2, 3, 4].map((n) => cosign(setting.genesis, checkpoint, n, 7))
    expect(makeProofFile({ ...init, cosignatures: same }).proof).to.equal(
      makeProofFile({ ...init, cosignatures: same.toReversed() }).proof,
    )
    const unreadable = { ...(same[0] as (typeof same)[0]), signature: new Uint8Array(3) }
    expect(makeProofFile({ ...init, cosignatures: [unreadable, ...signed] }).proof).to.equal(proof)
  })

  it('P18: split into files, for tools that know the C2SP formats alone', () => {
    const files = new Map(splitProofFile(parsed).map(({ name, bytes }) => [name, bytes]))
    expect([...files.keys()]).to.deep.equal([
      'block.header',
      'block.body',
      'readings.json',
      'block.tlog-proof',
      'policy',
      'genesis.json',
      'membership-0000',
      'end.header',
    ])
    const lines = fromUtf8(files.get('policy') as Uint8Array).split('\n')
    const keys = (word: string): string[] =>
      lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(' ').at(-1) as string)
    const group = lines.find((line) => line.startsWith('group '))
    expect(group).to.equal('group witnesses 4 w0 w1 w2 w3 w4')
    expect(lines.at(-2)).to.equal('quorum witnesses')
    const policy = {
      log: parseVerifierKey(keys('log')[0] as string),
      witnesses: keys('witness').map(parseVerifierKey),
      quorum: 4,
    }
    const header = files.get('block.header') as Uint8Array
    expect(openTlogProof(testVerify, files.get('block.tlog-proof') as Uint8Array, leafHash(header), policy).index).to.equal(4)
    const bare: ProofFile = { ...parseProofFile(early), quorum: 0, witnesses: [] }
    expect(fromUtf8(splitProofFile(bare)[4]?.bytes as Uint8Array)).to.match(/^log [^\n]+\nquorum none\n$/)
  })
})
