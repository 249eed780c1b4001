import { expect } from 'chai'
import {
  EMPTY_CHAIN,
  encodeLabelRecord,
  type HeldInvitation,
  type JoinAnswer,
  makeJoinRequest,
  parseRoles,
  signInvitation,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import { askAdmission, JOIN_PROTOCOL } from '../../membership/index.ts'
import type { Network } from '../../net/index.ts'
import { createSigner } from '../../signature.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey
const METER = parseRoles('meter')

describe('joining', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  const labelOf = (name: string): Uint8Array => encodeLabelRecord(new Uint8Array(16).fill(name.length), `label of ${name}`)

  let joiner: Network

  function invitation(seed: number, expiresInMs = 3_600_000, registrar = signerOf('registrar')): HeldInvitation {
    const bytes = new Uint8Array(32).fill(seed)
    const expiresAt = all.time.clock.now() + expiresInMs
    const terms = { key: createSigner(bytes).publicKey, roles: METER, expiresAt }
    return { invitation: signInvitation(registrar, all.genesis.networkId, terms), seed: bytes }
  }

  async function ask(name: string, held?: HeldInvitation, as = name, label = labelOf(name)): Promise<JoinAnswer | string> {
    const asked = { networkId: all.genesis.networkId, member: signerOf(name), roles: METER, label }
    const request = makeJoinRequest(held === undefined ? asked : { ...asked, held }, createSigner)
    joiner = all.hub.network(keyOf(as))
    await joiner.start({ admits: () => true, onLink: () => undefined, onUnlink: () => undefined, onChannel: () => undefined })
    const address = all.get('registrar').node.network.addresses()[0] as string
    try {
      const { answer, failures } = await all.time.wait(askAdmission(joiner, all.genesis, ['/memory/nowhere', address], request))
      return answer ?? failures.join()
    } finally {
      await joiner.stop()
    }
  }

  beforeEach(async () => {
    all = await Neighbourhood.create({ meters: 1 })
    await all.start(2)
  })

  it('with an invitation ends in a membership block; the same invitation serves nobody else', async () => {
    const held = invitation(1)
    expect(await ask('new', held)).to.deep.equal({ type: 'accepted', registrarSize: 1 })
    expect(await ask('other', held)).to.deep.equal({ type: 'refused', code: 'INVITATION_USED' })
    await all.untilAgreed(1, 10_000)
    expect(all.get('meter-1').node.membership.members).to.have.length(3)
  })

  it('asked for again by who was admitted is answered alike, without another block', async () => {
    const held = invitation(1)
    await ask('new', held)
    expect(await ask('new', held)).to.deep.equal({ type: 'accepted', registrarSize: 1 })
    expect(all.frontier('registrar')[0]).to.equal(1)
  })

  it('many at a time with one invitation admits one', async () => {
    const held = invitation(1)
    const { node } = all.get('registrar')
    const answers = await all.time.wait(
      Promise.all(
        ['a', 'b', 'c'].map((name) => {
          const asked = { networkId: all.genesis.networkId, member: signerOf(name), roles: METER, label: labelOf(name), held }
          return node.admit(makeJoinRequest(asked, createSigner))
        }),
      ),
    )
    expect(answers.map((answer) => (answer.type === 'accepted' ? 'accepted' : answer.code))).to.deep.equal([
      'accepted',
      'INVITATION_USED',
      'INVITATION_USED',
    ])
  })

  it('is refused with an invitation that is expired, forged or missing', async () => {
    expect(await ask('new', invitation(1, -1))).to.deep.equal({ type: 'refused', code: 'INVITATION_EXPIRED' })
    const forged = invitation(2, 3_600_000, signerOf('meter-1'))
    expect(await ask('new', forged)).to.deep.equal({ type: 'refused', code: 'INVITATION_INVALID' })
    expect(await ask('new')).to.deep.equal({ type: 'refused', code: 'INVITATION_REQUIRED' })
    expect(all.frontier('registrar')[0]).to.equal(0)
  })

  it('is refused where one key asks for another', async () => {
    expect(await ask('new', invitation(1), 'meddler')).to.deep.equal({ type: 'refused', code: 'BAD_SIGNATURE' })
  })

  it('is answered with "busy" while the registrar may not seal', async () => {
    await all.time.wait(all.get('registrar').node.stop())
    await all.time.wait(all.get('meter-1').node.stop())
    await all.restart('registrar')
    expect(await ask('new', invitation(1))).to.deep.equal({ type: 'refused', code: 'BUSY' })
  })

  it('without an invitation is the operator’s to grant', async () => {
    const { node } = all.get('registrar')
    const asked = { networkId: all.genesis.networkId, member: signerOf('new'), roles: METER, label: labelOf('new') }
    expect(await all.time.wait(node.admit(makeJoinRequest(asked, createSigner)))).to.deep.equal({
      type: 'accepted',
      registrarSize: 1,
    })
    await all.time.wait(node.admitKey(keyOf('new'), METER, labelOf('new')))
    expect(all.frontier('registrar')[0], 'who is a member is not admitted again').to.equal(1)
    const end = { endSize: 0, endRoot: EMPTY_CHAIN.root }
    await all.time.wait(node.changeMembership([{ type: 'revoke', key: keyOf('new'), ...end }]))
    const refused = await node.admitKey(keyOf('new'), METER, labelOf('new')).catch((error: { code: string }) => error.code)
    expect(refused).to.equal('REVOKED')
    const unfit = await node.admitKey(ZERO_HASH, METER, labelOf('zero')).catch((error: { code: string }) => error.code)
    expect(unfit).to.equal('UNACCEPTABLE_KEY')
  })

  it('garbage is answered with a failure, and harms nobody', async () => {
    joiner = all.hub.network(keyOf('new'))
    await joiner.start({ admits: () => true, onLink: () => undefined, onUnlink: () => undefined, onChannel: () => undefined })
    const address = all.get('registrar').node.network.addresses()[0] as string
    const asked = joiner.request(address, JOIN_PROTOCOL, new Uint8Array(70)).catch((error: { code: string }) => error.code)
    expect(await all.time.wait(asked)).to.equal('REQUEST_FAILED')
    await joiner.stop()
  })
})
