import { expect } from 'chai'
import { logVerifierKey } from '../../../protocol/cosignature.ts'
import {
  cosignatureTime,
  formatCheckpoint,
  openCheckpoint,
  parseSignatureLines,
  sha256,
  toHex,
  toUtf8,
  verifyCosignature,
  type WitnessResponse,
  witnessVerifierKey,
} from '../../../protocol/index.ts'
import { ChainAuthor, FIRST_SEALED_MS } from '../../../protocol/test/chain-author.ts'
import { keyOf, signerOf } from '../../../protocol/test/numbered-keys.ts'
import { verifySignature } from '../../signature.ts'
import { openMemoryKv } from '../../store/index.ts'
import { MAX_COSIGN_WAITING } from '../../witness/cosign.ts'
import { FailingKv } from '../store/failing-kv.ts'
import { CosignStand, METER, WITNESS } from './cosign-stand.ts'

const toMeter = (n: number) => ({ type: 'change-roles', key: keyOf(n), roles: 2 }) as const

describe('cosigning', () => {
  let stand: CosignStand

  const expectCosigned = ({ status, body }: WitnessResponse, size: number): void => {
    expect(status, body).to.equal(200)
    const [line, ...more] = parseSignatureLines(body)
    const { networkId } = stand.genesis
    const witness = witnessVerifierKey(networkId, keyOf(WITNESS))
    const text = formatCheckpoint(logVerifierKey(networkId, keyOf(METER)).name, stand.meter.checkpoint(size))
    expect([line?.name, more.length]).to.deep.equal([witness.name, 0])
    const signature = line?.signature ?? new Uint8Array()
    expect(verifyCosignature(verifySignature, witness.key, text, signature)).to.equal(true)
    expect(cosignatureTime(signature)).to.equal(Math.floor(stand.nowMs / 1_000))
    expect(stand.recordedSize()).to.equal(size)
  }
  const expectRefused = async (answer: Promise<WitnessResponse>, status: number, words = ''): Promise<void> => {
    const before = [stand.recordedSize(), stand.signedAt.length, stand.store.witness.record]
    const found = await answer
    expect(found.status, found.body).to.equal(status)
    expect(found.body).to.contain(words)
    expect([stand.recordedSize(), stand.signedAt.length, stand.store.witness.record]).to.deep.equal(before)
  }

  beforeEach(async () => {
    stand = await CosignStand.create()
  })

  describe('decides', () => {
    it('P11, 200: what goes on from the record is recorded, then signed; time is the clock in seconds', async () => {
      stand.nowMs = FIRST_SEALED_MS + 1_999
      expectCosigned(await stand.ask(0, 1), 1)
      expectCosigned(await stand.ask(1, 3), 3)
      expect([stand.signedAt, stand.recorded]).to.deep.equal([[1, 3], 2])
    })

    it('P11, 200: what is recorded is signed again, without another write', async () => {
      await stand.ask(0, 2)
      stand.nowMs += 5_000
      expectCosigned(await stand.ask(2, 2), 2)
      expect(stand.recorded).to.equal(1)
    })

    it('P11, 400: no request, and an old size above the checkpoint', async () => {
      await expectRefused(stand.desk.answer(toUtf8('nonsense')), 400)
      await expectRefused(stand.desk.answer(Uint8Array.of(0xff)), 400)
      await expectRefused(stand.ask(3, 2), 400)
    })

    it('P11, 403: the log has not signed', async () => {
      const forged = (await stand.request(0, 2)).slice()
      const text = Buffer.from(forged).toString('utf8').replace(/\n2\n/, '\n3\n')
      await expectRefused(stand.desk.answer(toUtf8(text)), 403)
    })

    it('P11, 404: a log of another network, of nobody, of no member', async () => {
      const otherNetwork = new ChainAuthor(signerOf(METER), sha256(toUtf8('another'))).grow(1)
      const stranger = new ChainAuthor(signerOf(77), stand.genesis.networkId).grow(1)
      const { networkId } = otherNetwork
      const foreign = Buffer.from(await stand.request(0, 1))
        .toString('utf8')
        .replaceAll(toHex(stand.genesis.networkId), toHex(networkId))
      await expectRefused(stand.desk.answer(toUtf8(foreign)), 404)
      await expectRefused(stand.ask(0, 1, stranger), 404)
      const elsewhere = Buffer.from(await stand.request(0, 1))
        .toString('utf8')
        .replaceAll(/wattness\/1\/[0-9a-f/]+/g, 'example.com/log')
      await expectRefused(stand.desk.answer(toUtf8(elsewhere)), 404)
    })

    it('P11, 409: another old size than the recorded one, and rollbacks; the answer has the size', async () => {
      await stand.ask(0, 3)
      for (const [old, size] of [
        [0, 3],
        [2, 3],
        [0, 2],
        [1, 2],
      ] as const) {
        await expectRefused(stand.ask(old, size), 409, '3\n')
      }
      expect((await stand.ask(0, 1)).contentType).to.equal('text/x.tlog.size')
    })

    it('P11, 422: a story that does not go on from the recorded one', async () => {
      await stand.ask(0, 2)
      const fork = stand.meter
        .fork(1)
        .append({ salt: new Uint8Array(16) })
        .grow(2)
      await expectRefused(stand.ask(2, 3, fork), 422)
      await expectRefused(stand.ask(2, 2, fork), 422)
    })
  })

  describe('P12, 503: it does not sign', () => {
    it('blocks that it does not hold, another branch than it holds, and no block at all', async () => {
      stand.meter.grow(2)
      await expectRefused(stand.ask(0, 4), 503, 'of these 4 blocks 3 are held here')
      const fork = stand.meter.fork(1).append({ salt: new Uint8Array(16) })
      await expectRefused(stand.ask(0, 2, fork), 503, 'the first 2 blocks held here are others')
    })

    it('before it has heard its neighbours, once it has halted, and while it stops', async () => {
      stand.isOpen = false
      await expectRefused(stand.ask(0, 1), 503, 'not heard enough')
      stand.isOpen = true
      await stand.desk.stop()
      await expectRefused(stand.ask(0, 1), 503, 'stopping')
      await stand.restart()
      await stand.ask(0, 1)
      await stand.store.witness.halt('a copy of it runs')
      await expectRefused(stand.ask(1, 2), 503, 'a copy of it runs')
      await expectRefused(stand.ask(1, 1), 503, 'a copy of it runs')
    })

    it('where it is no witness of the epoch of the leaf', async () => {
      stand.change(toMeter(WITNESS))
      stand.meter.append({ registrarSize: 1 })
      await stand.hold(stand.meter)
      await stand.enter(1)
      await expectRefused(stand.ask(0, 4), 503, 'no witness of epoch 1')
    })

    it('a leaf of the epoch after the one it signs in, nor one of the epoch before', async () => {
      stand.change(toMeter(4))
      stand.meter.append({ registrarSize: 1 })
      await stand.hold(stand.meter)
      expectCosigned(await stand.ask(0, 2), 2)
      await expectRefused(stand.ask(2, 4), 503, 'of epoch 1, and this witness signs in epoch 0')
      await stand.enter(1)
      await expectRefused(stand.ask(2, 3), 503, 'of epoch 0, and this witness signs in epoch 1')
      // It cosigned these in epoch 0, and has not attested them there: what was taken over looks the same.
      await expectRefused(stand.ask(2, 2), 503, 'of epoch 0')
      expectCosigned(await stand.ask(2, 4), 4)
    })

    it('more of an epoch that it has closed', async () => {
      await stand.attest(0, 2, true)
      await expectRefused(stand.ask(2, 3), 503, 'closed epoch 0')
      expectCosigned(await stand.ask(2, 2), 2)
    })

    it('more of a chain that is quarantined, or whose member is revoked', async () => {
      await stand.attest(0, 2)
      await stand.store.evidence.put(keyOf(METER), Uint8Array.of(1))
      await expectRefused(stand.ask(2, 3), 503, 'nothing more is signed')
      expectCosigned(await stand.ask(2, 2), 2)
      stand = await CosignStand.create()
      await stand.attest(0, 2)
      stand.change({ type: 'revoke', key: keyOf(METER), endSize: 3, endRoot: stand.meter.state(3).root })
      await expectRefused(stand.ask(2, 3), 503, 'nothing more is signed')
      expectCosigned(await stand.ask(2, 2), 2)
    })
  })

  describe('P12: what it has attested it repeats', () => {
    it('in later epochs, as long as nothing more of the chain is recorded, after a restart as well', async () => {
      stand.change(toMeter(4))
      await stand.attest(0, 3)
      await stand.enter(1)
      expectCosigned(await stand.ask(3, 3), 3)
      await stand.restart()
      expectCosigned(await stand.ask(3, 3), 3)
    })

    it('where an attestation of the record says so that is not stored otherwise', async () => {
      await stand.attest(0, 3, true)
      await stand.store.witness.attestations.delete(0, keyOf(WITNESS))
      expectCosigned(await stand.ask(3, 3), 3)
    })

    it('not where its leaf there was of another epoch, or of another branch', async () => {
      stand.change(toMeter(4))
      stand.meter.append({ registrarSize: 1 })
      await stand.hold(stand.meter)
      // Attested in epoch 0, in which the leaf is not: it counted for nothing.
      await stand.attest(0, 4)
      await expectRefused(stand.ask(4, 4), 503, 'of epoch 1')
      stand = await CosignStand.create()
      await stand.ask(0, 2)
      const other = { index: 2, size: 2, root: sha256(toUtf8('another branch')) }
      await stand.store.witness.sign({ leaves: [], record: { ...stand.store.witness.record, epoch: 0 } })
      await stand.attest(0, 2, true, [other])
      await expectRefused(stand.ask(2, 2), 503, 'closed epoch 0')
    })
  })

  describe('P11: compares and replaces as one', () => {
    it('two at once: one is signed, the other learns the new size', async () => {
      const sizes = [2, 3]
      const answers = await Promise.all(sizes.map((size) => stand.ask(0, size)))
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 409])
      expect(answers[1]?.body).to.equal('2\n')
      expect(stand.signedAt).to.deep.equal([2])
      const same = await Promise.all([stand.ask(2, 3), stand.ask(2, 3), stand.ask(2, 3)])
      expect(same.map(({ status }) => status)).to.deep.equal([200, 409, 409])
    })

    it('409 where the record has moved since it was compared, by whomever', async () => {
      const { witness } = stand.store
      const sign = witness.sign.bind(witness)
      let isFirst = true
      witness.sign = async (write) => {
        if (isFirst) {
          isFirst = false
          const { size, root } = stand.meter.state(2)
          await sign({ leaves: [{ member: keyOf(METER), size, root }] })
        }
        return sign(write)
      }
      const answer = await stand.ask(0, 3)
      expect([answer.status, answer.body]).to.deep.equal([409, '2\n'])
      expect(stand.signedAt).to.deep.equal([])
    })

    it('a repeat waits for its turn: what is signed meanwhile is not gone behind', async () => {
      await stand.ask(0, 2)
      const [attested, answer] = await Promise.all([stand.turn.run(() => stand.attest(0, 3)), stand.ask(2, 2)])
      expect([attested, answer.status, answer.body]).to.deep.equal([undefined, 409, '3\n'])
    })

    for (const failure of ['lost', 'stored'] as const) {
      it(`a record that cannot be written is not signed (${failure})`, async () => {
        const counting = new FailingKv(await openMemoryKv(), Number.POSITIVE_INFINITY, failure)
        await CosignStand.create(3, counting)
        stand = await CosignStand.create(3, new FailingKv(await openMemoryKv(), counting.writes + 1, failure))
        const error: unknown = await stand.ask(0, 2).catch((cause: unknown) => cause)
        expect(error).to.have.property('code')
        expect(stand.signedAt).to.deep.equal([])
      })
    }

    it('a process that ends between record and signature: the next one goes on from the record', async () => {
      stand.onSign = () => {
        throw new Error('power cut')
      }
      const ended: unknown = await stand.ask(0, 2).catch((cause: unknown) => cause)
      expect(ended).to.have.property('message', 'power cut')
      stand.onSign = () => undefined
      await stand.restart()
      expect(stand.recordedSize()).to.equal(2)
      await expectRefused(stand.ask(0, 1), 409, '2\n')
      await expectRefused(stand.ask(0, 2), 409, '2\n')
      expectCosigned(await stand.ask(2, 2), 2)
    })
  })

  it(`at most ${MAX_COSIGN_WAITING} requests wait; others are told to ask again`, async () => {
    const release = Promise.withResolvers<void>()
    const held = stand.turn.run(() => release.promise)
    const requests = await Promise.all(Array.from({ length: MAX_COSIGN_WAITING + 1 }, () => stand.request(0, 1)))
    const answers = requests.map((request) => stand.desk.answer(request))
    expect(await answers.at(-1)).to.include({ status: 503, body: 'more requests wait here than may; ask again\n' })
    release.resolve()
    await held
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).to.have.length(1)
    expect(statuses.filter((status) => status === 409)).to.have.length(MAX_COSIGN_WAITING - 1)
    expectCosigned(await stand.ask(1, 2), 2)
  })

  it('the newest cosigned checkpoint is had by the hash of its origin', async () => {
    const log = logVerifierKey(stand.genesis.networkId, keyOf(METER))
    const name = toHex(sha256(toUtf8(log.name)))
    expect(stand.desk.cosigned(name)).to.equal(undefined)
    await stand.ask(0, 1)
    await stand.ask(1, 2)
    const witness = witnessVerifierKey(stand.genesis.networkId, keyOf(WITNESS))
    const opened = openCheckpoint(verifySignature, stand.desk.cosigned(name) ?? '', log, [witness])
    expect([opened.checkpoint.size, opened.cosignatures.length]).to.deep.equal([2, 1])
  })
})
