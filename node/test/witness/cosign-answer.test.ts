import { expect } from 'chai'
import { cosignedResponse, toUtf8, unavailableResponse, type WitnessResponse } from '../../../protocol/index.ts'
import { askWitness } from '../../witness/ask-witness.ts'
import { COSIGN_PROTOCOL, decodeCosignAnswer, encodeCosignAnswer, MAX_COSIGN_ANSWER_BYTES } from '../../witness/cosign-answer.ts'
import { SigningTurn } from '../../witness/signing-turn.ts'

const conflict: WitnessResponse = { status: 409, contentType: 'text/x.tlog.size', body: '42\n' }

describe('answers over /wattness/cosign/1', () => {
  it('P10: status, type, and the body as it is', () => {
    const signature = { name: 'w', keyId: new Uint8Array(4), signature: new Uint8Array(72) }
    for (const answer of [conflict, unavailableResponse('not now'), cosignedResponse([signature])]) {
      expect(decodeCosignAnswer(encodeCosignAnswer(answer))).to.deep.equal(answer)
    }
    expect(encodeCosignAnswer(conflict)).to.deep.equal(toUtf8('409 text/x.tlog.size\n42\n'))
  })

  it('MALFORMED_ANSWER: another form, another status, no UTF-8, too long', () => {
    const wrong = ['', '200', '200 \n', '200  text/plain\n', '201 text/plain\n', ' 200 text/plain\n', '200 text/plain', '99 a\n']
    for (const text of wrong) {
      expect(() => decodeCosignAnswer(toUtf8(text)), JSON.stringify(text))
        .to.throw()
        .with.property('code', 'MALFORMED_ANSWER')
    }
    expect(() => decodeCosignAnswer(Uint8Array.of(0xff)))
      .to.throw()
      .with.property('code', 'MALFORMED_ANSWER')
    const head = '200 text/plain\n'
    const longest = toUtf8(head + 'x'.repeat(MAX_COSIGN_ANSWER_BYTES - head.length))
    expect(decodeCosignAnswer(longest).status).to.equal(200)
    expect(() => decodeCosignAnswer(toUtf8(`${head}${'x'.repeat(MAX_COSIGN_ANSWER_BYTES)}`)))
      .to.throw()
      .with.property('code', 'MALFORMED_ANSWER')
  })
})

describe('asking a witness', () => {
  const witness = new Uint8Array(32).fill(7)
  const asked: string[] = []
  /** Addresses are names with the first byte of the key; those with `dead` in them are nobody's. */
  const network = (linked: readonly string[] = []) => ({
    links: () => linked.map((address) => ({ key: witness, keyHex: '', address, direction: 'inbound' as const })),
    keyOf: (address: string) => {
      const byte = /^\d+/.exec(address)?.[0]
      return byte === undefined ? undefined : new Uint8Array(32).fill(Number(byte))
    },
    request: (address: string, protocol: string) => {
      asked.push(address)
      expect(protocol).to.equal(COSIGN_PROTOCOL)
      return address.includes('dead') ? Promise.reject(new Error('nobody there')) : Promise.resolve(encodeCosignAnswer(conflict))
    },
  })
  const ask = (linked: readonly string[], known: readonly string[], signal = new AbortController().signal) =>
    askWitness(network(linked), known, witness, 'old 0\n', signal)

  beforeEach(() => {
    asked.length = 0
  })

  it('over its link first, else where it is known to be found, one address after the other', async () => {
    expect(await ask(['7-link'], ['7-known'])).to.deep.equal(conflict)
    expect(await ask(['no key'], ['8-other', '7-dead', '7-known', '7-more'])).to.deep.equal(conflict)
    expect(asked).to.deep.equal(['7-link', '7-dead', '7-known'])
  })

  it('DIAL_FAILED where none is known; the last failure where none answers, after four', async () => {
    const none: unknown = await ask([], ['8-other']).catch((error: unknown) => error)
    expect(none).to.include({ code: 'DIAL_FAILED' })
    const dead: unknown = await ask([], ['7-dead1', '7-dead2', '7-dead3', '7-dead4', '7-known']).catch((error: unknown) => error)
    expect(dead).to.include({ message: 'nobody there' })
    expect(asked).to.have.length(4)
  })

  it('nobody is asked once nobody waits', async () => {
    const end = new AbortController()
    end.abort(new Error('over'))
    const found: unknown = await ask([], ['7-known'], end.signal).catch((error: unknown) => error)
    expect([found, asked]).to.deep.equal([end.signal.reason, []])
  })
})

describe('the turn of who signs', () => {
  it('one after the other, however each ends', async () => {
    const turn = new SigningTurn()
    const steps: string[] = []
    const first = turn.run(async () => {
      steps.push('first begins')
      await Promise.resolve()
      steps.push('first ends')
      throw new Error('refused')
    })
    const second = turn.run(() => Promise.resolve(steps.push('second')))
    expect(await first.catch((error: unknown) => error)).to.have.property('message', 'refused')
    expect(await second).to.equal(3)
    expect(steps).to.deep.equal(['first begins', 'first ends', 'second'])
  })
})
