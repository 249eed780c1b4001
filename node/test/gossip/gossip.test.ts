import { expect } from 'chai'
import { type Bytes, decodeRun, fromHex, MAX_BLOCK_BYTES, type Signer, toHex, ZERO_HASH } from '../../../protocol/index.ts'
import { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import {
  AUTO_MAX_BLOCKS_PER_SECOND,
  AUTO_MAX_MEMBERS,
  Gossip,
  type GossipMode,
  gossipsAttestations,
  gossipsBlocks,
  LINGER_MS,
  MAX_GOSSIP_BLOCKS,
  MAX_PAYLOAD_BYTES,
  passingHoldMs,
  type Topics,
  toPayloads,
  topicsOf,
} from '../../gossip/index.ts'
import type { GossipHandler, GossipVerdict, Network } from '../../net/index.ts'
import { MAX_GOSSIP_BYTES } from '../../net/limits.ts'
import type { Sealed } from '../../seal/index.ts'
import type { EvidenceOutcome, Outcome } from '../../validate/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { TestAuthor } from '../harness/test-author.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

function sealedBlocks(count: number, signer: Signer = signerOf('a')): Sealed[] {
  const author = new ChainAuthor(signer, ZERO_HASH).grow(count)
  return author.blocks.map((block, height) => {
    const { root, signature } = author.checkpoint(height + 1)
    return { height, rows: 1, block: block.bytes, root, signature }
  })
}

/** Gossip over a network that keeps what is published and hands in what a test says has come. */
class Stand {
  readonly time = new VirtualTime()
  readonly published: { topic: string; payload: Bytes }[] = []
  readonly topics = new Map<string, GossipHandler>()
  readonly refused: string[] = []
  readonly badEvidence: string[] = []
  readonly badAttestations: string[] = []
  readonly attestations: Bytes[] = []
  attestationVerdict: GossipVerdict = 'accept'
  outcome: Outcome = { verdict: 'ignore', code: 'DUPLICATE', message: '', data: {} }
  evidenceOutcome: EvidenceOutcome = 'accept'
  failure: Error | undefined
  readonly gossip: Gossip

  constructor(attests = false, publishesAttestations = true, holdMs = 0, seed = 1) {
    const network: Partial<Network> = {
      joinTopic: (topic, handler) => void this.topics.set(topic, handler),
      leaveTopic: (topic) => void this.topics.delete(topic),
      meshPeers: (topic) => new Set(topic === topicsOf(ZERO_HASH).blocks ? 'abcd' : 'ef'),
      publish: async (topic, payload) => {
        if (this.failure !== undefined) throw this.failure
        return this.published.push({ topic, payload })
      },
    }
    this.gossip = new Gossip({
      network: network as Network,
      networkId: ZERO_HASH,
      platform: this.time.platform(seededRandom(seed)),
      submit: async () => this.outcome,
      takeEvidence: async () => this.evidenceOutcome,
      onBadEvidence: (peer) => void this.badEvidence.push(peer),
      onRefused: (_peer, { code }) => void this.refused.push(code),
      publishesAttestations,
      holdMs,
      ...(attests
        ? {
            takeAttestation: async (attestation) => {
              this.attestations.push(attestation)
              return this.attestationVerdict
            },
            onBadAttestation: (peer) => void this.badAttestations.push(peer),
          }
        : {}),
    })
  }

  handler(kind: keyof Topics): GossipHandler {
    return this.topics.get(topicsOf(ZERO_HASH)[kind]) as GossipHandler
  }

  heights(): number[][] {
    return this.published.map(({ payload }) => decodeRun(payload).blocks.map(({ header }) => header.height))
  }
}

describe('gossip', () => {
  it('of blocks is a choice; auto leaves it to quiet, small neighbourhoods', () => {
    expect(gossipsBlocks('on', 1_000, 1)).to.equal(true)
    expect(gossipsBlocks('off', 2, 900_000)).to.equal(false)
    expect(gossipsBlocks('auto', AUTO_MAX_MEMBERS, 900_000)).to.equal(true)
    expect(gossipsBlocks('auto', AUTO_MAX_MEMBERS + 1, 900_000)).to.equal(false)
    expect(gossipsBlocks('auto', 20, 20_000 / AUTO_MAX_BLOCKS_PER_SECOND)).to.equal(true)
    expect(gossipsBlocks('auto', 21, 20_000 / AUTO_MAX_BLOCKS_PER_SECOND)).to.equal(false)
  })

  it('of attestations is left out under auto where a witness waits long enough for them to ride along', () => {
    const policy = (mode: GossipMode, attestMs: number): boolean => gossipsAttestations(mode, attestMs, 1_000)
    expect([policy('auto', 3_999), policy('auto', 4_000), policy('on', 60_000)]).to.deep.equal([true, false, true])
    expect([9_999, 10_000].map((announceMs) => gossipsAttestations('auto', 2_000, announceMs))).to.deep.equal([true, false])
    expect([gossipsAttestations('on', 2_000, 10_000), gossipsAttestations('off', 2_000, 1_000)]).to.deep.equal([true, false])
    const stand = new Stand(true, false)
    stand.gossip.setBlocks(true)
    stand.gossip.publishAttestation(Uint8Array.of(1))
    expect([stand.published, stand.gossip.attestationsOn]).to.deep.equal([[], false])
    expect(stand.handler('attestations')).to.be.a('function')
  })

  it('publishes a block that comes alone at once, and those that follow close upon it together', async () => {
    const stand = new Stand()
    stand.gossip.start()
    stand.gossip.setBlocks(true)
    const blocks = sealedBlocks(6)
    for (const sealed of blocks.slice(0, 5)) stand.gossip.publish(sealed)
    expect(stand.heights()).to.deep.equal([[0]])
    await stand.time.advance(LINGER_MS)
    expect(stand.heights()).to.deep.equal([[0], [1, 2, 3, 4]])
    await stand.time.advance(LINGER_MS)
    stand.gossip.publish(blocks[5] as Sealed)
    expect(stand.heights().at(-1)).to.deep.equal([5])
  })

  it('puts consecutive blocks only into one payload, within its bounds', () => {
    const blocks = sealedBlocks(MAX_GOSSIP_BLOCKS + 10)
    expect(toPayloads(blocks).map((payload) => decodeRun(payload).blocks.length)).to.deep.equal([MAX_GOSSIP_BLOCKS, 10])
    expect(toPayloads([...blocks.slice(0, 2), ...blocks.slice(5, 7)]).map((run) => decodeRun(run).blocks.length)).to.deep.equal([
      2, 2,
    ])
    expect(toPayloads([])).to.deep.equal([])
    const large = sealedBlocks(20).map((sealed) => ({ ...sealed, block: new Uint8Array(MAX_BLOCK_BYTES) }))
    for (const payload of toPayloads(large)) expect(payload.length).to.be.below(MAX_GOSSIP_BYTES)
    expect(toPayloads(large)).to.have.length(20)
  })

  it('has room in a payload for the largest block, and in a message for the largest payload', () => {
    expect(MAX_PAYLOAD_BYTES).to.be.above(MAX_BLOCK_BYTES)
    expect(MAX_PAYLOAD_BYTES + 1_024).to.be.below(MAX_GOSSIP_BYTES)
    const author = new ChainAuthor(signerOf('a'), ZERO_HASH)
    for (let i = 0; i < 200; i++) author.append({ content: TestAuthor.bulk(i) })
    const sealed = author.blocks.map((block, height) => ({
      height,
      rows: 1,
      block: block.bytes,
      ...author.checkpoint(height + 1),
    }))
    const sizes = toPayloads(sealed).map((payload) => payload.length)
    expect(sizes.length).to.be.above(2)
    for (const size of sizes) expect(size).to.be.below(MAX_GOSSIP_BYTES)
  })

  it('that is off publishes no block, and lets go of what waited', async () => {
    const stand = new Stand()
    stand.gossip.start()
    const blocks = sealedBlocks(3)
    stand.gossip.publish(blocks[0] as Sealed)
    stand.gossip.setBlocks(true)
    stand.gossip.setBlocks(true)
    expect([stand.gossip.blocksOn, stand.gossip.meshSize(), stand.topics.size]).to.deep.equal([true, 4, 2])
    stand.gossip.publish(blocks[1] as Sealed)
    stand.gossip.publish(blocks[2] as Sealed)
    stand.gossip.setBlocks(false)
    await stand.time.advance(1_000)
    expect(stand.heights()).to.deep.equal([[1]])
    expect([stand.gossip.blocksOn, stand.gossip.meshSize(), stand.topics.size]).to.deep.equal([false, 2, 1])
    stand.gossip.stop()
    expect([stand.topics.size, stand.time.pending]).to.deep.equal([0, 0])
  })

  it('passes on what the door accepts; what it refuses is reported, duplicates are not', async () => {
    const stand = new Stand()
    stand.gossip.start()
    stand.gossip.setBlocks(true)
    const hear = stand.handler('blocks')
    expect(await hear(new Uint8Array(3), ZERO_HASH)).to.equal('ignore')
    stand.outcome = { verdict: 'reject', code: 'WRONG_ROOT', message: '', data: {} }
    expect(await hear(new Uint8Array(3), ZERO_HASH)).to.equal('reject')
    stand.outcome = { verdict: 'accept', member: ZERO_HASH, from: 0, state: {} as never }
    expect(await hear(new Uint8Array(3), ZERO_HASH)).to.equal('accept')
    expect(stand.refused).to.deep.equal(['WRONG_ROOT'])
  })

  it('N7: topics are named shortly, each by the beginning of the network id', () => {
    const networkId = fromHex(`01234567${'89abcdef'.repeat(7)}`)
    expect(topicsOf(networkId)).to.deep.equal({
      blocks: 'w1/01234567/b',
      evidence: 'w1/01234567/e',
      attestations: 'w1/01234567/a',
    })
  })

  it('passes blocks on together where rounds are long, and says at once what it does not pass on', async () => {
    expect([9_999, 10_000].map(passingHoldMs)).to.deep.equal([0, 100])
    const stand = new Stand(true, true, 250)
    stand.gossip.start()
    stand.gossip.setBlocks(true)
    const hear = stand.handler('blocks')
    expect(await hear(new Uint8Array(3), ZERO_HASH)).to.equal('ignore')
    stand.outcome = { verdict: 'accept', member: ZERO_HASH, from: 0, state: {} as never }
    const passed: [heardMs: number, passedMs: number][] = []
    const { clock } = stand.time
    const one = async (): Promise<void> => {
      const heardMs = clock.monotonicMs()
      expect(await hear(new Uint8Array(3), ZERO_HASH)).to.equal('accept')
      passed.push([heardMs, clock.monotonicMs()])
    }
    for (let i = 0; i < 10; i++) {
      void one()
      await stand.time.advance(100)
    }
    await stand.time.advance(250)
    for (const [heardMs, passedMs] of passed) expect(passedMs - heardMs).to.be.within(0, 250)
    const moments = [...new Set(passed.map(([, passedMs]) => passedMs))]
    expect([passed.length, moments.length]).to.deep.equal([10, 4])
    expect(moments.slice(1).map((ms, i) => ms - (moments[i] as number))).to.deep.equal([250, 250, 250])
    // Other nodes have other moments.
    const others = Array.from({ length: 20 }, (_, seed) => new Stand(false, true, 250, seed))
    const waited = others.map(async (each) => {
      each.outcome = stand.outcome
      each.gossip.setBlocks(true)
      await each.handler('blocks')(new Uint8Array(3), ZERO_HASH)
      return Math.round(each.time.clock.monotonicMs())
    })
    for (let ms = 0; ms < 250; ms++) await Promise.all(others.map((each) => each.time.advance(1)))
    expect(new Set(await Promise.all(waited)).size).to.be.above(10)
    // What waits when gossip ends is let go.
    const last = one()
    await stand.time.settle()
    stand.gossip.stop()
    await last
    expect(stand.time.pending).to.equal(0)
  })

  it('always carries evidence; who passes on what proves nothing is reported', async () => {
    const stand = new Stand()
    stand.gossip.start()
    stand.gossip.publishEvidence(Uint8Array.of(1, 2))
    expect(stand.published.map(({ topic }) => topic)).to.deep.equal([topicsOf(ZERO_HASH).evidence])
    const hear = stand.handler('evidence')
    for (const outcome of ['accept', 'ignore', 'reject'] as const) {
      stand.evidenceOutcome = outcome
      expect(await hear(new Uint8Array(3), ZERO_HASH)).to.equal(outcome)
    }
    expect(stand.badEvidence).to.deep.equal([toHex(ZERO_HASH)])
  })

  it('carries attestations as long as it carries blocks; who passes on what no honest node does is reported', async () => {
    const stand = new Stand(true)
    stand.gossip.start()
    stand.gossip.publishAttestation(Uint8Array.of(1))
    expect([stand.published, stand.topics.size]).to.deep.equal([[], 1])
    stand.gossip.setBlocks(true)
    expect(stand.topics.size).to.equal(3)
    stand.gossip.publishAttestation(Uint8Array.of(2))
    expect(stand.published.map(({ topic }) => topic)).to.deep.equal([topicsOf(ZERO_HASH).attestations])
    const hear = stand.handler('attestations')
    for (const verdict of ['accept', 'ignore', 'reject'] as const) {
      stand.attestationVerdict = verdict
      expect(await hear(new Uint8Array(3), ZERO_HASH)).to.equal(verdict)
    }
    expect([stand.attestations.length, stand.badAttestations]).to.deep.equal([3, [toHex(ZERO_HASH)]])
    stand.gossip.setBlocks(false)
    expect(stand.topics.size).to.equal(1)
    stand.gossip.setBlocks(true)
    stand.gossip.stop()
    expect(stand.topics.size).to.equal(0)
  })

  it('that nobody takes attestations from does not listen for any', () => {
    const stand = new Stand()
    stand.gossip.setBlocks(true)
    expect([...stand.topics.keys()]).to.deep.equal([topicsOf(ZERO_HASH).blocks])
  })

  it('is harmless where the network takes nothing: sync brings it', async () => {
    const stand = new Stand()
    stand.gossip.start()
    stand.gossip.setBlocks(true)
    stand.failure = new Error('NETWORK_STOPPED')
    stand.gossip.publish(sealedBlocks(1)[0] as Sealed)
    stand.gossip.publishEvidence(new Uint8Array(3))
    await stand.time.advance(1_000)
    expect(stand.published).to.deep.equal([])
  })
})
