import { expect } from 'chai'
import {
  checkProofFile,
  formatAddCheckpointRequest,
  formatProofFile,
  formatSignedCheckpointNote,
  isWattnessError,
  type ProofFile,
  type ProofReport,
  parseRoles,
  toUtf8,
  type WattnessError,
} from '../../../protocol/index.ts'
import { verifySignature } from '../../signature.ts'
import { COSIGN_PROTOCOL } from '../../witness/index.ts'
import { MAX_PROVING } from '../../witness/prover.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

const check = (file: ProofFile): ProofReport => checkProofFile(formatProofFile(file), { verify: verifySignature })

function expectProven(file: ProofFile): Extract<ProofReport, { ok: true }>['proven'] {
  const report = check(file)
  return report.ok ? report.proven : expect.fail(report.message)
}

describe('prover', () => {
  let all: Neighbourhood

  const prove = (by: string, of: string, height: number): Promise<ProofFile> =>
    all.time.wait(all.get(by).node.prove(keyOf(of), height))
  const refusal = async (by: string, of: string, height: number): Promise<WattnessError> => {
    const error: unknown = await prove(by, of, height).catch((cause: unknown) => cause)
    return isWattnessError(error) ? error : expect.fail('it was proven')
  }
  const finalAt = (at: string, member: string): number => all.get(at).store.witness.final(keyOf(member))?.size ?? 0
  const take = async (name: string): Promise<void> => {
    await all.time.advance(60_000)
    await all.take(name)
  }
  const untilFinal = (member: string, size: number, at = all.nodes.map(({ name }) => name)): Promise<void> =>
    all.time.until(() => at.every((name) => finalAt(name, member) >= size), 120_000, `${size} blocks of ${member} final`)

  async function begin(settings = {}): Promise<void> {
    all = await Neighbourhood.create({ meters: 5, witnesses: 4, settings: { attestDelayMs: 500, ...settings } })
    await all.start(6)
  }

  afterEach(async () => {
    await all.stop()
  })

  it('P19, P20: any block is proven, whoever asks, witness or not', async () => {
    await begin()
    for (let height = 1; height <= 3; height++) await take('meter-5')
    await untilFinal('meter-5', 3)
    for (const by of ['registrar', 'meter-1', 'meter-5']) {
      for (const height of [0, 1, 2]) {
        const file = await prove(by, 'meter-5', height)
        const { size, cosignatures, header, epoch } = expectProven(file)
        expect([size, cosignatures.length, header.height, epoch.number]).to.deep.equal([3, 3, height, 0])
        expect([file.witnesses.length, file.quorum, file.end === undefined]).to.deep.equal([4, 3, height === 2])
      }
    }
  })

  it('P17: after the witnesses have changed, with the word of those before; blocks of both epochs', async () => {
    await begin()
    await take('meter-5')
    await untilFinal('meter-5', 1)
    const { node } = all.get('registrar')
    for (const name of ['meter-5', 'meter-4']) {
      const roles = parseRoles(name === 'meter-5' ? 'meter,witness' : 'meter')
      await all.time.wait(node.changeMembership([{ type: 'change-roles', key: keyOf(name), roles }]))
      const { size } = all.get('registrar').node.heldMembership
      await all.time.until(() => all.nodes.every((each) => each.node.membership.size === size), 120_000, 'the change counts')
    }
    const old = expectProven(await prove('meter-2', 'meter-5', 0))
    expect([old.size, old.epoch.number]).to.deep.equal([1, 0])
    await take('meter-5')
    await untilFinal('meter-5', 2)
    const file = await prove('meter-2', 'meter-5', 1)
    expect([file.membership.length, file.witnesses.length]).to.deep.equal([2, 4])
    const { epoch, cosignatures } = expectProven(file)
    expect(epoch.number).to.equal(2)
    for (const { witness } of cosignatures) expect(epoch.witnesses).to.include(witness.index)
    expect(expectProven(await prove('meter-4', 'meter-5', 0)).epoch.number).to.equal(2)
    const [first, ...rest] = file.membership
    const lacking = { run: first?.run ?? new Uint8Array(), attestations: (first?.attestations ?? []).slice(1) }
    for (const membership of [rest, file.membership.slice(0, 1), [lacking, ...rest]]) {
      expect(check({ ...file, membership })).to.include({ ok: false })
    }
  })

  it('P12: the chain of a revoked member stays provable, up to its end', async () => {
    await begin()
    for (let height = 1; height <= 2; height++) await take('meter-5')
    await untilFinal('meter-5', 2)
    const { size, root } = all.get('registrar').store.head(keyOf('meter-5')) ?? expect.fail('no chain')
    const operation = { type: 'revoke', key: keyOf('meter-5'), endSize: size, endRoot: root } as const
    await all.time.wait(all.get('registrar').node.changeMembership([operation]))
    await all.time.until(() => all.nodes.slice(0, 5).every(({ node }) => node.membership.size === 1), 120_000, 'it counts')
    for (const height of [0, 1]) expect(expectProven(await prove('meter-1', 'meter-5', height)).size).to.equal(2)
  })

  it('W6: what was cosigned before it was attested is attested, and becomes final without another block', async () => {
    await begin({ attestDelayMs: 20_000 })
    await all.time.advance(30_000)
    await all.take('meter-5')
    const isHeld = (): boolean => all.nodes.every(({ store }) => store.head(keyOf('meter-5'))?.size === 1)
    await all.time.until(isHeld, 60_000, 'everybody holds it')
    expect(expectProven(await prove('meter-5', 'meter-5', 0)).size).to.equal(1)
    expect(finalAt('registrar', 'meter-5')).to.equal(0)
    await untilFinal('meter-5', 1)
  })

  it('P11, 409: witnesses that have signed more are followed to a newer checkpoint, once it has come', async () => {
    await begin()
    await take('meter-5')
    await untilFinal('meter-5', 1)
    const others = all.nodes.map(({ name }) => name).filter((name) => name !== 'registrar')
    all.hub.partition([keyOf('registrar')], others.map(keyOf))
    await take('meter-5')
    await untilFinal('meter-5', 2, others)
    expect(all.get('registrar').store.head(keyOf('meter-5'))?.size).to.equal(1)
    all.hub.healAll()
    const { size, header } = expectProven(await prove('registrar', 'meter-5', 0))
    expect([size, header.height]).to.deep.equal([2, 0])
  })

  it('P11, W7: an attestation that is being written is waited for, and a cosignature goes on from it', async () => {
    await begin()
    const { store, node } = all.get('meter-1')
    const sign = store.witness.sign.bind(store.witness)
    const gate = Promise.withResolvers<void>()
    let writes = 0
    store.witness.sign = async (write) => {
      if (writes++ === 0) await gate.promise
      return sign(write)
    }
    await take('meter-5')
    await all.time.until(() => writes === 1, 60_000, 'it attests')
    const { checkpoint } = store.head(keyOf('meter-5')) ?? {}
    const note = formatSignedCheckpointNote(all.genesis.networkId, checkpoint ?? expect.fail('no checkpoint'))
    const asked = node.addCheckpoint(toUtf8(formatAddCheckpointRequest(0, [], note)))
    await all.time.advance(1_000)
    expect(writes).to.equal(1)
    gate.resolve()
    expect(await all.time.wait(asked)).to.include({ status: 409, body: '1\n' })
  })

  it('QUORUM_MISSING: less than a quorum answers, and the error says who did not', async () => {
    await begin()
    await take('meter-5')
    await untilFinal('meter-5', 1)
    await all.time.wait(all.get('meter-1').node.stop())
    expectProven(await prove('meter-5', 'meter-5', 0))
    await all.time.wait(all.get('meter-2').node.stop())
    const { code, data } = await refusal('meter-5', 'meter-5', 0)
    expect([code, data['found'], data['quorum']]).to.deep.equal(['QUORUM_MISSING', 2, 3])
    expect((data['answers'] as { witness: number }[]).map(({ witness }) => witness)).to.deep.equal([1, 2])
  })

  it('a witness that lies costs nothing: garbage, another size, a cosignature that does not fit', async () => {
    await begin()
    await take('meter-5')
    await untilFinal('meter-5', 1)
    const liar = all.get('meter-1')
    for (const answer of [
      '200 text/plain\nnonsense\n',
      '409 text/x.tlog.size\n0\n',
      '409 text/x.tlog.size\n9007199254740991\n',
      '',
    ]) {
      await all.time.wait(liar.node.stop())
      const network = all.hub.network(keyOf('meter-1'))
      network.serve(COSIGN_PROTOCOL, () => Promise.resolve(toUtf8(answer)))
      const quiet = { onLink: () => undefined, onUnlink: () => undefined, onChannel: () => undefined }
      await all.time.wait(network.start({ admits: () => true, ...quiet }))
      const file = await prove('meter-5', 'meter-5', 0)
      expect(expectProven(file).cosignatures.map(({ witness }) => witness.index)).to.have.members([2, 3, 4])
      await all.time.wait(network.stop())
    }
  })

  it('BLOCK_UNKNOWN, MEMBER_UNKNOWN: what is not held, who is no member', async () => {
    await begin()
    await take('meter-5')
    await untilFinal('meter-5', 1)
    expect((await refusal('meter-1', 'meter-5', 1)).code).to.equal('BLOCK_UNKNOWN')
    expect((await refusal('meter-1', 'meter-2', 0)).code).to.equal('BLOCK_UNKNOWN')
    expect((await refusal('meter-1', 'stranger', 0)).code).to.equal('MEMBER_UNKNOWN')
  })

  it('NO_WITNESSES: a network without', async () => {
    all = await Neighbourhood.create({ meters: 2 })
    await all.start()
    await take('meter-1')
    await all.untilAgreed(1)
    expect((await refusal('meter-2', 'meter-1', 0)).code).to.equal('NO_WITNESSES')
  })

  it('PROVING_BUSY: more proofs at once than may be', async () => {
    await begin()
    await take('meter-5')
    await untilFinal('meter-5', 1)
    const { node } = all.get('meter-5')
    const proofs = Array.from({ length: MAX_PROVING + 1 }, () => node.prove(keyOf('meter-5'), 0))
    const ends = await all.time.wait(Promise.allSettled(proofs))
    expect(ends.map(({ status }) => status).filter((status) => status === 'rejected')).to.have.length(1)
    const failed = ends.find((end) => end.status === 'rejected')
    expect(failed?.reason).to.include({ code: 'PROVING_BUSY' })
    expectProven(await prove('meter-5', 'meter-5', 0))
  })

  it('NETWORK_STOPPED: nobody waits for a proof of a node that stops', async () => {
    await begin()
    await take('meter-5')
    await untilFinal('meter-5', 1)
    for (const name of ['meter-1', 'meter-2']) await all.time.wait(all.get(name).node.stop())
    const { node } = all.get('meter-5')
    const proving = node.prove(keyOf('meter-5'), 0).catch((error: unknown) => error)
    await all.time.wait(node.stop())
    expect(await all.time.wait(proving)).to.include({ code: 'NETWORK_STOPPED' })
  })

  it('NOT_FINAL: the word of the quorum for the registrar is not held', async () => {
    await begin()
    const { node, store } = all.get('registrar')
    const operation = { type: 'change-roles', key: keyOf('meter-5'), roles: parseRoles('meter,witness') } as const
    await all.time.wait(node.changeMembership([operation]))
    await all.time.until(() => all.nodes.every((each) => each.node.membership.size === 1), 120_000, 'it counts')
    await take('meter-5')
    await untilFinal('meter-5', 1)
    for (const table of [store.witness.closings, store.witness.attestations]) {
      for (const { witness } of await table.list(0)) await table.delete(0, witness)
    }
    expect((await refusal('registrar', 'meter-5', 0)).code).to.equal('NOT_FINAL')
    expectProven(await prove('meter-1', 'meter-5', 0))
  })
})
