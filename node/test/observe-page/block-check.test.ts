import { expect } from 'chai'
import {
  type Block,
  encodeMembershipBody,
  formatEventCode,
  fromBase64,
  fromHex,
  KIND_MEMBERSHIP,
  type MembershipOperation,
  signCheckpoint,
  toBase64,
  toHex,
} from '../../../protocol/index.ts'
import { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import { type BlockContext, type BlockReport, checkBlock } from '../../observe/page/check/block-check.ts'
import { SeenHeads } from '../../observe/page/check/seen-heads.ts'
import { nobleChecker } from '../../observe/page/check/signatures.ts'
import type { BlockAnswer, BlocksAnswer, LedgerAnswer } from '../../observe/schemas/index.ts'
import { verifySignature } from '../../signature.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { ObservedStreet } from '../observe/observed-street.ts'

/** The native check: these tests are about everything else. */
const checker = {
  ...nobleChecker,
  settle: <T>(work: (verify: typeof verifySignature) => T) => Promise.resolve(work(verifySignature)),
}

describe('observe: a block checked in the page', () => {
  let street: ObservedStreet
  let networkId: string
  let first: BlockAnswer
  let block: BlockAnswer
  let newest: BlockAnswer
  let foreign: BlockAnswer
  let membership: BlockAnswer | undefined

  before(async () => {
    street = await ObservedStreet.create({ rounds: 4 })
    const app = street.app()
    const get = async <T>(url: string): Promise<T> => (await app.inject(url)).json<T>()
    networkId = toHex(street.all.genesis.networkId)
    const { blocks } = await get<BlocksAnswer>('/v1/members/1/blocks')
    const all = await Promise.all(blocks.map(({ hash }) => get<BlockAnswer>(`/v1/blocks/${hash}`)))
    ;[first, , block] = all as [BlockAnswer, BlockAnswer, BlockAnswer]
    newest = all.at(-1) as BlockAnswer
    foreign = await get<BlockAnswer>(`/v1/blocks/${(await get<BlocksAnswer>('/v1/members/2/blocks')).blocks[1]?.hash ?? ''}`)
    const { blocks: ledger } = await get<LedgerAnswer>('/v1/ledger?limit=100')
    const found = ledger.find(({ kind }) => kind === 'membership')
    membership = found === undefined ? undefined : await get<BlockAnswer>(`/v1/blocks/${found.hash}`)
  })
  after(() => street.stop())

  const check = async (answer: BlockAnswer, context: Partial<BlockContext> = {}): Promise<BlockReport> =>
    checkBlock(answer, { checker, networkId, ...context })
  const headerBefore = async (): Promise<string> => {
    const app = street.app()
    return (await app.inject(`/v1/blocks/${block.previous}`)).json<BlockAnswer>().header
  }
  const refusedBy = ({ refused }: BlockReport): readonly string[] => refused.map(({ step }) => step)

  it('an honest answer passes every step', async () => {
    const report = await check(block, {
      wanted: block.hash,
      memberKey: block.key,
      before: await headerBefore(),
      seen: new SeenHeads(),
    })
    expect(report.steps.map(({ step, state }) => `${step} ${state}`)).to.deep.equal(
      ['hash', 'header', 'body', 'content', 'link', 'tree', 'signature', 'head'].map((step) => `${step} verified`),
    )
    expect(report.ok).to.equal(true)
    expect(refusedBy(await check(first))).to.deep.equal([])
    expect((await check(first)).steps.find(({ step }) => step === 'link')?.state).to.equal('verified')
    if (membership !== undefined) expect(refusedBy(await check(membership))).to.deep.equal([])
  })

  it('what an answer does not hold is said to be unchecked, not verified', async () => {
    const bare = await check({ ...block, body: null, checkpoint: null, inclusion: null, newest: null, consistency: null })
    expect(bare.steps.filter(({ state }) => state === 'absent').map(({ step }) => step)).to.deep.equal([
      'body',
      'content',
      'link',
      'tree',
      'signature',
      'head',
    ])
    expect(bare.refused).to.deep.equal([])
    expect(bare.ok).to.equal(false)
  })

  const flipped = (text: string, at = 5): string => {
    const bytes = fromBase64(text)
    bytes[at] = (bytes[at] as number) ^ 1
    return toBase64(bytes)
  }
  const zero = '0'.repeat(64)
  const value = (answer: BlockAnswer): NonNullable<BlockAnswer['readings']>[number] =>
    (answer.readings as NonNullable<BlockAnswer['readings']>)[0] as NonNullable<BlockAnswer['readings']>[number]

  const tamperings: readonly (readonly [string, string, () => BlockAnswer])[] = [
    ['hash', 'a header of other bytes', () => ({ ...block, header: flipped(block.header) })],
    ['hash', 'a header that is none', () => ({ ...block, header: 'AAAA' })],
    ['hash', 'a header that is no base64', () => ({ ...block, header: '%' })],
    ['hash', 'another hash', () => ({ ...block, hash: zero })],
    ['header', 'another height', () => ({ ...block, height: block.height + 1 })],
    ['header', 'another time', () => ({ ...block, sealedAt: '2020-01-01T00:00:00Z' })],
    ['header', 'another member', () => ({ ...block, key: foreign.key })],
    ['header', 'another kind', () => ({ ...block, kind: 'event' as const })],
    ['header', 'another previous', () => ({ ...block, previous: zero })],
    ['header', 'another length', () => ({ ...block, bytes: block.bytes + 1 })],
    ['body', 'another body', () => ({ ...block, body: flipped(block.body as string, 20) })],
    ['body', 'a body that is no base64', () => ({ ...block, body: '%' })],
    [
      'content',
      'another number',
      () => ({ ...block, readings: [{ ...value(block), value: '987.654' }, ...(block.readings ?? []).slice(1)] }),
    ],
    ['content', 'a value more', () => ({ ...block, readings: [...(block.readings ?? []), value(block)] })],
    ['content', 'a value less', () => ({ ...block, readings: (block.readings ?? []).slice(1) })],
    ['content', 'no values at all', () => ({ ...block, readings: [] })],
    [
      'tree',
      'a proof with another hash',
      () => ({ ...block, inclusion: { ...proof(), hashes: [zero, ...proof().hashes.slice(1)] } }),
    ],
    ['tree', 'a proof with a hash that is none', () => ({ ...block, inclusion: { ...proof(), hashes: ['xyz'] } })],
    ['tree', 'a proof of another leaf', () => ({ ...block, inclusion: { ...proof(), index: 0 } })],
    ['tree', 'a proof of another size', () => ({ ...block, inclusion: { ...proof(), size: 9 } })],
    ['tree', 'a proof to another root', () => ({ ...block, inclusion: { ...proof(), root: zero } })],
    ['signature', 'another signature', () => ({ ...block, checkpoint: { ...signed(), signature: flipped(signed().signature) } })],
    ['signature', 'a signature that is no base64', () => ({ ...block, checkpoint: { ...signed(), signature: '%' } })],
    [
      'head',
      'another newest signature',
      () => ({ ...block, newest: { ...newestOf(), signature: flipped(newestOf().signature) } }),
    ],
    ['head', 'a newest checkpoint without a proof that it goes on', () => ({ ...block, consistency: null })],
  ]
  const proof = (): NonNullable<BlockAnswer['inclusion']> => block.inclusion as NonNullable<BlockAnswer['inclusion']>
  const signed = (): NonNullable<BlockAnswer['checkpoint']> => block.checkpoint as NonNullable<BlockAnswer['checkpoint']>
  const newestOf = (): NonNullable<BlockAnswer['newest']> => block.newest as NonNullable<BlockAnswer['newest']>

  for (const [step, title, tampered] of tamperings) {
    it(`${step}: ${title} is refused`, async () => {
      const report = await check(tampered())
      expect(refusedBy(report)).to.include(step)
      expect(report.ok).to.equal(false)
      expect(report.refused[0]?.detail).to.have.length.above(5)
    })
  }

  it('hash: another block than the one asked for is refused', async () => {
    expect(refusedBy(await check(block, { wanted: first.hash }))).to.deep.equal(['hash'])
  })

  it('header: a block of another member than the one looked at is refused', async () => {
    expect(refusedBy(await check(block, { memberKey: foreign.key }))).to.deep.equal(['header'])
  })

  it('link: a block before that is another one, another member’s or no block is refused', async () => {
    expect(refusedBy(await check(block, { before: first.header }))).to.deep.equal(['link'])
    expect(refusedBy(await check(block, { before: foreign.header }))).to.deep.equal(['link'])
    expect(refusedBy(await check(block, { before: '%' }))).to.deep.equal(['link'])
  })

  it('signature: of another network is refused', async () => {
    expect(refusedBy(await check(block, { networkId: zero }))).to.deep.equal(['signature', 'head'])
    expect(refusedBy(await check(block, { networkId: 'none' }))).to.include('signature')
  })

  it('head: a proof of consistency of other checkpoints, or with other hashes, is refused', async () => {
    const { consistency } = block
    if (consistency === null) throw new Error('the block is the newest one')
    expect(refusedBy(await check({ ...block, consistency: { ...consistency, fromSize: 1 } }))).to.deep.equal(['head'])
    const hashes = [zero, ...consistency.hashes.slice(1)]
    expect(refusedBy(await check({ ...block, consistency: { ...consistency, hashes } }))).to.deep.equal(['head'])
    expect(refusedBy(await check({ ...block, consistency: { ...consistency, hashes: ['x'] } }))).to.deep.equal(['head'])
  })

  it('head: two signed histories of one size are two stories, whenever they are shown', async () => {
    const other = signCheckpoint(signerOf('meter-1'), fromHex(networkId), newestOf().size, fromHex(zero))
    expect(toHex(other.member)).to.equal(block.key)
    const fork = { size: other.size, root: toHex(other.root), signature: toBase64(other.signature) }
    const seen = new SeenHeads()
    expect((await check(block, { seen })).ok).to.equal(true)
    const report = await check({ ...newest, newest: fork, consistency: null }, { seen })
    expect(report.refused.map(({ detail }) => detail).join()).to.include('two signed histories')
    expect(refusedBy(await check({ ...newest, newest: fork, consistency: null }))).to.deep.equal(['head'])
  })

  it('content: events and changes of the membership are held against the body too', async () => {
    const registrar = new ChainAuthor(signerOf('registrar'), fromHex(networkId), true)
    const operations: MembershipOperation[] = [
      { type: 'admit', key: signerOf('a').publicKey, roles: 2, labelHash: fromHex(zero) },
      { type: 'change-roles', key: signerOf('a').publicKey, roles: 6 },
      { type: 'revoke', key: signerOf('a').publicKey, endSize: 3, endRoot: fromHex(zero) },
      {
        type: 'replace-key',
        key: signerOf('b').publicKey,
        newKey: signerOf('c').publicKey,
        labelHash: fromHex(zero),
        endSize: 3,
        endRoot: fromHex(zero),
      },
    ]
    registrar.append()
    registrar.append({ kind: KIND_MEMBERSHIP, content: encodeMembershipBody(operations) })
    registrar.append({ kind: 9, content: Uint8Array.of(1) })
    const hex = (name: string): string => toHex(signerOf(name).publicKey)
    const contents: Partial<BlockAnswer>[] = [
      { kind: 'event', events: [{ time: '2026-01-01T00:00:00.000Z', event: formatEventCode(5), detail: 'block 0' }] },
      {
        kind: 'membership',
        operations: [
          { operation: 'admit', key: hex('a'), roles: 'meter' },
          { operation: 'change-roles', key: hex('a'), roles: 'meter,witness' },
          { operation: 'revoke', key: hex('a'), endSize: 3 },
          { operation: 'replace-key', key: hex('b'), newKey: hex('c'), endSize: 3 },
        ],
      },
      { kind: 9 },
    ]
    for (const [at, content] of contents.entries()) {
      const { header, headerBytes, body, bytes } = registrar.blocks[at] as Block
      const answer = {
        ...first,
        ...content,
        readings: undefined,
        key: toHex(header.member),
        height: at,
        hash: toHex(registrar.state(at + 1).lastHash),
        previous: toHex(header.previous),
        sealedAt: new Date(header.sealedAt).toISOString(),
        registrarSize: header.registrarSize,
        bytes: bytes.length,
        header: toBase64(headerBytes),
        body: toBase64(body),
        checkpoint: null,
        inclusion: null,
        newest: null,
        consistency: null,
      } as unknown as BlockAnswer
      expect(refusedBy(await check(answer)), `block ${at}`).to.deep.equal([])
      const emptied = { ...answer, events: [], operations: [] }
      expect(refusedBy(await check(emptied)), `block ${at}`).to.deep.equal(at === 2 ? [] : ['content'])
    }
  })

  it('the heads that were seen are as many as a network has members', () => {
    const seen = new SeenHeads()
    const head = (at: number, size: number): Parameters<SeenHeads['add']>[0] => {
      const member = new Uint8Array(32)
      member.set([at % 256, Math.floor(at / 256)])
      return { member, size, root: new Uint8Array(32), signature: new Uint8Array(64) }
    }
    for (let at = 0; at < 300; at++) seen.add(head(at, 1))
    expect(seen.size).to.equal(256)
    expect(seen.add(head(1, 5))).to.equal(undefined)
    expect(seen.add({ ...head(1, 5), root: new Uint8Array(32).fill(1) })).to.include('two signed histories of 5 blocks')
  })
})
