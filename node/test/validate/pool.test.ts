import { expect } from 'chai'
import {
  type ChainState,
  CompactRange,
  type DoorContext,
  EMPTY_CHAIN,
  encodeLabelRecord,
  type Genesis,
  initialMembership,
  labelHash,
  type Membership,
  parseRoles,
} from '../../../protocol/index.ts'
import { ChainAuthor, FIRST_SEALED_MS, flipped } from '../../../protocol/test/chain-author.ts'
import { verifySignature } from '../../signature.ts'
import { checkRun } from '../../validate/checked-run.ts'
import { createVerifyPool, POOL_MIN_BYTES, type VerifyPool } from '../../validate/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { DoorStand } from './door-stand.ts'

const NOW_MS = FIRST_SEALED_MS + 400 * 86_400_000

describe('the verification pool', () => {
  let genesis: Genesis
  let start: Membership
  let pool: VerifyPool
  let author: ChainAuthor

  before(async () => {
    const stand = await DoorStand.create()
    genesis = stand.genesis
    start = initialMembership(genesis)
    author = new ChainAuthor(signerOf('a'), genesis.networkId).grow(700)
    pool = createVerifyPool(2, genesis)
  })

  after(async () => {
    await pool.stop()
  })

  const context = (fields: Partial<DoorContext> = {}): DoorContext => ({
    genesis,
    membership: start,
    chain: EMPTY_CHAIN,
    quarantined: false,
    nowMs: NOW_MS,
    verify: verifySignature,
    ...fields,
  })

  /** Both answers, as plain values that can be compared. */
  async function both(run: Uint8Array, fields: Partial<DoorContext> = {}): Promise<[unknown, unknown]> {
    expect(run.length).to.be.at.least(POOL_MIN_BYTES)
    const [here, there] = [checkRun(run, context(fields)), await pool.check(run, context(fields))]
    return [plain(here), plain(there)]
  }

  function plain(run: ReturnType<typeof checkRun>): unknown {
    if (run.verdict !== 'accept') return run
    const { range, ...state } = run.state
    return { ...run, blocks: run.blocks.map((block) => [...block]), state: { ...state, edge: range.encode() } }
  }

  it('gives the same answers as the door itself', async () => {
    const other = author.fork(300).append({ salt: new Uint8Array(16) })
    for (let i = 0; i < 300; i++) other.append()
    const questions: (readonly [string, Uint8Array, Partial<DoorContext>?])[] = [
      ['accept', author.run(0, 250)],
      ['accept', author.run(250, 700), { chain: author.state(250) }],
      ['accept', await author.coveredRun(0, 300)],
      ['accept', author.run(100, 400), { chain: author.state(200) }],
      ['UNKNOWN_PARENT', author.run(250, 500)],
      ['FORK', other.run(301, 600), { chain: author.state(301) }],
      ['CONFLICT', other.run(0, 400), { chain: author.state(500), known: author.known(400) }],
      ['DUPLICATE', author.run(0, 400), { chain: author.state(500), known: author.known(400) }],
      ['QUARANTINED', author.run(0, 400), { quarantined: true }],
      ['CLOCK_AHEAD', author.run(0, 400), { nowMs: FIRST_SEALED_MS }],
      ['WRONG_ROOT', author.run(0, 400, author.checkpoint(399))],
      ['BAD_SIGNATURE', flipped(author.run(0, 400), -1)],
    ]
    for (const [code, run, fields] of questions) {
      const [here, there] = await both(run, fields)
      expect(there, code).to.deep.equal(here)
      expect((there as { code?: string }).code ?? 'accept').to.equal(code)
    }
  })

  it('answers many at a time, each its own', async () => {
    const answers = await Promise.all([100, 200, 300, 150, 250, 350].map((from) => pool.check(author.run(from, 700), context())))
    expect(answers.map((answer) => (answer.verdict === 'accept' ? 0 : answer.data['height']))).to.deep.equal([
      100, 200, 300, 150, 250, 350,
    ])
  })

  it('knows a membership that changed between two runs', async () => {
    const late = new ChainAuthor(signerOf('late'), genesis.networkId)
    for (let i = 0; i < 300; i++) late.append({ registrarSize: 1 })
    const label = labelHash(encodeLabelRecord(new Uint8Array(16), 'late'))
    const grown = start.apply([{ type: 'admit', key: signerOf('late').publicKey, roles: parseRoles('meter'), labelHash: label }])
    for (const [membership, verdict] of [
      [start, 'ignore'],
      [grown.membership, 'accept'],
      [start, 'ignore'],
    ] as const) {
      // As many as there are workers, and more: whichever takes it has the membership that was asked with.
      const answers = await Promise.all([1, 2, 3].map(() => pool.check(late.run(0, 300), context({ membership }))))
      expect(answers.map((answer) => answer.verdict)).to.deep.equal(Array(3).fill(verdict))
    }
  })

  it('does not send along the buffer that a run is a view of', async () => {
    const run = author.run(0, 300)
    const frame = new Uint8Array(run.length + 1_000)
    frame.set(run, 500)
    const answer = await pool.check(frame.subarray(500, 500 + run.length), context())
    expect(answer.verdict).to.equal('accept')
    if (answer.verdict === 'accept') expect(answer.blocks[7]).to.deep.equal(author.blocks[7]?.bytes)
  })

  it('blames nobody for a worker that died, and goes on with another', async () => {
    const broken: ChainState = { ...EMPTY_CHAIN, size: 3, range: CompactRange.empty() }
    const answers = await Promise.all([
      pool.check(author.run(3, 300), context({ chain: broken })),
      pool.check(author.run(0, 300), context()),
      pool.check(author.run(0, 300), context()),
      pool.check(author.run(0, 300), context()),
    ])
    expect(answers[0]).to.include({ verdict: 'ignore', code: 'UNEXPECTED' })
    expect(answers.slice(1).map(({ verdict }) => verdict)).to.deep.equal(['accept', 'accept', 'accept'])
  })

  it('that cannot start answers so, each time', async () => {
    const unusable = createVerifyPool(1, { ...genesis, bytes: new Uint8Array(3) })
    for (let i = 0; i < 2; i++) {
      expect(await unusable.check(author.run(0, 300), context())).to.include({ verdict: 'ignore', code: 'UNEXPECTED' })
    }
    await unusable.stop()
  })

  it('that is stopped answers everything that it was asked', async () => {
    const short = createVerifyPool(1, genesis)
    const asked = [short.check(author.run(0, 300), context()), short.check(author.run(0, 300), context())]
    await short.stop()
    asked.push(short.check(author.run(0, 300), context()))
    for (const answer of await Promise.all(asked)) expect(answer).to.include({ verdict: 'ignore', code: 'UNEXPECTED' })
  })

  it('works under a door', async () => {
    const stand = await DoorStand.create({ pool: (of) => createVerifyPool(1, of) })
    const runs = [stand.author('a').grow(400), stand.author('b').grow(300)].map((each) => each.run(0, each.size))
    const outcomes = await Promise.all(runs.map((run) => stand.door.submit(run)))
    expect(outcomes.map(({ verdict }) => verdict)).to.deep.equal(['accept', 'accept'])
    await stand.door.stop()
  })
})
