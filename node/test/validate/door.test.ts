import { expect } from 'chai'
import { encodeMembershipBody, KIND_MEMBERSHIP, labelHash, parseRoles } from '../../../protocol/index.ts'
import { flipped } from '../../../protocol/test/chain-author.ts'
import { sleep } from '../../platform.ts'
import { checkRun } from '../../validate/checked-run.ts'
import { Lanes } from '../../validate/lanes.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { codes, DoorStand } from './door-stand.ts'

describe('the door', () => {
  it('takes runs of one chain in order and of many chains side by side, in few writes', async () => {
    const stand = await DoorStand.create()
    const [a, b] = [stand.author('a').grow(30), stand.author('b').grow(30)]
    const runs = Array.from({ length: 30 }, (_, i) => [a.run(i, i + 1), b.run(i, i + 1)]).flat()
    const before = stand.kv.writes.length
    expect(new Set(codes(await stand.submit(...runs)))).to.deep.equal(new Set(['accept']))
    expect([stand.size('a'), stand.size('b')]).to.deep.equal([30, 30])
    expect(stand.kv.writes.length - before).to.be.below(5)
    expect(stand.stored.filter(({ own }) => own)).to.deep.equal([])
    expect(stand.door.waitingBytes).to.equal(0)
  })

  it('answers what is no run by its code, and holds nothing of it', async () => {
    const stand = await DoorStand.create()
    expect(codes(await stand.submit(new Uint8Array(0), new Uint8Array(50)))).to.deep.equal(['TRUNCATED', 'LIMIT_EXCEEDED'])
    expect(stand.door.waitingBytes).to.equal(0)
  })

  it('knows a duplicate from another story, from memory and from the store', async () => {
    const stand = await DoorStand.create()
    const a = stand.author('a').grow(60)
    await stand.submit(a.run(0, 20), a.run(20, 60))
    expect(codes(await stand.submit(a.run(0, 20), a.run(20, 60), a.run(7, 8)))).to.deep.equal(Array(3).fill('DUPLICATE'))
    const other = a.fork(7).append({ salt: new Uint8Array(16) })
    const [conflict] = await stand.submit(other.run(7, 8))
    expect(conflict).to.include({ verdict: 'ignore', code: 'CONFLICT' })
    expect(codes(await stand.submit(other.run(7, 8, a.checkpoint(8))))).to.deep.equal(['WRONG_ROOT'])
    expect(codes(await stand.submit(a.fork(60).append().fork(61).run(60, 61)))).to.deep.equal(['accept'])
  })

  it('takes a run that is held in part from where it is new', async () => {
    const stand = await DoorStand.create()
    const a = stand.author('a').grow(10)
    await stand.submit(a.run(0, 4))
    await stand.submit(a.run(2, 10))
    expect(stand.stored.map(({ from, blocks }) => [from, blocks.length])).to.deep.equal([
      [0, 4],
      [4, 6],
    ])
  })

  it('judges by the membership as it stands when the run has its turn', async () => {
    const stand = await DoorStand.create()
    const late = stand.author('late')
    late.append({ registrarSize: 1 })
    expect(codes(await stand.submit(late.run(0, 1)))).to.deep.equal(['REGISTRAR_AHEAD'])
    const admit = {
      type: 'admit',
      key: signerOf('late').publicKey,
      roles: parseRoles('meter'),
      labelHash: labelHash(new Uint8Array(17)),
    }
    const registrar = stand.author('registrar')
    registrar.append({ kind: KIND_MEMBERSHIP, content: encodeMembershipBody([admit as never]) })
    expect(codes(await stand.submit(registrar.run(0, 1)))).to.deep.equal(['accept'])
    stand.membership = stand.membership.apply([admit as never]).membership
    expect(codes(await stand.submit(late.run(0, 1)))).to.deep.equal(['accept'])
  })

  it('drops what a quarantined chain sends', async () => {
    const stand = await DoorStand.create()
    const a = stand.author('a').grow(2)
    await stand.submit(a.run(0, 1))
    await stand.time.wait(stand.store.evidence.put(signerOf('a').publicKey, new Uint8Array(10)))
    expect(codes(await stand.submit(a.run(1, 2)))).to.deep.equal(['QUARANTINED'])
  })

  describe('where a write fails', () => {
    it('and nothing is stored, nothing is accepted: neither the run, nor what was checked on top of it', async () => {
      const stand = await DoorStand.create()
      const [a, b] = [stand.author('a').grow(3), stand.author('b').grow(1)]
      stand.kv.failNext = 'lost'
      const outcomes = await stand.submit(a.run(0, 1), a.run(1, 2), b.run(0, 1))
      expect(new Set(codes(outcomes))).to.deep.equal(new Set(['NOT_STORED']))
      expect(outcomes[0]).to.include({ verdict: 'ignore' })
      expect(outcomes[0]).to.have.nested.property('data.cause', 'DISK_FULL')
      expect(stand.stored).to.deep.equal([])
      expect([stand.size('a'), stand.size('b'), stand.door.waitingBytes]).to.deep.equal([0, 0, 0])
      expect(codes(await stand.submit(a.run(0, 1), a.run(1, 3), b.run(0, 1)))).to.deep.equal(['accept', 'accept', 'accept'])
      expect(stand.stored).to.have.length(3)
    })

    it('and all is stored in spite of the error, all is accepted and told', async () => {
      const stand = await DoorStand.create()
      const a = stand.author('a').grow(2)
      stand.kv.failNext = 'stored'
      expect(codes(await stand.submit(a.run(0, 1)))).to.deep.equal(['accept'])
      expect(stand.stored.map(({ from }) => from)).to.deep.equal([0])
      expect(stand.size('a')).to.equal(1)
      expect(codes(await stand.submit(a.run(0, 1), a.run(1, 2)))).to.deep.equal(['DUPLICATE', 'accept'])
    })

    it('and nobody can say what is stored, the answer is no; what turns out to be stored is told later', async () => {
      const stand = await DoorStand.create()
      const [a, b] = [stand.author('a').grow(2), stand.author('b').grow(1)]
      stand.kv.failNext = 'stored'
      stand.kv.delayMs = 10
      const pending = stand.door.submit(a.run(0, 1))
      await stand.time.settle()
      const again = stand.door.submit(b.run(0, 1))
      stand.kv.recover = () => Promise.reject(new Error('still full'))
      expect(codes(await stand.time.wait(Promise.all([pending, again])))).to.deep.equal(['NOT_STORED', 'NOT_STORED'])
      expect(codes(await stand.submit(b.run(0, 1)))).to.deep.equal(['NOT_STORED'])
      expect(stand.stored).to.deep.equal([])
      delete (stand.kv as Partial<typeof stand.kv>).recover
      expect(codes(await stand.submit(b.run(0, 1)))).to.deep.equal(['accept'])
      expect(stand.stored.map(({ member }) => member)).to.deep.equal([signerOf('a').publicKey, signerOf('b').publicKey])
      expect(codes(await stand.submit(a.run(0, 2)))).to.deep.equal(['accept'])
    })

    it('a run that is being checked meanwhile is checked again against what is stored', async () => {
      const stand = await DoorStand.create()
      const a = stand.author('a').grow(4)
      await stand.submit(a.run(0, 1))
      stand.kv.delayMs = 10
      stand.kv.failNext = 'lost'
      const first = stand.door.submit(a.run(1, 2))
      await stand.time.settle()
      // Asked for what is held, the door reads the store; while it does, the write fails.
      const known = stand.store.known.bind(stand.store)
      stand.store.known = async (...args) => {
        await stand.time.settle()
        return known(...args)
      }
      const second = stand.door.submit(a.run(2, 4))
      expect(codes(await stand.time.wait(Promise.all([first, second])))).to.deep.equal(['NOT_STORED', 'NOT_STORED'])
      stand.kv.delayMs = 0
      expect(codes(await stand.submit(a.run(1, 4)))).to.deep.equal(['accept'])
      expect(stand.size('a')).to.equal(4)
    })

    it('a check that a failed write overtakes is made again', async () => {
      const stand = await DoorStand.create()
      const a = stand.author('a').grow(3)
      const gate = Promise.withResolvers<void>()
      const accept = stand.store.accept.bind(stand.store)
      stand.store.accept = () => gate.promise
      const first = stand.door.submit(a.run(0, 3))
      await stand.time.settle()
      stand.store.accept = accept
      // Of a run that ends below what was checked before it, the store is asked; while it is, the write fails.
      stand.store.known = async () => {
        gate.reject(new Error('the disk is gone'))
        for (let turn = 0; turn < 100; turn++) await Promise.resolve()
        throw new Error('nothing is held')
      }
      const outcomes = await stand.time.wait(Promise.all([first, stand.door.submit(a.run(0, 2))]))
      expect(codes(outcomes)).to.deep.equal(['NOT_STORED', 'accept'])
      expect(stand.size('a')).to.equal(2)
      expect(codes(await stand.submit(a.run(2, 3)))).to.deep.equal(['accept'])
    })

    it('one run that the store refuses does not take the others along', async () => {
      const stand = await DoorStand.create()
      const [a, self] = [stand.author('a').grow(5), stand.author('self').grow(5)]
      await stand.submit(self.run(0, 5))
      await stand.time.wait(stand.store.cutBack(signerOf('self').publicKey, 2, 'lost'))
      // Another story of this node's own chain than the one that it has signed.
      const other = self.fork(2)
      for (let i = 0; i < 4; i++) other.append({ salt: new Uint8Array(16) })
      stand.kv.delayMs = 10
      const outcomes = await stand.submit(a.run(0, 1), other.run(2, 5), a.run(1, 5), other.run(5, 6))
      expect(codes(outcomes)).to.deep.equal(['accept', 'NOT_STORED', 'accept', 'NOT_STORED'])
      expect(outcomes[1]).to.have.nested.property('data.cause', 'OWN_CHAIN_CONFLICT')
      expect([stand.size('a'), stand.size('self')]).to.deep.equal([5, 2])
      expect(codes(await stand.submit(self.run(2, 5)))).to.deep.equal(['accept'])
    })
  })

  it('writes a block of this node’s own synced, with the spool entries that it takes up, before it answers', async () => {
    const stand = await DoorStand.create()
    const self = stand.author('self').grow(1)
    const order: string[] = []
    stand.kv.delayMs = 50
    stand.kv.onWritten = ({ sync }) => order.push(`written ${sync === true ? 'synced' : 'unsynced'}`)
    const sealed = stand.door.submit(self.run(0, 1), { spoolIds: [0, 1] }).then(() => order.push('answered'))
    await stand.time.wait(sealed)
    expect(order).to.deep.equal(['written synced', 'answered'])
    expect(stand.kv.writes.at(-1)?.deletes).to.equal(2)
    expect(stand.stored.map(({ own }) => own)).to.deep.equal([true])
  })

  describe('is bounded', () => {
    it('in the bytes that wait, be it for a check or for the disk; own blocks always find room', async () => {
      const stand = await DoorStand.create({ maxWaitingBytes: 3_000 })
      const [a, self] = [stand.author('a').grow(40), stand.author('self').grow(1)]
      stand.kv.delayMs = 1_000
      const outcomes: Promise<string[]>[] = []
      for (let i = 0; i < 40; i++) {
        outcomes.push(stand.door.submit(a.run(i, i + 1)).then((outcome) => codes([outcome])))
        // Each has been checked before the next one comes: what waits is the write.
        await stand.time.settle()
        expect(stand.door.waitingBytes).to.be.at.most(3_000)
      }
      const own = stand.door.submit(self.run(0, 1), { spoolIds: [] })
      const all = (await stand.time.wait(Promise.all(outcomes))).flat()
      expect(all.filter((code) => code === 'accept').length).to.be.within(5, 20)
      expect(new Set(all)).to.deep.equal(new Set(['accept', 'OVERLOADED']))
      expect(codes([await stand.time.wait(own)])).to.deep.equal(['accept'])
      expect(stand.door.waitingBytes).to.equal(0)
    })

    it('in what it remembers of each chain: older duplicates are read from the store', async () => {
      const stand = await DoorStand.create()
      const a = stand.author('a').grow(100)
      for (let i = 0; i < 100; i++) await stand.submit(a.run(i, i + 1))
      expect(codes(await stand.submit(a.run(2, 3), a.run(98, 99)))).to.deep.equal(['DUPLICATE', 'DUPLICATE'])
    })
  })

  it('stops once everything that it took has its answer, and takes nothing more', async () => {
    const stand = await DoorStand.create()
    const a = stand.author('a').grow(2)
    stand.kv.delayMs = 100
    const first = stand.door.submit(a.run(0, 1))
    const stopped = stand.door.stop()
    expect(codes([await stand.door.submit(a.run(1, 2))])).to.deep.equal(['OVERLOADED'])
    await stand.time.wait(stopped)
    expect(codes([await first])).to.deep.equal(['accept'])
    await stand.time.wait(stand.door.stop())
  })

  describe('with another core', () => {
    it('checks large runs there, small ones here, and each chain in order', async () => {
      let elsewhere = 0
      const stand = await DoorStand.create({
        pool: () => ({
          check: async (bytes, context) => {
            elsewhere++
            await sleep(stand.time.timers, 5)
            return checkRun(bytes, context)
          },
          stop: () => Promise.resolve(),
        }),
      })
      const [a, b] = [stand.author('a').grow(600), stand.author('b').grow(3)]
      const runs = [a.run(0, 250), b.run(0, 1), a.run(250, 500), b.run(1, 3), a.run(500, 501), a.run(501, 600)]
      expect(codes(await stand.submit(...runs))).to.deep.equal(Array(6).fill('accept'))
      expect(elsewhere).to.equal(2)
      expect([stand.size('a'), stand.size('b')]).to.deep.equal([600, 3])
    })

    it('that fails, checks the run itself', async () => {
      const stand = await DoorStand.create({
        pool: () => ({
          check: () => Promise.resolve({ verdict: 'ignore', code: 'UNEXPECTED', message: 'the worker died', data: {} }),
          stop: () => Promise.resolve(),
        }),
      })
      const a = stand.author('a').grow(300)
      expect(codes(await stand.submit(a.run(0, 300)))).to.deep.equal(['accept'])
      expect(codes(await stand.submit(flipped(stand.author('b').grow(300).run(0, 300), -1)))).to.deep.equal(['BAD_SIGNATURE'])
    })

    it('whose answer comes after a failed write is asked again', async () => {
      let asked = 0
      const stand = await DoorStand.create({
        pool: () => ({
          check: async (bytes, context) => {
            asked++
            await sleep(stand.time.timers, 5)
            return checkRun(bytes, context)
          },
          stop: () => Promise.resolve(),
        }),
      })
      const a = stand.author('a').grow(300)
      stand.kv.failNext = 'lost'
      const outcomes = await stand.submit(a.run(0, 1), a.run(1, 300))
      expect(codes(outcomes)).to.deep.equal(['NOT_STORED', 'UNKNOWN_PARENT'])
      expect(asked).to.equal(2)
    })
  })
})

