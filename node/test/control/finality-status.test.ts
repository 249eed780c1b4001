import { expect } from 'chai'
import { Epochs, formatGenesis, initialMembership, parseGenesis, parseRoles, toHex } from '../../../protocol/index.ts'
import {
  type BlockLine,
  describeStatus,
  formatBlockLine,
  formatStatus,
  readBlockLines,
  type Status,
} from '../../control/index.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

describe('what status and blocks say of finality', () => {
  let all: Neighbourhood

  afterEach(async () => {
    await all.stop()
  })

  async function begin(witnesses: number): Promise<void> {
    all = await Neighbourhood.create({ meters: Math.max(witnesses, 1), witnesses, settings: { attestDelayMs: 500 } })
    await all.start(6)
  }

  const finalAt = (name: string, member: string): number => all.get(name).store.witness.final(keyOf(member))?.size ?? 0

  async function sealFinal(member: string, names: readonly string[] = all.nodes.map(({ name }) => name)): Promise<void> {
    const size = finalAt('registrar', member) + 1
    await all.time.advance(60_000)
    await all.take(member)
    await all.time.until(() => names.every((name) => finalAt(name, member) === size), 60_000, `${size} blocks are final`)
  }

  const statusOf = (name: string): Promise<Status> => all.time.wait(describeStatus(all.get(name).node, null))
  const lineOf = (status: Status, title: string): string | undefined =>
    new RegExp(`^${title} +(.*)$`, 'm').exec(formatStatus(status))?.[1]

  it('how many blocks of each chain are final, who the witnesses are, how many may lie, what this one signed', async () => {
    await begin(4)
    await sealFinal('meter-1')
    await all.time.advance(2_000)
    const status = await statusOf('meter-2')
    expect(status.finality).to.deep.include({ epoch: 0, fromSize: 0, witnesses: 4, quorum: 3, tolerated: 1 })
    const { sequence } = all.get('meter-2').store.witness.record
    expect(status.finality).to.deep.include({ isWitness: true, sequence, halted: null, waiting: null })
    expect(status.finality.attestations.map(({ index, isCurrent }) => [index, isCurrent])).to.deep.equal([
      [1, true],
      [2, true],
      [3, true],
      [4, true],
    ])
    expect(status.chains.map(({ final, contestedFrom }) => [final, contestedFrom])).to.deep.equal([
      [0, null],
      [1, null],
      [0, null],
      [0, null],
      [0, null],
    ])
    expect(lineOf(status, 'finality')).to.equal(
      'epoch 0: 4 witnesses, quorum 3, up to 1 may lie or be away; 1 of 1 blocks are final',
    )
    expect(lineOf(status, 'witness')).to.equal(`this node is one; its last attestation was ${sequence}`)
    expect(lineOf(await statusOf('registrar'), 'witness')).to.equal(undefined)
  })

  it('fewer than four witnesses tolerate no liar, and without any nothing becomes final', async () => {
    await begin(1)
    expect(lineOf(await statusOf('registrar'), 'finality')).to.contain('1 witness: fewer than four tolerate no liar')
    expect(lineOf(await statusOf('meter-1'), 'witness')).to.equal('this node is one; its last attestation is still to come')
    await all.stop()
    await begin(0)
    expect((await statusOf('registrar')).finality).to.deep.include({ witnesses: 0, quorum: null, tolerated: 0 })
    expect(lineOf(await statusOf('registrar'), 'finality')).to.contain('no witnesses: nothing becomes final')
  })

  it('where something is not final it names those of the witnesses that have been silent longest', async () => {
    await begin(4)
    await sealFinal('meter-1')
    for (const name of ['meter-2', 'meter-3']) await all.time.wait(all.get(name).node.stop())
    await all.time.advance(60_000)
    await all.take('meter-1')
    await all.time.advance(60_000)
    const text = formatStatus(await statusOf('registrar'))
    expect(text).to.match(/^ +2 of 4 have not signed all of it yet; silent longest: meter-[23] \(\S+Z\), meter-[23] \(\S+Z\)$/m)
    expect(text).to.contain('1 of 2 blocks are final')
  })

  it('a witness that has halted says so, in capitals', async () => {
    await begin(1)
    await all.time.wait(all.get('meter-1').store.witness.halt('this key has attested up to sequence 9'))
    const status = await statusOf('meter-1')
    expect(status.finality.halted).to.equal('this key has attested up to sequence 9')
    expect(lineOf(status, 'witness')).to.match(/^HALTED, signs nothing more under this key: this key has attested/)
  })

  it('a witness that has not entered the epoch in force says what it waits for', async () => {
    await begin(4)
    await sealFinal('meter-1')
    await all.time.wait(all.get('meter-4').node.stop())
    const label = new Uint8Array([...new Uint8Array(16), ...new TextEncoder().encode('late')])
    const registrar = all.get('registrar').node
    await all.time.wait(registrar.admitKey(keyOf('late'), parseRoles('meter,witness'), label))
    await all.time.until(() => registrar.membership.size === 1, 120_000, 'the change counts')
    const { genesis, store, key } = all.get('meter-4').node
    const { membership, epochs } = registrar
    const status = await all.time.wait(describeStatus({ genesis, store, key, membership, epochs }, null))
    expect(status.finality).to.deep.include({ epoch: 1, fromSize: 1, witnesses: 5, quorum: 4, isWitness: true })
    expect(lineOf(status, 'witness')?.replace(/\d are held$/, 'n are held')).to.equal(
      'this node waits to enter epoch 1, once the closing attestations of 3 of the 4 witnesses of epoch 0 are resolved; ' +
        'n are held',
    )
  })

  it('who was a witness and is none any more is told its last attestation', async () => {
    await begin(1)
    await sealFinal('meter-1')
    const { genesis, store, key, membership } = all.get('meter-1').node
    const without = parseGenesis(formatGenesis({ name: 'test', registrar: genesis.registrar, members: [] }))
    const view = { genesis, store, key, membership, epochs: Epochs.of(initialMembership(without)) }
    const status = await all.time.wait(describeStatus(view, null))
    expect(lineOf(status, 'witness')).to.match(/^this node is none any more; its last attestation was \d+$/)
  })

  it('a quarantined chain is contested from what is final on', async () => {
    await begin(4)
    await sealFinal('meter-1')
    const { store } = all.get('registrar')
    for (const name of ['meter-2', 'meter-3']) await all.time.wait(all.get(name).node.stop())
    await all.time.advance(60_000)
    await all.take('meter-1')
    await all.time.until(() => store.head(keyOf('meter-1'))?.size === 2, 60_000, 'a block that is not final')
    await all.time.wait(store.evidence.put(keyOf('meter-1'), new Uint8Array([1])))
    await all.time.wait(store.witnessEvidence.put(keyOf('meter-2'), new Uint8Array([2])))
    const status = await statusOf('registrar')
    expect(status.chains[1]).to.deep.include({ size: 2, final: 1, quarantined: true, contestedFrom: 1, contradicted: false })
    expect(status.chains[2]).to.deep.include({ contradicted: true, contestedFrom: null })
    const text = formatStatus(status)
    expect(text).to.contain('QUARANTINED, contested from 1, not final')
    expect(text).to.contain('two stories as a witness')
  })

  it('blocks: each is final or not', async () => {
    await begin(1)
    await sealFinal('meter-1')
    const { node, store } = all.get('registrar')
    await all.time.wait(all.get('meter-1').store.witness.halt('for the test'))
    await all.time.advance(60_000)
    await all.take('meter-1')
    await all.time.until(() => store.head(keyOf('meter-1'))?.size === 2, 60_000, 'a block that is not final')
    const lines: BlockLine[] = []
    for await (const line of readBlockLines(node, { member: toHex(keyOf('meter-1')) })) lines.push(line)
    expect(lines.map(({ final }) => final)).to.deep.equal([true, false])
    expect(lines.map((line) => /bytes {2}(.*)$/m.exec(formatBlockLine(line))?.[1])).to.deep.equal(['final', 'not final'])
  })
})
