import { expect } from 'chai'
import {
  type Attestation,
  type Bytes,
  checkWitnessEvidence,
  consistencyProof,
  decodeWitnessEvidence,
  EMPTY_ROOT,
  equalBytes,
  formatGenesis,
  headsRoot,
  initialMembership,
  type Leaf,
  leavesMatch,
  type NodeReader,
  parseGenesis,
  parseRoles,
  rootAt,
  type SignedAttestation,
  signAttestation,
  toHex,
  WattnessError,
  type WitnessEvidence,
} from '../../../protocol/index.ts'
import { branchOf } from '../../../protocol/test/two-leaves.ts'
import { verifySignature } from '../../signature.ts'
import { Contradictions, LOOK_MS, MAX_DOUBTFUL, MAX_DOUBTS, MAX_WATCHED } from '../../witness/contradictions.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

const MEMBERS = 24
const FORK = 3

describe('contradictions of witnesses', () => {
  /** The held chain of every member, and another that leaves it at FORK. */
  const mine = branchOf(200, FORK, 'mine')
  const others = branchOf(200, FORK, 'others')
  const genesis = parseGenesis(
    formatGenesis({
      name: 'test',
      registrar: signerOf('registrar').publicKey,
      members: Array.from({ length: MEMBERS - 1 }, (_, i) => ({
        key: signerOf(`member ${i + 1}`).publicKey,
        roles: parseRoles('meter'),
        label: `${i}`,
      })),
    }),
  )
  const membership = initialMembership(genesis)
  const keys = membership.members.map(({ key }) => key)

  let time: VirtualTime
  let sequence: number
  /** Held of every chain, and of which branch. */
  let size: number
  let held: NodeReader
  let proven: Set<string>
  let isTaken: boolean
  let found: WitnessEvidence[]
  let errors: Error[]
  let fails: Error | undefined
  let watch: Contradictions

  const heldRoot = async (at: number): Promise<Bytes | undefined> =>
    at === 0 ? EMPTY_ROOT : at > size ? undefined : rootAt(held, at)

  beforeEach(() => {
    time = new VirtualTime()
    sequence = 0
    size = 10
    held = mine
    proven = new Set()
    isTaken = true
    found = []
    errors = []
    fails = undefined
    watch = new Contradictions({
      store: {
        consistencyProof: (_member, from, to) => consistencyProof(held, from, to),
        witnessEvidence: { has: (key: Bytes) => proven.has(toHex(key)) } as never,
      },
      chains: {
        rootAt: (_index, at) => heldRoot(at),
        isOn: async (_index, leaf) => {
          if (fails !== undefined) throw fails
          const root = await heldRoot(leaf.size)
          return root === undefined ? undefined : equalBytes(root, leaf.root)
        },
      },
      timers: time.timers,
      held: () => membership,
      ownLeavesOf: async (attestation) => {
        const roots = await Promise.all(attestation.frontier.map((at) => heldRoot(at)))
        if (roots.includes(undefined)) return undefined
        const named = new Map(attestation.named.map((leaf) => [leaf.index, leaf.root]))
        const leaves = attestation.frontier.map((at, i) => ({ size: at, root: named.get(i) ?? (roots[i] as Bytes) }))
        return leavesMatch(attestation, keys, leaves) ? leaves : undefined
      },
      onFound: async (bytes) => {
        const evidence = decodeWitnessEvidence(bytes)
        found.push(evidence)
        if (isTaken) proven.add(toHex(evidence.a.attestation.witness))
      },
      onError: (error) => void errors.push(error),
    })
  })

  afterEach(() => {
    for (const evidence of found) {
      expect(checkWitnessEvidence(verifySignature, genesis.networkId, evidence)).to.equal(undefined)
    }
  })

  interface Said {
    readonly name?: string
    readonly epoch?: number
    readonly named?: readonly number[]
  }

  /** All leaves alike but for those given. */
  async function leavesOf(at: number, branch: NodeReader, different: ReadonlyMap<number, Leaf> = new Map()): Promise<Leaf[]> {
    const leaf = { size: at, root: at === 0 ? EMPTY_ROOT : await rootAt(branch, at) }
    return keys.map((_, index) => different.get(index) ?? leaf)
  }

  function sign(leaves: readonly Leaf[], { name = 'w', epoch = 0, named = [] }: Said = {}): SignedAttestation {
    const signer = signerOf(name)
    const attestation: Attestation = {
      witness: signer.publicKey,
      epoch,
      sequence: ++sequence,
      timeMs: 0,
      frontier: leaves.map((leaf) => leaf.size),
      named: named.map((index) => ({ index, ...(leaves[index] as Leaf) })),
      headsRoot: headsRoot(leaves.map((leaf, index) => ({ ...leaf, member: keys[index] as Bytes }))),
    }
    return signAttestation(signer, genesis.networkId, attestation)
  }

  /** Its leaves are those of the held chains. */
  const say = async (at: number, said?: Said): Promise<void> => watch.note(sign(await leavesOf(at, held), said))

  /** Its leaves had to be asked for. */
  async function saySupplied(leaves: readonly Leaf[], said?: Said): Promise<void> {
    await watch.note(sign(leaves, said), leaves)
  }

  const other = async (at: number): Promise<Leaf> => ({ size: at, root: await rootAt(others, at) })
  const lie = async (at: number, ...members: number[]): Promise<Leaf[]> =>
    leavesOf(FORK, mine, new Map(await Promise.all(members.map(async (index) => [index, await other(at)] as const))))

  it('A9: two leaves of one size', async () => {
    await say(8)
    await saySupplied(await lie(8, 5))
    expect(found.map(({ index, size: common }) => [index, common])).to.deep.equal([[5, 8]])
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(0)
    await saySupplied(await lie(7, 5))
    expect(found, 'A13: one for each witness').to.have.length(1)
  })

  it('A9: a smaller leaf of another branch, whichever comes first', async () => {
    await say(8)
    await saySupplied(await lie(5, 2))
    await saySupplied(await lie(5, 2), { name: 'v' })
    await say(8, { name: 'v' })
    expect(found.map(({ index, size: common }) => [index, common])).to.deep.equal([
      [2, 5],
      [2, 5],
    ])
  })

  it('A9: a larger leaf of another branch waits for a leaf of the held one that is as large', async () => {
    await saySupplied(await lie(9, 1))
    await say(8)
    expect(found).to.deep.equal([])
    await say(9)
    expect(found.map(({ index, size: common }) => [index, common])).to.deep.equal([[1, 9]])
  })

  it('A9: two leaves beyond the held chain, once that has grown', async () => {
    await saySupplied(await lie(14, 1))
    await saySupplied(await leavesOf(20, mine))
    expect(found).to.deep.equal([])
    size = 19
    watch.onGrew()
    await time.advance(LOOK_MS)
    expect(found).to.deep.equal([])
    size = 20
    watch.onGrew()
    watch.onGrew()
    await time.advance(LOOK_MS)
    expect(found.map(({ index, size: common }) => [index, common])).to.deep.equal([[1, 14]])
  })

  it('A9: leaves of different epochs, of different witnesses, and below the fork prove nothing', async () => {
    await say(8)
    await saySupplied(await lie(8, 1), { epoch: 1 })
    await saySupplied(await lie(8, 1), { name: 'v' })
    await saySupplied(await leavesOf(FORK, others))
    await say(0)
    expect(found).to.deep.equal([])
    expect(watch.watched).to.equal(3)
  })

  it('A9: a named leaf of another branch, of a witness that has attested the held one', async () => {
    await say(8)
    await watch.note(sign(await leavesOf(9, mine, new Map([[4, await other(7)]])), { named: [4] }))
    expect(found.map(({ index, size: common }) => [index, common])).to.deep.equal([[4, 7]])
  })

  it('a named leaf that is said again and again is kept once', async () => {
    const named = [4]
    const quarantined = new Map([[4, await other(7)]])
    for (let at = 4; at <= 10; at++) await watch.note(sign(await leavesOf(at, mine, quarantined), { named }))
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(1)
    const again = sign(await lie(30, 1))
    for (let i = 0; i < 3; i++) await watch.note(again, await lie(30, 1))
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(2)
    expect(found).to.deep.equal([])
  })

  it('of those in order the one with the most blocks is kept', async () => {
    await say(9)
    await say(6)
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(1)
    await saySupplied(await lie(9, 1))
    expect(found).to.have.length(1)
  })

  it('what was beyond the held chain and turns out to be on it is in order', async () => {
    await saySupplied(await leavesOf(12, mine))
    size = 12
    await say(11)
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(1)
    await saySupplied(await lie(12, 1))
    expect(found.map(({ size: common }) => common)).to.deep.equal([12])
  })

  it('where another branch took the place of the held one, what was said of the first is still known', async () => {
    await say(8)
    await saySupplied(await leavesOf(9, others))
    expect(found, 'nothing of the other branch is held').to.deep.equal([])
    held = others
    await watch.onReplaced()
    expect(found.map(({ size: common }) => common)).to.deep.equal([8])
  })

  it('what is known of no branch any more is forgotten', async () => {
    await say(8)
    held = others
    await watch.onReplaced()
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(0)
    await say(9)
    await watch.onReplaced()
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(1)
    expect(found).to.deep.equal([])
  })

  it('evidence that was not taken is shown again with the next word', async () => {
    isTaken = false
    await say(8)
    await saySupplied(await lie(8, 5))
    isTaken = true
    await say(9)
    expect(found).to.have.length(2)
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(0)
  })

  it(`keeps ${MAX_DOUBTFUL} doubtful attestations of a witness and epoch, the newest, of ${MAX_WATCHED} of these`, async () => {
    await say(8)
    for (let at = 20; at < 30; at++) await saySupplied(await lie(at, 1))
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(1 + MAX_DOUBTFUL)
    for (let epoch = 1; epoch <= MAX_WATCHED + 5; epoch++) await say(8, { epoch })
    expect(watch.watched).to.equal(MAX_WATCHED)
    expect(watch.kept(signerOf('w').publicKey, 0)).to.equal(0)
    size = 100
    await say(8, { epoch: MAX_WATCHED + 5 })
    expect(watch.watched).to.equal(MAX_WATCHED)
  })

  it(`looks at ${MAX_DOUBTS} leaves of each, those of another branch before those beyond the held one`, async () => {
    await say(8)
    const ahead = await Promise.all(Array.from({ length: MAX_DOUBTS + 2 }, async (_, index) => [index, await other(50)] as const))
    await saySupplied(await leavesOf(8, mine, new Map([...ahead, [MEMBERS - 1, await other(8)]])))
    expect(found.map(({ index }) => index)).to.deep.equal([MEMBERS - 1])
  })

  it('a store that fails is told of, and a chain that moves under the look is not', async () => {
    await say(8)
    fails = new Error('disk')
    await saySupplied(await lie(8, 1))
    expect(errors.map(({ message }) => message)).to.deep.equal(['disk'])
    fails = new WattnessError('STORE_CONFLICT', 'replaced')
    await saySupplied(await lie(8, 1))
    await watch.onReplaced()
    expect([errors.length, found.length]).to.deep.equal([1, 0])
  })

  it('ends with the node', async () => {
    await say(8)
    await saySupplied(await lie(20, 1))
    watch.onGrew()
    watch.stop()
    watch.onGrew()
    await time.advance(2 * LOOK_MS)
    expect([watch.watched, found.length, time.pending]).to.deep.equal([0, 0, 0])
  })
})
