import { expect } from 'chai'
import {
  checkProofFile,
  explainProof,
  formatProofFile,
  formatVerifierKey,
  type ProofFile,
  type Reading,
  splitProofFile,
} from '../../../protocol/index.ts'
import { type Policy, verifyTlogProof } from '../../../protocol/test/independent/tlog-proof-verifier.ts'
import { verifySignature } from '../../signature.ts'
import { itemsOf, readingsOf, realData } from '../collect/inputs.ts'
import { Neighbourhood, signerOf, testReading } from '../harness/neighbourhood.ts'

const HOME = 'MAC000185'
const DAYS = 3
const HALF_HOURS = 48
const HALF_HOUR_MS = 1_800_000

/** Three days of a London home, or of a made one where the data is not there. */
async function daysOfHome(): Promise<Reading[][]> {
  const load = realData('load')
  const readings =
    load === undefined
      ? Array.from({ length: DAYS * HALF_HOURS }, (_, i) => testReading(i * HALF_HOUR_MS, 1_000 + i))
      : readingsOf(await itemsOf(`csv:${load}/lcl_open_1.csv.gz#${HOME}`)).map(({ reading }) => reading)
  return Array.from({ length: DAYS }, (_, day) => readings.slice(day * HALF_HOURS, (day + 1) * HALF_HOURS))
}

describe('one day of a real home', () => {
  const meter = signerOf('meter-5').publicKey
  let days: Reading[][]
  let all: Neighbourhood
  let file: ProofFile
  let proof: Buffer
  let header: Buffer
  let policy: Policy

  const isAccepted = (bytes: Buffer, entry = header, by = policy): boolean => {
    try {
      verifyTlogProof(bytes, entry, by)
      return true
    } catch {
      return false
    }
  }

  before(async () => {
    days = await daysOfHome()
    all = await Neighbourhood.create({ meters: 5, witnesses: 4, settings: { attestDelayMs: 500 } })
    await all.start(6)
    for (const [at, day] of days.entries()) {
      await all.time.wait(all.get('meter-5').node.take(day.map((reading) => ({ source: HOME, reading }))))
      const isFinal = (): boolean => all.nodes.every(({ store }) => (store.witness.final(meter)?.size ?? 0) > at)
      await all.time.until(isFinal, 120_000, `day ${at} final`)
    }
    file = await all.time.wait(all.get('registrar').node.prove(meter, 1))
    const parts = new Map(splitProofFile(file).map(({ name, bytes }) => [name, Buffer.from(bytes)]))
    proof = parts.get('block.tlog-proof') as Buffer
    header = parts.get('block.header') as Buffer
    policy = { log: formatVerifierKey(file.log), witnesses: file.witnesses.map(formatVerifierKey), quorum: file.quorum }
  })
  after(() => all.stop())

  it('is proven in plain words, with each of its values', () => {
    const report = checkProofFile(formatProofFile(file), { verify: verifySignature, ticketGenesis: all.genesis.bytes })
    const proven = report.ok ? report.proven : expect.fail(report.message)
    const values = (days[1] as Reading[]).flatMap((reading) => reading.values)
    expect(proven.readings).to.have.length(values.length)
    expect([proven.header.height, proven.size, proven.cosignatures.length]).to.deep.equal([1, DAYS, 3])
    expect(explainProof(report)).to.contain(`${values.length} values`).and.to.contain('block 1 of its chain')
  })

  it('is accepted by a verifier that shares no code with this project', () => {
    const { index, size, times } = verifyTlogProof(proof, header, policy)
    expect([index, size, times.size]).to.deep.equal([1n, BigInt(DAYS), 3])
  })

  it('is refused by it after every one-byte change of the .tlog-proof and of the header', () => {
    for (const [what, whole] of Object.entries({ proof, header })) {
      for (let at = 0; at < whole.length; at++) {
        const was = whole[at] as number
        for (const now of [was ^ 1, was ^ 0x80]) {
          const changed = Buffer.from(whole)
          changed[at] = now
          const accepted = what === 'proof' ? isAccepted(changed) : isAccepted(proof, changed)
          expect(accepted, `${what}, byte ${at} from ${was} to ${now}`).to.equal(false)
        }
        const without = Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)])
        expect(what === 'proof' ? isAccepted(without) : isAccepted(proof, without), `${what} without ${at}`).to.equal(false)
      }
    }
  })

  it('is refused with a cosignature missing, under a higher quorum or fewer keys, and for another block', async () => {
    const lines = proof.toString('utf8').trimEnd().split('\n')
    const cosigned = lines.filter((line) => line.startsWith('— wattness-'))
    expect(cosigned).to.have.length(3)
    for (const line of cosigned) {
      const without = Buffer.from(`${lines.filter((each) => each !== line).join('\n')}\n`)
      expect(isAccepted(without)).to.equal(false)
    }
    expect(isAccepted(proof, header, { ...policy, quorum: 4 })).to.equal(false)
    expect(isAccepted(proof, header, { ...policy, witnesses: policy.witnesses.slice(0, 2) })).to.equal(false)
    const other = await all.time.wait(all.get('registrar').node.prove(meter, 0))
    expect(isAccepted(proof, Buffer.from(other.header))).to.equal(false)
  })

  it('is refused as a whole file after a change of any byte of it: a sample, spread over all parts', () => {
    const whole = Buffer.from(formatProofFile(file))
    for (let at = 0; at < whole.length; at += 211) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] as number) ^ 1
      const report = checkProofFile(changed, { verify: verifySignature })
      expect(report.ok, `byte ${at}`).to.equal(false)
      if (!report.ok) expect(report.parts.length).to.be.greaterThan(0)
    }
  })
})