describe('lanes', () => {
  const claim = { member: new Uint8Array(32), end: 1 }
  const job = (bytes: number) => ({ bytes: new Uint8Array(bytes), claim, own: undefined, resolve: () => undefined })

  it('take turns: one busy chain does not hold up the others', () => {
    const lanes = new Lanes(1_000)
    for (let i = 0; i < 3; i++) lanes.add('a', job(1))
    lanes.add('b', job(1))
    const order: string[] = []
    for (let lane = lanes.next(); lane !== undefined; lane = lanes.next()) {
      order.push(lane.memberHex)
      lanes.answer(lane, lanes.take(lane), { verdict: 'ignore', code: 'UNEXPECTED', message: '', data: {} })
    }
    expect(order).to.deep.equal(['a', 'b', 'a', 'a'])
    expect([lanes.isIdle, lanes.bytes]).to.deep.equal([true, 0])
  })

  it('refuse what goes beyond their bytes until something is answered', () => {
    const lanes = new Lanes(10)
    expect([lanes.add('a', job(6)), lanes.add('b', job(5)), lanes.add('b', job(4))]).to.deep.equal([true, false, true])
    const lane = lanes.next()
    if (lane === undefined) throw new Error('no lane')
    const taken = lanes.take(lane)
    expect(lanes.add('c', job(1)), 'taken is not answered').to.equal(false)
    lanes.answer(lane, taken, { verdict: 'ignore', code: 'UNEXPECTED', message: '', data: {} })
    expect(lanes.add('c', job(1))).to.equal(true)
    expect(lanes.all().map(({ memberHex }) => memberHex)).to.have.members(['b', 'c'])
  })
})
