import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import type { FastifyInstance } from 'fastify'
import {
  type ChainState,
  EMPTY_CHAIN,
  formatVerifierKey,
  NOTE_ED25519,
  openNote,
  parseCheckpoint,
  parseSignedCheckpointNote,
  parseVerifierKey,
  toHex,
  WattnessError,
} from '../../../protocol/index.ts'
import { formatTilePath } from '../../observe/tile-path.ts'
import { TlogSource, type TlogStore } from '../../observe/tlog-source.ts'
import { verifySignature } from '../../signature.ts'
import { NETWORK_ID, ServedLog } from './served-log.ts'

const SIZE = 700
const bytesIn = (byte: number, bytes: Buffer): Buffer =>
  createHash('sha256')
    .update(Buffer.from([byte]))
    .update(bytes)
    .digest()

/** RFC 6962 section 2.1, from the text alone. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0] as Buffer
  const k = 2 ** Math.ceil(Math.log2(leaves.length) - 1)
  return bytesIn(1, Buffer.concat([treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k))]))
}

const hashesOf = (tile: Buffer): Buffer[] =>
  Array.from({ length: tile.length / 32 }, (_, i) => tile.subarray(i * 32, i * 32 + 32))

/** Big-endian uint16 length, entry, and so on. */
function entriesOf(bundle: Buffer): Buffer[] {
  const entries: Buffer[] = []
  for (let at = 0; at < bundle.length; ) {
    const length = bundle.readUInt16BE(at)
    entries.push(bundle.subarray(at + 2, at + 2 + length))
    at += 2 + length
  }
  return entries
}

