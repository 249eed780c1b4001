import { expect } from 'chai'
import { checkProofFile, formatEvidenceFile } from '../../../protocol/index.ts'
import { checkFile } from '../../control/index.ts'
import { MAX_CHECKED_BYTES } from '../../observe/proof.ts'
import { CheckAnswer, ProofFile } from '../../observe/schemas/index.ts'
import { verifySignature } from '../../signature.ts'
import { ObservedStreet, schemaFaults } from './observed-street.ts'

describe('proofs over HTTP', () => {
  let street: ObservedStreet
  let app: ReturnType<ObservedStreet['app']>
  let file: string

  before(async () => {
    street = await ObservedStreet.create({ rounds: 2 })
    app = street.app()
    const answer = await street.all.time.wait(app.inject({ url: '/v1/members/meter-2/proof?height=1' }))
    expect(answer.statusCode, answer.body).to.equal(200)
    expect(answer.headers['content-disposition']).to.equal('attachment; filename="proof-2-1.json"')
    file = answer.body
  })
  after(() => street.stop())

  const refusal = async (url: string): Promise<[number, string]> => {
    const answer = await street.all.time.wait(app.inject({ url }))
    return [answer.statusCode, answer.json<{ code: string }>().code]
  }
  const check = async (payload: string | Buffer, headers: Record<string, string> = {}): Promise<CheckAnswer> => {
    const answer = await app.inject({ method: 'POST', url: '/v1/check', payload, headers })
    expect(answer.statusCode, answer.body).to.equal(200)
    const value = answer.json<CheckAnswer>()
    expect(schemaFaults(CheckAnswer, value)).to.deep.equal([])
    return value
  }

  it('a proof is the file that the command writes, and holds without any node', () => {
    const report = checkProofFile(file, { verify: verifySignature, ticketGenesis: street.all.genesis.bytes })
    expect(report.ok && [report.proven.header.height, report.proven.member.index]).to.deep.equal([1, 2])
    expect(schemaFaults(ProofFile, JSON.parse(file))).to.deep.equal([])
  })

  it('the block is named by its height, or by the time of its readings', async () => {
    const { time } = (JSON.parse(file) as ProofFile).readings[0] as { time: string }
    const answer = await street.all.time.wait(app.inject({ url: `/v1/members/2/proof?time=${time}` }))
    expect(answer.json<ProofFile>().header).to.equal((JSON.parse(file) as ProofFile).header)
  })

  it('QUERY_INVALID: neither or both; BLOCK_UNKNOWN: none of that height or time', async () => {
    expect(await refusal('/v1/members/2/proof')).to.deep.equal([400, 'QUERY_INVALID'])
    expect(await refusal('/v1/members/2/proof?height=1&time=2024-01-01T00:00:00Z')).to.deep.equal([400, 'QUERY_INVALID'])
    expect(await refusal('/v1/members/2/proof?height=one')).to.deep.equal([400, 'QUERY_INVALID'])
    expect(await refusal('/v1/members/2/proof?height=99')).to.deep.equal([404, 'BLOCK_UNKNOWN'])
    expect(await refusal('/v1/members/2/proof?time=2030-01-01')).to.deep.equal([404, 'BLOCK_UNKNOWN'])
    expect(await refusal('/v1/members/0/proof?height=0')).to.deep.equal([404, 'BLOCK_UNKNOWN'])
  })

  it('NO_WITNESSES: nothing can be proven', async () => {
    const bare = await ObservedStreet.create({ meters: 1, witnesses: 0, rounds: 1 })
    const answer = await bare.all.time.wait(bare.app().inject({ url: '/v1/members/1/proof?height=0' }))
    expect([answer.statusCode, answer.json<{ code: string }>().code]).to.deep.equal([409, 'NO_WITNESSES'])
    await bare.stop()
  })

  it('check says of a file what the command says of it, whatever type it is sent under', async () => {
    const { result, words } = checkFile(Buffer.from(file), { verify: verifySignature, ticketGenesis: street.all.genesis.bytes })
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded'])
      expect(await check(file, { 'content-type': type }), type).to.deep.equal({ ...result, words })
  })

  it('one changed byte and it proves nothing, with the part that is wrong', async () => {
    const form = JSON.parse(file) as { body: string }
    const changed = file.replace(form.body, `${form.body[0] === 'A' ? 'B' : 'A'}${form.body.slice(1)}`)
    expect(await check(changed)).to.deep.include({ type: 'proof', ok: false, parts: ['body'], code: 'BODY_HASH_MISMATCH' })
    for (const nothing of ['', '{', 'null', Buffer.from([0xff, 0xfe])]) {
      expect(await check(nothing)).to.include({ ok: false })
    }
    const evidence = formatEvidenceFile({ genesis: street.all.genesis.bytes, evidence: new Uint8Array(3) })
    expect(await check(evidence)).to.include({ type: 'evidence', ok: false })
  })

  it('a proof of another network proves nothing here', async () => {
    const other = await ObservedStreet.create({ rounds: 0, genesis: { name: 'elsewhere' } })
    const answer = await other.app().inject({ method: 'POST', url: '/v1/check', payload: file })
    expect(answer.json()).to.deep.include({ ok: false, parts: ['genesis'], code: 'WRONG_NETWORK' })
    await other.stop()
  })

  it('BODY_TOO_LARGE: a file above what is taken', async () => {
    const answer = await app.inject({ method: 'POST', url: '/v1/check', payload: Buffer.alloc(MAX_CHECKED_BYTES + 1) })
    expect([answer.statusCode, answer.json<{ code: string }>().code]).to.deep.equal([413, 'BODY_TOO_LARGE'])
  })
})
