import { expect } from 'chai'
import { KIND_EVENT } from '../block.ts'
import { toBase64, toHex, toUtf8 } from '../bytes.ts'
import { witnessVerifierKey } from '../cosignature.ts'
import { EMPTY_ROOT } from '../hash.ts'
import { NOTE_COSIGNATURE } from '../note.ts'
import { checkProofFile, type ProofReport } from '../proof-check.ts'
import { formatProofFile, type ProofFile, parseProofFile } from '../proof-file.ts'
import { explainProof } from '../proof-words.ts'
import { inclusionProof } from '../tree.ts'
import { flipped } from './chain-author.ts'
import { keyOf } from './numbered-keys.ts'
import { admit, genesisOf, ProofSetting, proofOf, revoke, seal } from './proof-setting.ts'
import { testVerify } from './signing.ts'
import { earlyProof as earlyText, lateProof as lateText, proofFileVectors } from './vectors/make-proof-file.ts'

const early = parseProofFile(earlyText)
const late = parseProofFile(lateText)
const witnesses = [2, 3, 4, 5].map(keyOf)

const check = (file: ProofFile): ProofReport => checkProofFile(formatProofFile(file), { verify: testVerify })

/** What is said to be wrong, as `part or part CODE`. */
function faultOf(report: ProofReport): string {
  return report.ok ? 'proven' : `${report.parts.join(' or ')} ${report.code}`
}

