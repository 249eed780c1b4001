import { expect } from 'chai'
import pino from 'pino'
import { parseRoles } from '../../../protocol/index.ts'
import { logEvents, WITNESS_HALTED } from '../../cli/node-log.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

interface Line {
  readonly level: number
  readonly event: string
  readonly msg: string
}

const INFO = 30
const FATAL = 60

describe('a node’s log of finality', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  function linesOf(name: string): Line[] {
    const lines: Line[] = []
    const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line) as Line) })
    logEvents(all.get(name).node, log)
    return lines
  }
  const toldOf = (lines: readonly Line[], event: string): Line[] => lines.filter((line) => line.event === event)

  it('the first final block since the start is told, with what that is worth; those after it to who wants it all', async () => {
    all = await Neighbourhood.create({ meters: 1, witnesses: 1, settings: { attestDelayMs: 500 } })
    await all.start()
    const lines = linesOf('registrar')
    for (const size of [1, 2]) {
      await all.time.advance(60_000)
      await all.take('meter-1')
      const { witness } = all.get('registrar').store
      await all.time.until(() => witness.final(signerOf('meter-1').publicKey)?.size === size, 60_000, `${size} are final`)
    }
    const [first, second] = toldOf(lines, 'final')
    expect(first?.msg).to.equal('final: the first block of meter-1; 1 witness: fewer than four tolerate no liar')
    expect(second?.msg).to.equal('final: the first 2 blocks of meter-1')
    expect([first?.level, (second?.level ?? INFO) < INFO]).to.deep.equal([INFO, true])
  })

  it('a witness says in which epoch it signs from now on', async () => {
    all = await Neighbourhood.create({ meters: 2, witnesses: 1, settings: { attestDelayMs: 500 } })
    await all.start()
    const lines = linesOf('meter-1')
    const { node } = all.get('registrar')
    const key = signerOf('meter-2').publicKey
    await all.time.wait(node.changeMembership([{ type: 'change-roles', key, roles: parseRoles('meter,witness') }]))
    await all.time.until(() => toldOf(lines, 'epoch').length > 0, 120_000, 'the next epoch')
    expect(toldOf(lines, 'epoch').map(({ msg }) => msg)).to.deep.equal([
      'signs in epoch 1 from now on: 2 witnesses, all needed: fewer than four tolerate no liar',
    ])
    expect(toldOf(lines, 'attested').length).to.be.above(0)
  })

  it('a witness that halts is told loudly, and again at every start', async () => {
    all = await Neighbourhood.create({ meters: 4, witnesses: 4, settings: { attestDelayMs: 500 } })
    await all.start(4)
    await all.take('meter-1')
    const { witness } = all.get('meter-2').store
    await all.time.until(() => witness.final(signerOf('meter-1').publicKey)?.size === 1, 60_000, 'final')
    const old = all.get('meter-4')
    await all.time.wait(old.node.stop())
    all.nodes.splice(all.nodes.indexOf(old), 1)
    const empty = await all.add('meter-4', { attestDelayMs: 500 })
    const lines = linesOf('meter-4')
    await all.time.wait(empty.node.start())
    for (const at of [0, 1, 2]) await all.link(all.nodes.indexOf(empty), at)
    await all.time.until(() => empty.store.witness.halted !== undefined, 60_000, 'it halts')
    await all.time.advance(1_000)
    const told = toldOf(lines, 'witnessHalted')
    expect(told.map(({ msg }) => msg)).to.deep.equal([...WITNESS_HALTED])
    expect(new Set(told.map(({ level }) => level))).to.deep.equal(new Set([FATAL]))
    await all.restart('meter-4')
    expect(toldOf(linesOf('meter-4'), 'witnessHalted')).to.have.length(WITNESS_HALTED.length)
    await old.store.close()
  })
})