describe('each chain as a C2SP tiled log', () => {
  let log: ServedLog
  let app: FastifyInstance
  const get = (path: string, headers: Record<string, string> = {}): ReturnType<FastifyInstance['inject']> =>
    app.inject({ method: 'GET', url: `${log.prefix}/${path}`, headers }) as never
  const bytes = async (path: string): Promise<Buffer> => {
    const { statusCode, rawPayload, body } = await get(path)
    expect(statusCode, `${path}: ${body}`).to.equal(200)
    return rawPayload
  }
  const refusal = async (path: string): Promise<[number, string]> => {
    const { statusCode, headers, json } = await get(path)
    expect(headers['content-type']).to.equal('application/problem+json')
    expect(headers['cache-control']).to.equal('no-store')
    const problem = json<{ status: number; code: string; type: string; title: string; detail: string }>()
    expect(problem).to.include({ type: 'about:blank', status: statusCode })
    expect(problem.title).to.have.length.above(3)
    expect(problem.detail).to.have.length.above(10)
    return [statusCode, problem.code]
  }

  before(async () => {
    log = await ServedLog.create()
    await log.hold(100)
    await log.hold(SIZE - 100)
    app = log.app()
  })

  it('the checkpoint is a signed note that any C2SP client opens with the verifier key of the member', async () => {
    const { statusCode, headers, body } = await get('checkpoint')
    expect(statusCode).to.equal(200)
    expect(headers).to.include({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' })
    const { networkId, checkpoint } = parseSignedCheckpointNote(verifySignature, body)
    expect(networkId).to.deep.equal(NETWORK_ID)
    expect(checkpoint).to.deep.include({ size: SIZE, root: log.author.state().root })
    const name = `wattness/1/${toHex(NETWORK_ID)}/${toHex(log.author.signer.publicKey)}`
    const key = formatVerifierKey({ name, type: NOTE_ED25519, key: log.author.signer.publicKey })
    const { text } = openNote(verifySignature, body, [parseVerifierKey(key)])
    expect(parseCheckpoint(text)).to.deep.include({ origin: name, size: SIZE, extensions: [] })
  })

  it('the root of every signed size follows from the tiles of that size', async () => {
    for (const size of [1, 2, 100, 255, 256, 257, 511, 512, 513, SIZE]) {
      const full = Math.floor(size / 256)
      const leaves: Buffer[] = []
      for (let i = 0; i < full; i++)
        leaves.push(...hashesOf(await bytes(`tile/${formatTilePath({ level: 0, index: i, width: 256 })}`)))
      if (size % 256 > 0) leaves.push(...hashesOf(await bytes(`tile/0/00${full}.p/${size % 256}`)))
      expect(leaves, String(size)).to.have.length(size)
      expect(treeHash(leaves).toString('hex')).to.equal(toHex(log.author.state(size).root))
      if (full === 0) continue
      const upper = hashesOf(await bytes(`tile/1/000.p/${full}`))
      expect(upper).to.deep.equal(Array.from({ length: full }, (_, i) => treeHash(leaves.slice(256 * i, 256 * (i + 1)))))
    }
  })

  it('each entry is the header of its block and hashes to the leaf', async () => {
    const leaves = hashesOf(
      Buffer.concat([await bytes('tile/0/000'), await bytes('tile/0/001'), await bytes('tile/0/002.p/188')]),
    )
    const bundles = [await bytes('tile/entries/000'), await bytes('tile/entries/001'), await bytes('tile/entries/002.p/188')]
    const entries = entriesOf(Buffer.concat(bundles))
    expect(entries.map((entry) => bytesIn(0, entry))).to.deep.equal(leaves)
    expect(entries.map(toHex)).to.deep.equal(log.author.blocks.map(({ headerBytes }) => toHex(headerBytes)))
  })

  it('a pruned chain is served as it was', async () => {
    const paths = ['checkpoint', 'tile/0/000', 'tile/1/000.p/2', 'tile/entries/000', 'tile/entries/001', 'tile/entries/002.p/188']
    const pruned = await ServedLog.create()
    await pruned.hold(100)
    await pruned.hold(SIZE - 100)
    while (!(await pruned.store.prune(pruned.author.signer.publicKey, SIZE, { unfinal: true })).isDone);
    const served = pruned.app()
    for (const path of paths) {
      const { statusCode, rawPayload } = await served.inject(`${pruned.prefix}/${path}`)
      expect([statusCode, rawPayload.equals((await get(path)).rawPayload)], path).to.deep.equal([200, true])
    }
    await served.close()
  })

  it('partial tiles of every width from 1 to 255, of what is full by now too', async () => {
    const full = await bytes('tile/0/000')
    const bundle = await bytes('tile/entries/000')
    expect(full).to.have.length(8_192)
    let end = 0
    for (let width = 1; width <= 255; width++) {
      end += 2 + bundle.readUInt16BE(end)
      expect((await bytes(`tile/0/000.p/${width}`)).equals(full.subarray(0, 32 * width)), String(width)).to.equal(true)
      expect((await bytes(`tile/entries/000.p/${width}`)).equals(bundle.subarray(0, end)), String(width)).to.equal(true)
      const { statusCode } = await get(`tile/0/002.p/${width}`)
      expect(statusCode, String(width)).to.equal(width <= SIZE - 512 ? 200 : 404)
    }
  })

  it('a full tile may be kept for ever, a partial one and a checkpoint not', async () => {
    const caching = async (path: string): Promise<unknown> => (await get(path)).headers['cache-control']
    for (const path of ['tile/0/000', 'tile/0/001', 'tile/entries/001'])
      expect(await caching(path)).to.equal('max-age=31536000, immutable')
    for (const path of ['tile/0/000.p/1', 'tile/0/002.p/188', 'tile/1/000.p/2', 'tile/entries/002.p/5'])
      expect(await caching(path)).to.equal('max-age=60')
    expect(await caching('checkpoint')).to.equal('no-cache')
  })

  it('tiles and bundles are octets, and nobody is to guess otherwise', async () => {
    for (const path of ['tile/0/000', 'tile/0/002.p/188', 'tile/entries/000']) {
      const { headers } = await get(path)
      expect(headers).to.include({ 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' })
    }
  })

  it('bundles are in gzip for whoever takes it', async () => {
    const plain = await bytes('tile/entries/000')
    const { headers, rawPayload } = await get('tile/entries/000', { 'accept-encoding': 'br;q=1, gzip;q=0.8' })
    expect(headers).to.include({ 'content-encoding': 'gzip', vary: 'accept-encoding' })
    expect(gunzipSync(rawPayload).equals(plain)).to.equal(true)
    expect(rawPayload.length).to.be.below(plain.length * 0.75)
    const identity = await get('tile/entries/000', { 'accept-encoding': 'identity' })
    expect(identity.headers).to.include({ vary: 'accept-encoding' }).and.not.have.property('content-encoding')
    expect((await get('tile/0/000', { 'accept-encoding': 'gzip' })).headers).not.to.have.property('content-encoding')
  })

  it('HEAD says what GET says, without the body', async () => {
    for (const path of ['checkpoint', 'tile/0/000', 'tile/entries/002.p/188']) {
      const { headers } = await get(path)
      const head = await app.inject({ method: 'HEAD', url: `${log.prefix}/${path}` })
      expect(head.rawPayload).to.have.length(0)
      for (const name of ['content-type', 'content-length', 'cache-control']) expect(head.headers[name]).to.equal(headers[name])
    }
  })

  it('TILE_UNKNOWN: a tile that the chain has not reached', async () => {
    const beyond = [
      'tile/0/002',
      'tile/0/002.p/189',
      'tile/0/003.p/1',
      'tile/1/000',
      'tile/1/000.p/3',
      'tile/2/000.p/1',
      'tile/63/000.p/1',
    ]
    const far = [
      'tile/0/x001/000',
      `tile/0/${'x999/'.repeat(40)}999`,
      'tile/entries/002',
      'tile/entries/002.p/189',
      'tile/entries/x001/000.p/1',
    ]
    for (const path of [...beyond, ...far]) expect(await refusal(path), path).to.deep.equal([404, 'TILE_UNKNOWN'])
  })

  it('a chain of 70,000 blocks has the tiles that the specification counts', async () => {
    const state: ChainState = { ...EMPTY_CHAIN, size: 70_000 }
    const store = { head: () => state, tile: () => Promise.resolve(new Uint8Array(8_192)) } as unknown as TlogStore
    const source = new TlogSource({ store, networkId: NETWORK_ID, verify: verifySignature })
    const has = (level: number, index: number, width: number): Promise<boolean> =>
      source.tile(new Uint8Array(32), { level, index, width }).then(
        (tile) => tile.length === 32 * width,
        () => false,
      )
    const counted = [
      [0, 272, 256],
      [0, 273, 112],
      [1, 0, 256],
      [1, 1, 17],
      [2, 0, 1],
    ] as const
    for (const [level, index, width] of counted) expect(await has(level, index, width), `${level}/${index}`).to.equal(true)
    const none = [
      [0, 273, 113],
      [0, 273, 256],
      [1, 1, 18],
      [2, 0, 2],
      [2, 1, 1],
      [3, 0, 1],
    ] as const
    for (const [level, index, width] of none) expect(await has(level, index, width), `${level}/${index}`).to.equal(false)
  })

  it('PATH_MALFORMED: a path that is not as C2SP writes it, a member that is no key', async () => {
    for (const path of ['tile/0/0', 'tile/64/000', 'tile/0/000.p/256', 'tile/0/x000/001', 'tile/', 'tile/0', 'tile/entries/'])
      expect(await refusal(path), path).to.deep.equal([400, 'PATH_MALFORMED'])
    for (const member of ['0', 'ab'.repeat(31), 'AB'.repeat(32), 'zz'.repeat(32)]) {
      const answer = await app.inject({ url: `/tlog/${member}/checkpoint` })
      expect([answer.statusCode, answer.json().code], member).to.deep.equal([400, 'PATH_MALFORMED'])
    }
  })

  it('CHAIN_UNKNOWN: a key of which no block is held', async () => {
    for (const path of ['checkpoint', 'tile/0/000', 'tile/entries/000.p/1']) {
      const answer = await app.inject({ url: `/tlog/${'ab'.repeat(32)}/${path}` })
      expect([answer.statusCode, answer.json().code]).to.deep.equal([404, 'CHAIN_UNKNOWN'])
    }
  })

  describe('while a chain is fetched', () => {
    it('CHECKPOINT_UNKNOWN until a signature of what is held has come, then the newest whose tiles are here', async () => {
      log = await ServedLog.create('behind')
      log.author.grow(30)
      app = log.app()
      await log.hold(10, { checkpoint: log.author.checkpoint(30) })
      expect(await refusal('checkpoint')).to.deep.equal([404, 'CHECKPOINT_UNKNOWN'])
      await log.hold(5)
      await log.hold(5, { checkpoint: log.author.checkpoint(30) })
      expect(parseSignedCheckpointNote(verifySignature, (await get('checkpoint')).body).checkpoint.size).to.equal(15)
      await log.hold(10)
      expect(parseSignedCheckpointNote(verifySignature, (await get('checkpoint')).body).checkpoint.size).to.equal(30)
    })

    it('a signature is looked for and checked once for each size', async () => {
      const one = await ServedLog.create('asked often')
      one.author.grow(30)
      let looked = 0
      let checked = 0
      const store: TlogStore = {
        head: (member) => one.store.head(member),
        tile: (...args) => one.store.tile(...args),
        readHeld: (...args) => one.store.readHeld(...args),
        signatureAtOrBelow: (...args) => {
          looked++
          return one.store.signatureAtOrBelow(...args)
        },
      }
      const verify: typeof verifySignature = (...args) => {
        checked++
        return verifySignature(...args)
      }
      const source = new TlogSource({ store, networkId: NETWORK_ID, verify })
      const ask = (): Promise<unknown> => source.checkpoint(one.author.signer.publicKey).catch((error: unknown) => error)
      await one.hold(10, { checkpoint: one.author.checkpoint(30) })
      await Promise.all([ask(), ask(), ask()])
      expect([looked, checked]).to.deep.equal([1, 0])
      await one.hold(10)
      await Promise.all([ask(), ask(), ask()])
      expect([looked, checked]).to.deep.equal([1, 1])
    })
  })

  describe('what is wrong here', () => {
    it('STORE_DAMAGED: a stored signature that does not hold is not handed on', async () => {
      log = await ServedLog.create('damaged')
      app = log.app({ verify: () => false })
      await log.hold(3)
      for (let i = 0; i < 2; i++) expect(await refusal('checkpoint')).to.deep.equal([500, 'STORE_DAMAGED'])
      expect(log.errors).to.have.length(2)
    })

    it('UNEXPECTED: says nothing of the inside', async () => {
      const store = { head: () => expect.fail('secret path') } as unknown as TlogStore
      app = log.app({ store })
      const { body } = await get('checkpoint')
      expect(await refusal('checkpoint')).to.deep.equal([500, 'UNEXPECTED'])
      expect(body).not.to.contain('secret')
      expect(String(log.errors.at(-1))).to.contain('secret path')
    })

    it('STORE_CONFLICT: no bundle is made of two branches', async () => {
      const { author } = await ServedLog.create('two branches')
      author.grow(10)
      const other = author
        .fork(2)
        .append({ salt: new Uint8Array(16) })
        .grow(7)
      let replacedAt = 0
      const store = {
        head: () => author.state(),
        readHeld: (_: Uint8Array, from: number) => {
          const { blocks, states } = from < replacedAt ? author : other
          return Promise.resolve([{ ...blocks[from], hash: states[from + 1]?.lastHash }])
        },
      } as unknown as TlogStore
      app = log.app({ store })
      expect(entriesOf(await bytes('tile/entries/000.p/10'))).to.have.length(10)
      replacedAt = 5
      expect(await refusal('tile/entries/000.p/10')).to.deep.equal([503, 'STORE_CONFLICT'])
      expect((await get('tile/entries/000.p/10')).headers['retry-after']).to.equal('1')
    })

    it('an error of the store is not remembered', async () => {
      const { author } = await ServedLog.create('closed for a while')
      const state = { ...author.grow(2).state(), checkpoint: undefined }
      let closed = true
      const closedError = new WattnessError('STORE_CLOSED', 'the store is closed')
      const store = {
        head: () => state,
        signatureAtOrBelow: () => (closed ? Promise.reject(closedError) : Promise.resolve(author.checkpoint())),
      } as unknown as TlogStore
      app = log.app({ store })
      expect(await refusal('checkpoint')).to.deep.equal([503, 'STORE_CLOSED'])
      closed = false
      expect((await get('checkpoint')).statusCode).to.equal(200)
    })
  })
})
