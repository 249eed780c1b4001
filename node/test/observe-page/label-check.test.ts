import { expect } from 'chai'
import { encodeLabelRecord, ROLE_METER, toBase64, toHex } from '../../../protocol/index.ts'
import { checkLabel, type LabelVerdict } from '../../observe/page/check/label-check.ts'
import { nobleChecker } from '../../observe/page/check/signatures.ts'
import { AskError } from '../../observe/page/data/client.ts'
import type { BlockAnswer, BlocksAnswer, MemberAnswer } from '../../observe/schemas/index.ts'
import { verifySignature } from '../../signature.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { keyHexOf, ObservedStreet } from '../observe/observed-street.ts'

const checker = {
  ...nobleChecker,
  settle: <T>(work: (verify: typeof verifySignature) => T) => Promise.resolve(work(verifySignature)),
}

const record = (text: string, salt = 1): Uint8Array => encodeLabelRecord(new Uint8Array(16).fill(salt), text)

describe('observe: a name checked in the page', () => {
  let street: ObservedStreet
  let networkId: string
  let founder: MemberAnswer
  let admitted: MemberAnswer

  before(async () => {
    street = await ObservedStreet.create({ rounds: 1, witnesses: 0 })
    networkId = toHex(street.all.genesis.networkId)
    const { all } = street
    const { node } = all.get('registrar')
    await all.time.wait(node.admitKey(signerOf('Elm Street 12').publicKey, ROLE_METER, record('Elm Street 12')))
    await all.time.wait(node.admitKey(signerOf('Elm Street 14').publicKey, ROLE_METER, record('Elm Street 14')))
    await all.time.advance(60_000)
    founder = await json<MemberAnswer>('v1/members/1')
    admitted = await json<MemberAnswer>(`v1/members/${keyHexOf('Elm Street 12')}`)
  })
  after(() => street.stop())

  const json = async <T>(path: string): Promise<T> => (await street.app('registrar').inject(`/${path}`)).json<T>()
  const bytes = async (path: string): Promise<Uint8Array> =>
    new Uint8Array((await street.app('registrar').inject(`/${path}`)).rawPayload)
  type Ask = Parameters<typeof checkLabel>[1]['ask']
  const check = (member: MemberAnswer, ask: Partial<Ask> = {}): Promise<LabelVerdict> =>
    checkLabel(member, { checker, networkId, ask: { json, bytes, ...ask } })
  const refusal = async (member: MemberAnswer, ask: Partial<Ask> = {}): Promise<string> => {
    const { state, detail } = await check(member, ask)
    expect(state, detail).to.equal('refused')
    return detail
  }

  it('the registrar’s, those of genesis, and those of admitted members hold', async () => {
    expect([founder.label, founder.labelRecord, admitted.label]).to.deep.equal(['meter-1', null, 'Elm Street 12'])
    for (const member of [await json<MemberAnswer>('v1/members/0'), founder, admitted]) {
      expect(await check(member), member.label ?? '').to.deep.equal({ state: 'verified', detail: '' })
    }
  })

  it('a name that is none of the key’s is refused', async () => {
    const named = (member: MemberAnswer, label: string): MemberAnswer => ({ ...member, label })
    expect(await refusal(named(founder, 'meter-2'))).to.equal('genesis calls it "meter-1"')
    expect(await refusal({ ...founder, key: keyHexOf('nobody') })).to.equal('genesis names no such key')
    expect(await refusal(named(admitted, 'Elm Street 14'))).to.equal('the registrar calls it "Elm Street 12"')
    const other = { ...admitted, label: 'Elm Street 14', labelRecord: toBase64(record('Elm Street 14')) }
    expect(await refusal(other)).to.match(/^LABEL_MISMATCH: /)
    expect(await refusal({ ...admitted, labelRecord: 'AAAA' })).to.match(/^LABEL_INVALID: /)
    expect(await refusal({ ...admitted, admittedAt: admitted.admittedAt + 1 })).to.match(/admits no such key$/)
  })

  it('nor does it help to alter genesis, or the block that admitted it', async () => {
    const spoiled = async (path: string): Promise<Uint8Array> =>
      (await bytes(path)).map((byte, at) => (at === 40 ? byte ^ 1 : byte))
    expect(await refusal(founder, { bytes: spoiled })).to.match(/GENESIS|another network/)
    const altered = async <T>(path: string): Promise<T> => {
      const answer = await json<T>(path)
      return path.startsWith('v1/blocks/')
        ? { ...answer, body: (await json<BlockAnswer>(path)).body?.replace(/.{4}$/, 'AAAA') }
        : answer
    }
    expect(await refusal(admitted, { json: altered })).to.contain('SHA-256 over the body')
  })

  it('what cannot be checked is not said to be checked', async () => {
    expect((await check({ ...founder, label: null })).state).to.equal('absent')
    expect((await check({ ...admitted, labelRecord: null })).state).to.equal('absent')
    const offline = (): Promise<never> => Promise.reject(new AskError('OFFLINE', 'nobody answers'))
    expect(await check(founder, { bytes: offline })).to.deep.equal({ state: 'absent', detail: 'OFFLINE: nobody answers' })
    const withoutBody = async <T>(path: string): Promise<T> => {
      const answer = await json<T & Partial<BlocksAnswer>>(path)
      return path.startsWith('v1/blocks/') ? { ...answer, body: null } : answer
    }
    expect((await check(admitted, { json: withoutBody })).state).to.equal('absent')
  })
})
