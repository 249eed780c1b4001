import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { VerifyReport } from '../../audit/index.ts'
import type { BlockLine, PruneReport, Status } from '../../control/index.ts'
import { openStore } from '../../index.ts'
import { json, type Said, say } from './command-line.ts'
import { BLOCKS, DamagedNode, flipByte } from './damaged-node.ts'

const ALL = ['--keep', '0d', '--without-witnesses']

describe('wattness prune', () => {
  let node: DamagedNode

  before(async function () {
    this.timeout(60_000)
    node = await DamagedNode.make()
  })
  after(() => node.close())

  const prune = (dir: string, ...flags: string[]): Promise<Said> => say(['prune', '--json', '--dir', dir, ...flags])
  const reportOf = (said: Said): PruneReport => {
    expect(said.status, said.out + said.err).to.equal(0)
    return json(said) as PruneReport
  }
  const meterOf = ({ chains }: PruneReport): PruneReport['chains'][number] =>
    chains.find(({ member }) => member === 'meter') as PruneReport['chains'][number]
  const blocksOf = async (dir: string): Promise<BlockLine[]> =>
    (await say(['blocks', '--json', '--member', 'meter', '--dir', dir])).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as BlockLine)

  it('drops what is old from a stopped store; verify, blocks, status and a start go on', async () => {
    const dir = await node.copy()
    const before = await blocksOf(dir)
    const opened = await openStore({ dir })
    const values = await countValues(opened.store, node.signer.publicKey)
    await opened.close()
    const report = reportOf(await prune(dir, ...ALL))
    const meter = meterOf(report)
    expect(meter.pruned).to.be.within(BLOCKS - 31, BLOCKS)
    expect([meter.bodies, meter.valuesPruned, report.bodies]).to.deep.equal([meter.pruned, 0, meter.pruned])
    expect(report.bytes).to.be.above(meter.pruned * 16)
    expect(report.chains[0]?.kept).to.equal('the chain of the registrar is kept whole')

    const verified = await node.verify(dir, '--all-signatures')
    expect(verified.status, verified.out).to.equal(0)
    expect((json(verified) as VerifyReport).pruned).to.equal(meter.pruned)
    const text = await say(['verify', '--dir', dir])
    expect(text.out).to.match(new RegExp(`^of these ${meter.pruned} blocks in 1 chain pruned`, 'm'))
    expect(text.out).to.contain('everything is whole')

    const after = await blocksOf(dir)
    expect(after.map(({ hash, bytes, signed }) => [hash, bytes, signed])).to.deep.equal(
      before.map(({ hash, bytes, signed }) => [hash, bytes, signed]),
    )
    expect(after.filter(({ pruned }) => pruned === true).length).to.equal(meter.pruned)
    // Where stretches begin is a matter of the key: one may begin right behind the last block.
    const last = meter.pruned === BLOCKS ? true : undefined
    expect([after[0]?.readings, after.at(-1)?.pruned]).to.deep.equal([undefined, last])
    expect((await say(['blocks', '--member', 'meter', '--limit', '1', '--dir', dir])).out).to.contain('pruned: what it said')
    const status = json(await say(['status', '--json', '--dir', dir])) as Status
    expect(status.chains.map(({ pruned }) => pruned)).to.deep.equal([0, meter.pruned, 0])
    expect((await say(['status', '--dir', dir])).out).to.contain(`pruned below ${meter.pruned}`)

    const again = await openStore({ dir })
    expect(again.store.damage).to.deep.equal([])
    expect(await countValues(again.store, node.signer.publicKey)).to.equal(values)
    await again.close()
    expect(reportOf(await prune(dir, ...ALL)).bodies).to.equal(0)
    const dropped = reportOf(await prune(dir, ...ALL, '--drop-values'))
    expect([dropped.bodies, meterOf(dropped).valuesPruned]).to.deep.equal([0, meter.pruned])
    expect(dropped.chunks).to.be.above(0)
    expect((await node.verify(dir)).status).to.equal(0)
  }).timeout(30_000)

  it('runs beside the node, which goes on', async () => {
    await node.whileRunning(async (dir) => {
      const said = await say(['prune', '--dir', dir, ...ALL])
      expect(said.status, said.err).to.equal(0)
      expect(said.out).to.match(/^meter: \d+ bodies dropped, \d+ of 262 blocks pruned$/m)
      expect(said.out).to.match(/MB; headers, signatures and proofs stay\ntheir readings are still answered\n$/)
      expect((await node.verify(dir)).status).to.equal(0)
      const status = json(await say(['status', '--json', '--dir', dir])) as Status
      expect(status.chains[1]?.pruned).to.be.above(200)
      expect(status.running?.lacks).to.deep.equal([])
    })
  }).timeout(30_000)

  it('keeps what is younger than asked', async () => {
    const report = reportOf(await prune(await node.copy(), '--keep', '13mo', '--without-witnesses'))
    expect([report.bodies, meterOf(report).pruned]).to.deep.equal([0, 0])
    const ageMs = Date.now() - Date.parse(report.before)
    expect(ageMs / 86_400_000).to.be.within(390, 400)
  })

  it('PRUNE_REFUSED: without witnesses nothing is final, and that must be taken on purpose', async () => {
    const dir = await node.copy()
    const said = await say(['prune', '--dir', dir, '--keep', '13mo'])
    expect(said.status).to.equal(1)
    expect(said.err).to.match(/no witnesses, so nothing in it is final: --without-witnesses/)
    await node.whileRunning(async (running) => {
      expect(json(await prune(running, '--keep', '13mo'))).to.have.nested.property('error.code', 'PRUNE_REFUSED')
    })
  }).timeout(20_000)

  it('USAGE: an age that is none, or none at all', async () => {
    const dir = await node.copy()
    for (const flags of [[], ['--keep', 'soon'], ['--keep', '']]) {
      const said = await prune(dir, ...flags)
      expect([said.status, (json(said) as { error: { code: string } }).error.code]).to.deep.equal([2, 'USAGE'])
    }
  })

  it('repair mends what is damaged of a pruned store, from a peer that holds all of it', async () => {
    const dir = await node.copy()
    await prune(dir, ...ALL)
    const [table] = (await node.dataFiles(dir)).filter(({ name }) => name.endsWith('.ldb'))
    if (table === undefined) throw new Error('no table')
    await flipByte(dir, table.name, table.bytes, Math.floor(table.bytes.length / 2))
    expect((await node.verify(dir)).status).to.equal(1)
    const said = await node.repair(dir)
    expect(said.status, said.out + said.err).to.equal(0)
    const verified = await node.verify(dir, '--all-signatures')
    expect(verified.status, verified.out).to.equal(0)
  }).timeout(30_000)

  it('gives the room back', async () => {
    const dir = await node.copy()
    await prune(dir, ...ALL, '--drop-values')
    const said = json(await node.verify(dir)) as VerifyReport
    expect(said.files?.bytes).to.be.above(0)
    expect((await stat(join(dir, 'ledger'))).isDirectory()).to.equal(true)
    const whole = json(await node.verify(await node.copy())) as VerifyReport
    expect(said.files?.bytes).to.be.below((whole.files?.bytes ?? 0) * 0.95)
  }).timeout(20_000)
})

async function countValues(store: Awaited<ReturnType<typeof openStore>>['store'], member: Uint8Array): Promise<number> {
  let count = 0
  for (const register of await store.registersOf(member)) {
    for await (const { times } of store.values(member, register, 0, Number.MAX_SAFE_INTEGER)) count += times.length
  }
  return count
}
