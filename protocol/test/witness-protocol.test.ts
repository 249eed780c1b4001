import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { fromBase64, toUtf8 } from '../bytes.ts'
import { formatSignatureLines, signCosignature, witnessVerifierKey } from '../cosignature.ts'
import { WattnessError } from '../errors.ts'
import { parseVerifierKey } from '../note.ts'
import {
  type AddCheckpointDecision,
  conflictSize,
  cosignedResponse,
  decideAddCheckpoint,
  formatAddCheckpointRequest,
  MAX_REQUEST_BYTES,
  MAX_REQUEST_HASHES,
  malformedResponse,
  parseAddCheckpointRequest,
  readCosignature,
  unavailableResponse,
  type WitnessedLog,
  type WitnessResponse,
} from '../witness-protocol.ts'
import { codeOf } from './codes.ts'
import { signerOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'
import { testVerify } from './signing.ts'
import { addCheckpointVectors } from './vectors/make-add-checkpoint.ts'

const { cases } = addCheckpointVectors
const bodyOf = (title: string): string => cases.find(({ name }) => name === title)?.body ?? expect.fail(`no case ${title}`)

function logOf({ log, recorded }: (typeof cases)[0]): WitnessedLog | undefined {
  if (log === undefined) return undefined
  const held = recorded === undefined ? undefined : { size: recorded.size, root: fromBase64(recorded.root) }
  return { keys: [parseVerifierKey(log)], recorded: held }
}

function decide(body: string | Uint8Array, log: WitnessedLog | undefined): AddCheckpointDecision {
  try {
    return decideAddCheckpoint(testVerify, parseAddCheckpointRequest(body), log)
  } catch (error) {
    return { type: 'refuse', response: malformedResponse(error) }
  }
}

describe('witness protocol', () => {
  it('add-checkpoint.json is what its script makes', () => {
    const written: unknown = JSON.parse(readFileSync(new URL('vectors/add-checkpoint.json', import.meta.url), 'utf8'))
    expect(written).to.deep.equal(JSON.parse(JSON.stringify(addCheckpointVectors)))
  })

  for (const item of cases) {
    it(`P10, P11, ${item.status}: ${item.name}`, () => {
      const decision = decide(toUtf8(item.body), logOf(item))
      if (decision.type === 'cosign') {
        expect(item.status).to.equal(200)
        expect(decision.text.split('\n').slice(1, 2)).to.deep.equal([String(decision.record.size)])
        return
      }
      const { status, contentType, body } = decision.response
      expect(status, body).to.equal(item.status)
      expect(contentType).to.equal(status === 409 ? 'text/x.tlog.size' : 'text/plain; charset=utf-8')
      expect(body.endsWith('\n')).to.equal(true)
      if (item.answer !== undefined) expect(body).to.equal(item.answer)
    })
  }

  it('P10: a request that was read is written back as it was', () => {
    for (const { body, status } of cases) {
      if (status === 400) continue
      const { oldSize, proof, note } = parseAddCheckpointRequest(body)
      expect(formatAddCheckpointRequest(oldSize, proof, note)).to.equal(body)
    }
  })

  it('P10, MALFORMED_REQUEST: bytes that are not UTF-8, too many, and what nobody would read', () => {
    expect(codeOf(() => parseAddCheckpointRequest(Uint8Array.of(0xff)))).to.equal('MALFORMED_REQUEST')
    const long = expectRefusal('MALFORMED_REQUEST', () => parseAddCheckpointRequest('x'.repeat(MAX_REQUEST_BYTES + 1)))
    expect(long.message).to.include(`at most ${MAX_REQUEST_BYTES} bytes`)
    expect(expectRefusal('MALFORMED_REQUEST', () => parseAddCheckpointRequest('old 0\n')).message).to.include('no empty line')
    expect(codeOf(() => formatAddCheckpointRequest(-1, [], ''))).to.equal('MALFORMED_REQUEST')
    const hashes = Array.from({ length: MAX_REQUEST_HASHES + 1 }, () => new Uint8Array(32))
    expect(codeOf(() => formatAddCheckpointRequest(1, hashes, ''))).to.equal('MALFORMED_REQUEST')
  })

  it('P11: of two requests from one size the second finds what the first recorded', () => {
    const log = logOf(cases.find(({ name }) => name === 'the next checkpoint') as (typeof cases)[0]) as WitnessedLog
    const first = decide(bodyOf('the next checkpoint'), log)
    if (first.type !== 'cosign') return expect.fail('the first is refused')
    const second = decide(bodyOf('the next checkpoint'), { ...log, recorded: first.record })
    const { status, body } = (second as { response: WitnessResponse }).response
    return expect([status, conflictSize(body)]).to.deep.equal([409, 3])
  })

  it('P10: errors of other kinds are not answered as malformed', () => {
    expect(() => malformedResponse(new TypeError('a fault of ours'))).to.throw(TypeError)
    expect(() => malformedResponse(new WattnessError('OUT_OF_RANGE', 'x'))).to.throw(WattnessError)
    const broken = { keys: [{ name: 'monkeys', type: 1, key: new Uint8Array(32) }], recorded: undefined }
    const throwing = () => {
      throw new TypeError('no library')
    }
    const request = parseAddCheckpointRequest(bodyOf('five to eight'))
    const known = { ...broken, keys: [parseVerifierKey('monkeys+db4d9f7e+AULaJMvTtDLHPUcUrjdDad9vDlh/PTfC2VV60JUtCfWT')] }
    expect(() => decideAddCheckpoint(throwing, request, known)).to.throw(TypeError)
  })

  it('P12: a witness that cannot sign now says so with 503', () => {
    expect(unavailableResponse('blocks are missing here')).to.deep.equal({
      status: 503,
      contentType: 'text/plain; charset=utf-8',
      body: 'blocks are missing here\n',
    })
  })

  it("P10, P11: the asking side finds the witness's own line among others, and checks it", () => {
    const key = witnessVerifierKey(new Uint8Array(32), signerOf(2).publicKey)
    const { text } = parseAddCheckpointRequest(bodyOf('five to eight'))
    const line = signCosignature(signerOf(2), key.name, text, 1_767_225_600)
    const stranger = signCosignature(signerOf(3), 'stranger', text, 1_767_225_600)
    const response = cosignedResponse([stranger, line])
    expect(response.status).to.equal(200)
    expect(readCosignature(testVerify, response.body, text, key)).to.deep.equal(line)
    const without = formatSignatureLines([stranger])
    expect(codeOf(() => readCosignature(testVerify, without, text, key))).to.equal('UNVERIFIED_NOTE')
    expect(codeOf(() => readCosignature(testVerify, response.body, `${text}x`, key))).to.equal('INVALID_NOTE_SIGNATURE')
    expect(codeOf(() => readCosignature(testVerify, 'no line\n', text, key))).to.equal('MALFORMED_NOTE')
  })

  it('P10: the size in a conflict is read, or nothing', () => {
    expect(conflictSize('0\n')).to.equal(0)
    expect(conflictSize('20852014\n')).to.equal(20_852_014)
    for (const body of ['', '5', '05\n', '-1\n', '9007199254740992\n', '1\n2\n']) expect(conflictSize(body)).to.equal(undefined)
  })
})
