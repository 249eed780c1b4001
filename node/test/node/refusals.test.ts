import { expect } from 'chai'
import { formatGenesis, initialMembership, type Membership, parseGenesis, parseRoles, toHex } from '../../../protocol/index.ts'
import { createLibp2pNetwork, createMemoryHub, createSigner, type Network, systemPlatform } from '../../index.ts'
import { Refusals } from '../../refusals.ts'

const LOOPBACK = '/ip4/127.0.0.1/tcp/0'
const [SELF, OTHER, STRANGER] = [1, 2, 3].map((i) => new Uint8Array(32).fill(i)) as [Uint8Array, Uint8Array, Uint8Array]
const keyOf = (seed: Uint8Array): Uint8Array => createSigner(seed).publicKey

function membershipOf(...seeds: readonly Uint8Array[]): Membership {
  const [registrar, ...others] = seeds.map(keyOf) as [Uint8Array, ...Uint8Array[]]
  const members = others.map((key, i) => ({ key, roles: parseRoles('meter'), label: `meter ${i}` }))
  return initialMembership(parseGenesis(formatGenesis({ name: 'Elm Street', registrar, members })))
}

const hub = createMemoryHub(systemPlatform)
const NETWORKS: readonly (readonly [string, (seed: Uint8Array) => Network | Promise<Network>])[] = [
  ['in memory', (seed) => hub.network(keyOf(seed))],
  ['over libp2p', (seed) => createLibp2pNetwork({ seed, platform: systemPlatform, listen: [LOOPBACK] })],
]

describe('refusals', () => {
  const running: Network[] = []
  afterEach(async () => {
    for (const network of running.splice(0)) await network.stop()
  })

  async function begin(network: Network, admitsInbound: () => boolean): Promise<Network> {
    running.push(network)
    await network.start({
      admits: (_key, direction) => direction === 'outbound' || admitsInbound(),
      onLink: () => undefined,
      onUnlink: () => undefined,
      onChannel: () => undefined,
    })
    return network
  }

  for (const [where, create] of NETWORKS) {
    it(`a member that hangs up on a dial has refused, one that cannot be reached has not (${where})`, async () => {
      let isAdmitted = false
      const other = await begin(await create(OTHER), () => isAdmitted)
      const own = await begin(await create(SELF), () => true)
      const told: string[] = []
      const membership = membershipOf(SELF, OTHER)
      const refusals = new Refusals({ network: own, membership: () => membership, onRefused: (peer) => told.push(peer) })
      const address = other.addresses()[0] as string
      const dial = (): Promise<unknown> => refusals.watched.dial(address).catch((error: { code: string }) => error.code)
      expect([await dial(), await dial()]).to.deep.equal(['DIAL_FAILED', 'DIAL_FAILED'])
      expect([told, refusals.peers]).to.deep.equal([[toHex(keyOf(OTHER))], [toHex(keyOf(OTHER))]])
      isAdmitted = true
      expect(await dial()).to.equal(undefined)
      refusals.onLink(toHex(keyOf(OTHER)))
      expect(refusals.peers).to.deep.equal([])
      await other.stop()
      await own.hangUp(keyOf(OTHER))
      expect(await dial()).to.equal('DIAL_FAILED')
      expect([told.length, refusals.peers]).to.deep.equal([1, []])
    })
  }

  it('who is no member yet is refused by everybody and is told nothing; a stranger’s refusal says nothing', async () => {
    const create = NETWORKS[0]?.[1] as (seed: Uint8Array) => Promise<Network>
    const other = await begin(await create(OTHER), () => false)
    const own = await begin(await create(SELF), () => true)
    for (const membership of [membershipOf(OTHER, STRANGER), membershipOf(SELF, STRANGER)]) {
      const refusals = new Refusals({ network: own, membership: () => membership, onRefused: () => expect.fail('told') })
      await refusals.watched.dial(other.addresses()[0] as string).catch(() => undefined)
      expect(refusals.peers).to.deep.equal([])
    }
  })
})