describe('proof check', () => {
  for (const { name, file, proves } of proofFileVectors.cases) {
    it(`P20: ${name}`, () => {
      const report = checkProofFile(file, { verify: testVerify, ticketGenesis: genesisOf(4).bytes })
      if (!report.ok) return expect.fail(report.message)
      const { member, header, size, epoch, cosignatures, existedByS } = report.proven
      return expect({
        member: member.keyHex,
        height: header.height,
        size,
        epoch: epoch.number,
        cosigned: cosignatures.map(({ witness }) => witness.index),
        existedBy: existedByS,
      }).to.deep.equal(proves)
    })
  }

  it('P20: every changed byte of the file is refused, and the part it stands in is named', () => {
    const bytes = toUtf8(lateText)
    const form = JSON.parse(lateText) as Record<string, unknown>
    /** Where each part's value stands in the text. */
    const spans = Object.keys(form).map((part, i, names) => {
      const next = names[i + 1]
      return {
        part,
        from: lateText.indexOf(`"${part}":`) + part.length + 4,
        to: next === undefined ? lateText.length : lateText.indexOf(`"${next}":`),
      }
    })
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at] = (changed[at] as number) ^ (at % 3 === 0 ? 1 : at % 3 === 1 ? 2 : 0x10)
      const report = checkProofFile(changed, { verify: testVerify })
      if (report.ok) return expect.fail(`byte ${at} is not missed`)
      const inside = spans.find(({ from, to }) => at >= from && at < to)?.part
      if (inside === undefined || report.parts.includes('file')) continue
      expect(report.parts, `byte ${at}: ${report.message}`).to.include(inside)
    }
  }).timeout(60_000)

  it('P20, WRONG_NETWORK: a genesis that is not the one of the ticket', () => {
    const report = checkProofFile(earlyText, { verify: testVerify, ticketGenesis: genesisOf(3).bytes })
    expect(faultOf(report)).to.equal('genesis WRONG_NETWORK')
    expect(faultOf(check({ ...early, genesis: genesisOf(3).bytes }))).to.equal('genesis or log WRONG_NETWORK')
    expect(faultOf(check({ ...early, genesis: toUtf8('{}') }))).to.equal('genesis GENESIS_INVALID')
  })

  it('P20: the log is the chain of the block its author', () => {
    expect(faultOf(check({ ...early, log: { ...early.log, name: 'example.com/log' } }))).to.equal('log PROOF_FILE_INVALID')
    expect(faultOf(check({ ...early, log: { ...early.log, type: NOTE_COSIGNATURE } }))).to.equal('log PROOF_FILE_INVALID')
    expect(faultOf(check({ ...early, log: { ...early.log, key: keyOf(4) } }))).to.equal('log PROOF_FILE_INVALID')
    const other = { ...early.log, name: early.log.name.replace(toHex(keyOf(3)), toHex(keyOf(4))), key: keyOf(4) }
    expect(faultOf(check({ ...early, log: other }))).to.equal('header or log PROOF_FILE_INVALID')
  })

  it('P20, QUORUM_MISSING, INVALID_NOTE_SIGNATURE, NOT_INCLUDED: the tlog-proof', () => {
    const without = early.proof
      .split('\n')
      .filter((_, at, lines) => at !== lines.length - 2)
      .join('\n')
    expect(faultOf(check({ ...early, proof: without }))).to.equal('proof or quorum QUORUM_MISSING')
    expect(faultOf(check({ ...early, proof: early.proof.replace('\n5\n', '\n6\n') }))).to.equal('proof INVALID_NOTE_SIGNATURE')
    const later = early.header.slice()
    later[75] = (later[75] as number) ^ 1
    expect(faultOf(check({ ...early, header: later }))).to.equal('proof or header NOT_INCLUDED')
    expect(faultOf(check({ ...early, proof: early.proof.replace('index 4', 'index 3') }))).to.equal(
      'proof or header NOT_INCLUDED',
    )
    expect(faultOf(check({ ...early, proof: late.proof.replaceAll(toHex(keyOf(3)), toHex(keyOf(4))) }))).to.equal(
      'proof or log ORIGIN_MISMATCH',
    )
  })

  it('P20: an index that is not the height, in a chain made so', async () => {
    const setting = new ProofSetting(4)
    const meter = setting.meter(3)
    seal(meter, 0)
    meter.append({ height: 5 })
    const file = await proofOf(setting, meter, 1, { cosigners: [2, 3, 4], witnesses, quorum: 3, membership: [] })
    const moved = { ...file, proof: file.proof.replace('index 5', 'index 1') }
    expect(faultOf(check(moved))).to.equal('proof or header PROOF_FILE_INVALID')
  })

  it('P20: signature lines of strangers', () => {
    expect(faultOf(check({ ...early, witnesses: early.witnesses.slice(1), quorum: 2 }))).to.equal(
      'proof or witnesses PROOF_FILE_INVALID',
    )
    const named = { ...(early.witnesses[0] as ProofFile['log']), name: 'somebody.example' }
    expect(faultOf(check({ ...early, witnesses: [named, ...early.witnesses.slice(1)] }))).to.equal('witnesses PROOF_FILE_INVALID')
  })

  it('P20, BODY_HASH_MISMATCH: body and readings', () => {
    expect(faultOf(check({ ...early, body: flipped(early.body, -1) }))).to.equal('body BODY_HASH_MISMATCH')
    expect(faultOf(check({ ...early, readings: early.readings.slice(1) }))).to.equal('readings PROOF_FILE_INVALID')
  })

  it('P20: a body that its author made wrong, and kinds without readings', async () => {
    const setting = new ProofSetting(4)
    const meter = setting.meter(3).append().append({ kind: 0 }).append({ kind: 77 })
    const prove = (height: number) =>
      proofOf(setting, meter, height, { cosigners: [2, 3, 4], witnesses, quorum: 3, membership: [] })
    const event = check(await prove(0))
    expect(event.ok && event.proven.header.kind).to.equal(KIND_EVENT)
    expect(explainProof(event)).to.include('1 event').and.to.include('firmware "block 0"')
    const unknown = check(await prove(2))
    expect(unknown.ok && unknown.proven.readings).to.deep.equal([])
    expect(explainProof(unknown)).to.include('kind 77')
    // The maker decodes the body too: the file is put together by hand.
    const made = await prove(2)
    const block = meter.blocks[1] as { headerBytes: Uint8Array; body: Uint8Array }
    const path = (await inclusionProof(meter.read, 1, 3)).map(toBase64).join('\n')
    const proof = made.proof.replace(/index 2\n[^]*?\n\n/, `index 1\n${path}\n\n`)
    const end = {
      header: (meter.blocks[2] as { headerBytes: Uint8Array }).headerBytes,
      inclusion: await inclusionProof(meter.read, 2, 3),
    }
    const report = check({ ...made, header: block.headerBytes, body: block.body, proof, end })
    expect(faultOf(report)).to.match(/^body /)
  })

  it('P20: the end, where the checkpoint covers more than the block', async () => {
    const { end, ...without } = late
    expect(faultOf(check(without))).to.equal('end PROOF_FILE_INVALID')
    const given = end as { header: Uint8Array; inclusion: readonly Uint8Array[] }
    expect(faultOf(check({ ...early, end: given }))).to.equal('end PROOF_FILE_INVALID')
    expect(faultOf(check({ ...late, end: { ...given, header: late.header } }))).to.equal('end NOT_INCLUDED')
    expect(faultOf(check({ ...late, end: { ...given, inclusion: [] } }))).to.equal('end NOT_INCLUDED')
    expect(faultOf(check({ ...late, end: { ...given, header: new Uint8Array(3) } }))).to.match(/^end /)
  })

  it('P20: the witnesses are those of the epoch that the last block names, all of them', () => {
    expect(faultOf(check({ ...late, membership: [] }))).to.equal('membership PROOF_FILE_INVALID')
    const fewer = { ...early, witnesses: early.witnesses.filter(({ key }) => toHex(key) !== toHex(keyOf(4))) }
    expect(faultOf(check(fewer))).to.equal('witnesses or membership PROOF_FILE_INVALID')
    const { networkId } = genesisOf(4)
    const more = { ...early, witnesses: [...early.witnesses, witnessVerifierKey(networkId, keyOf(9))] }
    expect(faultOf(check(more))).to.equal('witnesses or membership PROOF_FILE_INVALID')
    expect(faultOf(check({ ...early, witnesses: early.witnesses.toReversed() }))).to.equal(
      'witnesses or membership PROOF_FILE_INVALID',
    )
    expect(faultOf(check({ ...early, quorum: 2 }))).to.equal('quorum PROOF_FILE_INVALID')
  })

  it('P20, MEMBERSHIP_UNPROVEN: witnesses invented by the registrar alone', async () => {
    const setting = new ProofSetting(4).operate([2, 3, 4, 5].map(revoke), [12, 13, 14, 15].map(admit))
    const meter = setting.meter(12)
    seal(meter, 2)
    const invented = [12, 13, 14, 15]
    const membership = [await setting.item(0, 1, 0, []), await setting.item(1, 2, 1, [])]
    const file = await proofOf(setting, meter, 0, {
      cosigners: invented.slice(1),
      witnesses: invented.map(keyOf),
      quorum: 3,
      membership,
    })
    expect(faultOf(check(file))).to.equal('membership MEMBERSHIP_UNPROVEN')
  })

  it('P20, NO_WITNESSES: nothing is proven where there are none', async () => {
    const setting = new ProofSetting(0).operate([{ ...admit(6), roles: 2 } as ReturnType<typeof admit>])
    const meter = setting.meter(6)
    seal(meter, 1)
    const membership = [await setting.item(0, 1, 0, [])]
    const file = await proofOf(setting, meter, 0, { cosigners: [], witnesses: [], quorum: 0, membership })
    expect(faultOf(check(file))).to.equal('membership NO_WITNESSES')
  })

  it('P20, REVOKED, NOT_A_MEMBER: the author may write the block', async () => {
    const setting = new ProofSetting(4).operate([revoke(3)])
    const membership = [await setting.item(0, 1, 0, [2, 4, 5])]
    const meter = setting.meter(3)
    seal(meter, 1)
    const after = { cosigners: [2, 4, 5], witnesses: [2, 4, 5].map(keyOf), quorum: 3, membership }
    expect(faultOf(check(await proofOf(setting, meter, 0, after)))).to.equal('header or membership REVOKED')
    const stranger = setting.meter(9)
    seal(stranger, 1)
    expect(faultOf(check(await proofOf(setting, stranger, 0, after)))).to.equal('header or membership NOT_A_MEMBER')
  })

  it('P20, REVOKED: the branch that a revocation cut off', async () => {
    const setting = new ProofSetting(4).operate([{ type: 'revoke', key: keyOf(3), endSize: 1, endRoot: EMPTY_ROOT }])
    const meter = setting.meter(3)
    seal(meter, 1)
    const membership = [await setting.item(0, 1, 0, [2, 4, 5])]
    const file = await proofOf(setting, meter, 0, {
      cosigners: [2, 4, 5],
      witnesses: [2, 4, 5].map(keyOf),
      quorum: 3,
      membership,
    })
    expect(faultOf(check(file))).to.equal('proof or membership REVOKED')
  })

  it("P20: a block of the registrar's own chain", async () => {
    const setting = new ProofSetting(4).operate([admit(6)])
    const file = await proofOf(setting, setting.registrar, 0, { cosigners: [2, 3, 4], witnesses, quorum: 3, membership: [] })
    const report = check(file)
    expect(report.ok && report.proven.member.index).to.equal(0)
    expect(explainProof(report)).to.include('who belongs to the network')
  })

  it('faults that are not of the file are not taken for such', () => {
    const verify = () => {
      throw new TypeError('no library')
    }
    expect(() => checkProofFile(earlyText, { verify })).to.throw(TypeError, 'no library')
  })

  it('says in plain words what is proven', () => {
    const words = explainProof(checkProofFile(lateText, { verify: testVerify }))
    for (const part of [
      'the network "Elm Street"',
      `member 2 "house 2", key ${toHex(keyOf(3))}`,
      '8 values',
      '2026-01-01T04:00:00Z over 900 s 1-0:1.8.0 1236.167 kWh (time: meter-clock)',
      '1-0:16.7.0 missing',
      'sealed this at 2026-01-01T01:00:00Z',
      'It existed by 2026-01-01T00:01:10Z',
      'block 4 of its chain, after 4 blocks',
      '4 of 5 signed that they hold exactly this chain',
      'member 5, key',
      'no more than 1 of the 5 witnesses',
    ]) {
      expect(words).to.include(part)
    }
  })

  it('says that few witnesses tolerate no liar, and leaves out what is long', async () => {
    const setting = new ProofSetting(1)
    const meter = setting.meter(2)
    seal(meter, 0)
    const file = await proofOf(setting, meter, 0, { cosigners: [2], witnesses: [keyOf(2)], quorum: 1, membership: [] })
    const report = check(file)
    expect(explainProof(report)).to.include('none of the 1 witness lies: fewer than four tolerate no liar')
    if (!report.ok) return expect.fail(report.message)
    const { readings } = report.proven
    const long = {
      ...report.proven,
      readings: [...readings, ...readings, ...readings].map((one) => ({ ...one, quality: 'estimated' as const })),
    }
    const words = explainProof({ ok: true, proven: long })
    return expect(words).to.include('and 12 more').and.to.include(', estimated')
  })

  it('says which part is wrong', () => {
    const words = explainProof(check({ ...early, body: flipped(early.body, -1) }))
    expect(words).to.equal(
      'Not proven. What is wrong: body (BODY_HASH_MISMATCH).\nproof: body: not the one that the header commits to\n',
    )
  })
})
