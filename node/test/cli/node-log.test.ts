import { expect } from 'chai'
import pino from 'pino'
import { encodeWitnessEvidence } from '../../../protocol/index.ts'
import { branchOf, evidenceOf } from '../../../protocol/test/two-leaves.ts'
import { logEvents, SELF_CONTRADICTION } from '../../cli/node-log.ts'
import { LiarPeer } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { TroubledKv } from '../harness/troubled-kv.ts'

interface Line {
  readonly event: string
  readonly msg: string
  readonly failures?: number
}

describe('a node’s log', () => {
  it('says that sealing fails at the 1st, 2nd, 4th… time, and how often once it succeeds', async () => {
    const all = await Neighbourhood.create({ meters: 1 })
    const kv = new TroubledKv(all.get('meter-1').kv, all.time.timers)
    all.get('meter-1').kv = kv
    await all.restart('meter-1')
    await all.time.wait(all.get('registrar').node.start())
    await all.link(0, 1)
    await all.time.advance(1_000)
    const lines: Line[] = []
    const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Line) })
    const { node } = all.get('meter-1')
    let failed = 0
    node.on('sealFailed', () => failed++)
    const unsubscribe = logEvents(node, log)
    await all.take('meter-1')
    kv.isFull = true
    await all.time.advance(120_000)
    kv.isFull = false
    await all.time.until(() => node.store.spool.size === 0, 60_000)
    expect(failed).to.be.above(8)
    const told = lines.filter(({ event }) => event === 'sealFailed').map(({ failures }) => failures)
    expect(told).to.deep.equal([1, 2, 4, 8, 16].slice(0, Math.floor(Math.log2(failed)) + 1))
    expect(lines.find(({ event }) => event === 'sealed')?.msg).to.contain(`after ${failed} failed attempts`)
    unsubscribe()
    await all.stop()
  })

  it('says that the disk is full, at the 1st, 2nd, 4th… write that it refuses, and calls that no damage', async () => {
    const all = await Neighbourhood.create({ meters: 2, witnesses: 2 })
    const kv = new TroubledKv(all.get('meter-1').kv, all.time.timers)
    all.get('meter-1').kv = kv
    await all.restart('meter-1')
    for (const each of ['registrar', 'meter-2']) await all.time.wait(all.get(each).node.start())
    await all.link(0, 1)
    await all.link(1, 2)
    const lines: Line[] = []
    logEvents(all.get('meter-1').node, pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Line) }))
    kv.isFull = true
    for (let minute = 0; minute < 3; minute++) {
      await all.take('meter-2')
      await all.time.advance(60_000)
    }
    const told = lines.filter(({ event }) => event === 'diskFull').map(({ failures }) => failures)
    expect(told.length).to.be.above(2)
    expect(told).to.deep.equal(told.map((_, number) => 2 ** number))
    expect(lines.map(({ event }) => event)).not.to.include('damage')
    kv.isFull = false
    await all.stop()
  })

  it('says once that no reading is taken, also where nothing else is written, and once that they are taken again', async () => {
    const all = await Neighbourhood.create({ meters: 1 })
    const kv = new TroubledKv(all.get('meter-1').kv, all.time.timers)
    all.get('meter-1').kv = kv
    await all.restart('meter-1')
    const lines: Line[] = []
    logEvents(all.get('meter-1').node, pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Line) }))
    const refuse = (): Promise<unknown> => all.take('meter-1').catch((error: { code: string }) => error.code)
    kv.isFull = true
    expect([await refuse(), await refuse()]).to.deep.equal(['DISK_FULL', 'DISK_FULL'])
    kv.isFull = false
    await all.take('meter-1')
    await all.take('meter-1')
    const told = lines.filter(({ event }) => event === 'taking').map(({ msg }) => msg)
    expect(told).to.have.length(2)
    expect(told[0]).to.match(/^no reading is taken: .*no space left/)
    expect(told[1]).to.equal('readings are taken again')
    await all.stop()
  })

  it('says that a witness has contradicted itself, and so for its own key', async () => {
    const all = await Neighbourhood.create({ meters: 2, absent: ['x'], witnesses: 2 })
    await all.start(2)
    const logs = ['meter-1', 'meter-2'].map((name) => {
      const lines: Line[] = []
      logEvents(all.get(name).node, pino({}, { write: (line: string) => lines.push(JSON.parse(line) as Line) }))
      return lines
    })
    const evidence = await evidenceOf({
      signer: signerOf('meter-1'),
      networkId: all.genesis.networkId,
      member: signerOf('registrar').publicKey,
      index: 0,
      members: 4,
      size: 2,
      one: { branch: branchOf(3, 1, 'one'), leafSize: 3, epoch: 0 },
      other: { branch: branchOf(5, 1, 'other'), leafSize: 5, epoch: 0 },
    })
    const liar = await LiarPeer.start(all, 'x')
    await liar.dial('meter-2')
    liar.send({ type: 'evidence', evidence: encodeWitnessEvidence(evidence) })
    await all.time.advance(1_000)
    const [own, other] = logs.map((lines) => lines.filter(({ event }) => event === 'witnessEvidence').map(({ msg }) => msg))
    expect(own).to.deep.equal([...SELF_CONTRADICTION])
    expect(other).to.have.length(1)
    expect(other?.[0]).to.match(/^meter-1 has contradicted itself as a witness: nothing is stopped by it/)
    await all.stop()
  })
})
