import { expect } from 'chai'
import {
  bodyContent,
  continuationOf,
  decodeBlock,
  decodeEvents,
  decodeReadings,
  decodeRun,
  EMPTY_CHAIN,
  EVENT_CODES,
  formatContinuation,
  formatGenesis,
  type Genesis,
  type GenesisLimits,
  KIND_EVENT,
  KIND_MEMBERSHIP,
  KIND_READINGS,
  leafHash,
  type MembershipOperation,
  parseGenesis,
  type Reading,
  rootOf,
  verifyInclusion,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import { initialMembership } from '../../../protocol/membership.ts'
import { type Sealed, Sealer } from '../../seal/index.ts'
import { verifySignature } from '../../signature.ts'
import { type FrameNote, LedgerStore, openMemoryKv, type SpoolItem } from '../../store/index.ts'
import { Door } from '../../validate/index.ts'
import { signerOf, testReading } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { framesOf } from '../store/frames-of.ts'

/** A sealer over a real store and a real door; `door.refuse` makes the door say no. */
async function stand(limits: Partial<GenesisLimits> = {}, maxRows = 96, name = 'meter', operations: MembershipOperation[] = []) {
  const time = new VirtualTime()
  const platform = time.platform(seededRandom(5))
  const { clock, random } = platform
  const signer = signerOf(name)
  const members = [{ key: signerOf('meter').publicKey, roles: 2, label: 'meter' }]
  const genesis: Genesis = parseGenesis(
    formatGenesis({ name: 'seal', registrar: signerOf('registrar').publicKey, members, limits }),
  )
  const store = await LedgerStore.open({ kv: await openMemoryKv(), networkId: genesis.networkId, ownKey: signer.publicKey })
  const start = initialMembership(genesis)
  const membership = operations.length === 0 ? start : start.apply(operations).membership
  const door = new Door({
    store,
    genesis,
    clock,
    turn: () => platform.turn(),
    verify: verifySignature,
    membership: () => membership,
    onStored: () => undefined,
  })
  const submitted: Uint8Array[] = []
  const sealer = new Sealer({
    genesis,
    signer,
    clock,
    random,
    spool: store.spool,
    head: () => store.head(signer.publicKey) ?? EMPTY_CHAIN,
    registrarSize: () => membership.size,
    continues: () => continuationOf(membership, signer.publicKey),
    submit: (run, own) => {
      submitted.push(run)
      return door.submit(run, own)
    },
    maxRows,
  })
  return { time, store, sealer, submitted, door, genesis }
}

const item = (minute: number): SpoolItem => ({ source: 's', reading: testReading(1_704_067_200_000 + minute * 60_000, minute) })
const event = (minute: number): SpoolItem => ({ source: 's', event: { time: 1_704_067_200_000 + minute, code: 1, detail: '' } })

const kindOf = (sealed: Sealed | undefined): number => decodeBlock(sealed?.block as Uint8Array).header.kind

function readingsOf(sealed: Sealed | undefined): readonly Reading[] {
  return decodeReadings(bodyContent(decodeBlock(sealed?.block as Uint8Array).body)).readings
}

describe('the sealer', () => {
  it('takes out of the spool what own blocks hold that came back from a neighbour, and nothing else', async () => {
    const { store, sealer } = await stand()
    await store.spool.append([item(1), item(2), event(3)])
    const readings = (await sealer.sealNext()) as Sealed
    const events = (await sealer.sealNext()) as Sealed
    // The same again under another source, as a lost write would have left them.
    await store.spool.append([item(1), item(2), event(3), item(4)].map((each) => ({ ...each, source: 'again' })))
    expect(await sealer.forget([readings.block, events.block])).to.equal(3)
    const { rows } = await store.spool.peek(10)
    expect(rows.map((row) => 'reading' in row.item && row.item.reading)).to.deep.equal([
      (item(4) as { reading: Reading }).reading,
    ])
    expect(store.spool.size).to.equal(1)
    await sealer.sealNext()
    expect(await sealer.forget([readings.block])).to.equal(0)
    await store.close()
  })

  it('seals nothing where nothing waits', async () => {
    const { sealer, submitted } = await stand()
    expect(await sealer.sealNext()).to.equal(undefined)
    expect(submitted).to.deep.equal([])
  })

  it('takes the oldest rows, as many as a block may hold, and removes them from the spool', async () => {
    const { sealer, store } = await stand({}, 4)
    await store.spool.append([0, 1, 2, 3, 4, 5].map(item))
    const [first, second, third] = [await sealer.sealNext(), await sealer.sealNext(), await sealer.sealNext()]
    expect([first?.rows, second?.rows, third]).to.deep.equal([4, 2, undefined])
    expect([first?.height, second?.height]).to.deep.equal([0, 1])
    expect(readingsOf(first)).to.have.length(4)
    expect(store.spool.size).to.equal(0)
  })

  it('never puts readings and events into one block: the oldest entry decides, the others of its kind go with it', async () => {
    const { sealer, store } = await stand()
    await store.spool.append([event(1), item(0), event(2), item(1)])
    const [events, readings] = [await sealer.sealNext(), await sealer.sealNext()]
    expect([kindOf(events), kindOf(readings)]).to.deep.equal([KIND_EVENT, KIND_READINGS])
    expect([events?.rows, readings?.rows, store.spool.size]).to.deep.equal([2, 2, 0])
    expect(decodeEvents(bodyContent(decodeBlock(events?.block as Uint8Array).body))).to.have.length(2)
  })

  it('puts no more events into a block than it may hold', async () => {
    const { sealer, store } = await stand({}, 400)
    await store.spool.append(Array.from({ length: 300 }, (_, i) => event(i)))
    expect((await sealer.sealNext())?.rows).to.equal(256)
    expect((await sealer.sealNext())?.rows).to.equal(44)
  })

  it('halves what does not fit the network’s largest body until it does', async () => {
    const { sealer, store } = await stand({ maxBodyBytes: 512 })
    const wide = (minute: number): SpoolItem => {
      const reading = testReading(1_704_067_200_000 + minute * 60_000, 1)
      const salt = (minute * 48_271) % 65_537
      const values = Array.from({ length: 8 }, (_, e) => ({
        register: { obis: { a: 1, b: 0, c: 1, d: 8, e, f: 255 }, unit: 30, scaler: 0 },
        value: (salt * 7_919_717 * (e + 3)) % 999_999_937,
        quality: 'good' as const,
      }))
      return { source: 's', reading: { ...reading, values } }
    }
    await store.spool.append(Array.from({ length: 40 }, (_, i) => wide(i)))
    const sealed: Sealed[] = []
    for (let next = await sealer.sealNext(); next !== undefined; next = await sealer.sealNext()) sealed.push(next)
    expect(sealed.length).to.be.above(2)
    expect(sealed.reduce((rows, each) => rows + each.rows, 0)).to.equal(40)
    for (const { block } of sealed) expect(decodeBlock(block).body.length).to.be.at.most(512)
  })

  it('M20: the first block of a key that replaces another says what its chain goes on with, and readings follow', async () => {
    const end = { endSize: 7, endRoot: ZERO_HASH }
    const replaced = signerOf('meter').publicKey
    const operation = {
      type: 'replace-key',
      key: replaced,
      newKey: signerOf('new').publicKey,
      labelHash: ZERO_HASH,
      ...end,
    } as const
    const { sealer, store, time } = await stand({}, 96, 'new', [operation])
    expect(await sealer.sealNext()).to.equal(undefined)
    await store.spool.append([event(1), item(0)])
    const first = await sealer.sealNext()
    expect([first?.height, first?.rows, store.spool.size]).to.deep.equal([0, 0, 2])
    const detail = formatContinuation({ key: replaced, ...end })
    expect(decodeEvents(bodyContent(decodeBlock(first?.block as Uint8Array).body))).to.deep.equal([
      { time: time.clock.now(), code: EVENT_CODES.continues, detail },
    ])
    expect([(await sealer.sealNext())?.rows, (await sealer.sealNext())?.rows, store.spool.size]).to.deep.equal([1, 1, 0])
  })

  it('READING_TOO_LARGE: says which reading fits no block', async () => {
    const { sealer, store } = await stand({ maxBodyBytes: 512 })
    const reading = testReading(1_704_067_200_000, 1)
    const values = Array.from({ length: 64 }, (_, e) => ({
      register: { obis: { a: 1, b: 3, c: e, d: 8, e: 0, f: 17 }, unit: 30, scaler: 0 },
      value: 123_456_789_012 + e * 7_777_777,
      quality: 'good' as const,
    }))
    await store.spool.append([{ source: 's', reading: { ...reading, values } }])
    const error = await sealer.sealNext().catch((failure: { code: string; data: object }) => failure)
    expect(error).to.include({ code: 'READING_TOO_LARGE' })
    expect(error).to.have.nested.property('data.room', 496)
  })

  it('commits to the raw frames that were read', async () => {
    const { sealer, store } = await stand()
    const withFrame = { ...item(0), frame: new Uint8Array(300).fill(7) }
    await store.spool.append([withFrame])
    const sealed = await sealer.sealNext()
    const content = bodyContent(decodeBlock(sealed?.block as Uint8Array).body)
    expect((content[0] as number) & 0x80, 'frames root present').to.equal(0x80)
    expect(decodeReadings(content).framesRoot).to.deep.equal(rootOf([leafHash(withFrame.frame)]))
  })

  it('T4: notes of each frame, in the write that stores its block, its way up to the frames root', async () => {
    const { sealer, store } = await stand()
    let number = 0
    for (let count = 1; count <= 9; count++) {
      const rows = Array.from({ length: count }, () => ({
        ...item(number),
        frame: Uint8Array.of(number++),
        source: `p1:${count}`,
      }))
      await store.spool.append([...rows, item(number++)])
      const sealed = await sealer.sealNext()
      const { header, body } = decodeBlock(sealed?.block as Uint8Array)
      const root = decodeReadings(bodyContent(body)).framesRoot as Uint8Array
      const frames = await framesOf(store)
      const mine = frames.filter(({ note }) => note?.height === header.height)
      expect(mine.map(({ note }) => [note?.index, note?.source, note?.sealedAtMs])).to.deep.equal(
        rows.map((_, index) => [index, `p1:${count}`, header.sealedAt]),
      )
      for (const { frame, note } of mine) {
        const { index, proof } = note as FrameNote
        expect(note?.count).to.equal(count)
        expect(verifyInclusion(leafHash(frame as Uint8Array), index, count, proof, root), `${index} of ${count}`).to.equal(true)
      }
    }
  })

  it('never dates a block before its parent, nor sooner after it than the network allows', async () => {
    const { sealer, store, time, submitted } = await stand({ minBlockIntervalMs: 5_000 }, 1)
    await store.spool.append([0, 1, 2].map(item))
    const startMs = time.clock.now()
    for (let i = 0; i < 3; i++) await sealer.sealNext()
    const sealedAt = submitted.map((run) => decodeRun(run).blocks[0]?.header.sealedAt)
    expect(sealedAt).to.deep.equal([startMs, startMs + 5_000, startMs + 10_000])
  })

  it('seals one block at a time, whoever asks', async () => {
    const { sealer, store } = await stand({}, 1)
    await store.spool.append([0, 1, 2, 3].map(item))
    const sealed = await Promise.all([sealer.sealNext(), sealer.sealNext(), sealer.sealNext(), sealer.sealNext()])
    expect(sealed.map((each) => each?.height)).to.deep.equal([0, 1, 2, 3])
  })

  it('SEAL_FAILED: says why the door did not take the block, and keeps the readings', async () => {
    const { sealer, store, door } = await stand()
    await store.spool.append([item(0)])
    await store.evidence.put(signerOf('meter').publicKey, new Uint8Array(3))
    const error = await sealer.sealNext().catch((failure: unknown) => failure)
    expect(error).to.include({ code: 'SEAL_FAILED' })
    expect(error).to.have.nested.property('data.code', 'QUARANTINED')
    expect(store.spool.size).to.equal(1)
    await store.evidence.delete(signerOf('meter').publicKey)
    await door.stop()
    const stopped = await sealer.sealNext().catch((failure: unknown) => failure)
    expect(stopped).to.have.nested.property('data.code', 'OVERLOADED')
  })

  it('seals membership in the registrar’s chain only', async () => {
    const operation = { type: 'revoke', key: signerOf('meter').publicKey, endSize: 0, endRoot: EMPTY_CHAIN.root } as const
    const registrar = await stand({}, 96, 'registrar')
    const sealed = await registrar.sealer.sealMembership([operation])
    expect(kindOf(sealed)).to.equal(KIND_MEMBERSHIP)
    const meter = await stand()
    expect(await meter.sealer.sealMembership([operation]).catch((error: unknown) => error)).to.have.nested.property(
      'data.code',
      'WRONG_KIND',
    )
  })
})
