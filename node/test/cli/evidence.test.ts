import { readFile, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import {
  checkEvidenceFile,
  encodeEvidence,
  encodeWitnessEvidence,
  fromBase64,
  type Genesis,
  orderEvidence,
  type Signer,
  toHex,
} from '../../../protocol/index.ts'
import { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import { branchOf, evidenceOf } from '../../../protocol/test/two-leaves.ts'
import type { EvidenceLine } from '../../control/index.ts'
import { createSigner, openStore, verifySignature } from '../../index.ts'
import { event, json, type Said, say, start, temporaryDirectory } from './command-line.ts'

const meter = createSigner(new Uint8Array(32).fill(1))
const both = createSigner(new Uint8Array(32).fill(2))

describe('wattness evidence', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  const evidence = (...words: readonly string[]): Promise<Said> => say(['evidence', '--dir', at.path('registrar'), ...words])
  const linesOf = (said: Said): EvidenceLine[] => json(said) as EvidenceLine[]

  function againstAuthor({ networkId }: Genesis, signer: Signer): Uint8Array {
    const stories = [{}, { salt: new Uint8Array(16) }].map((fields) => {
      const checkpoint = new ChainAuthor(signer, networkId).append(fields).checkpoint()
      return { checkpoint, root: checkpoint.root, proof: [] }
    })
    return encodeEvidence(orderEvidence(1, stories[0] as never, stories[1] as never))
  }

  async function againstWitness({ networkId }: Genesis, signer: Signer): Promise<Uint8Array> {
    const two = await evidenceOf({
      signer,
      networkId,
      member: meter.publicKey,
      index: 1,
      members: 3,
      size: 7,
      one: { branch: branchOf(21, 6, 'one'), leafSize: 21, epoch: 1 },
      other: { branch: branchOf(30, 6, 'other'), leafSize: 30, epoch: 1 },
    })
    return encodeWitnessEvidence(two)
  }

  beforeEach(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    const admit = ['member', 'admit', '--dir', at.path('registrar'), '--seal-alone', '--roles', 'meter']
    await say([...admit, toHex(meter.publicKey), '--label', 'Elm Street 12'])
    await say([...admit, toHex(both.publicKey), '--label', 'Elm Street 14'])
  })
  afterEach(() => at.remove())

  async function hold(): Promise<void> {
    const opened = await openStore({ dir: at.path('registrar') })
    const { store, genesis } = opened
    await store.evidence.put(meter.publicKey, againstAuthor(genesis, meter))
    await store.evidence.put(both.publicKey, againstAuthor(genesis, both))
    await store.witnessEvidence.put(both.publicKey, await againstWitness(genesis, both))
    await opened.close()
  }

  it('says that there is none', async () => {
    expect(await evidence()).to.deep.equal({ status: 0, out: 'no evidence is held\n', err: '' })
    expect((await evidence('--kind', 'witness')).out).to.equal('no evidence of kind witness is held\n')
    expect((await evidence('--member', 'Elm Street 12')).out).to.equal('no evidence is held against Elm Street 12\n')
    expect(linesOf(await evidence('--json'))).to.deep.equal([])
  })

  it('lists both kinds in plain words, of a stopped node and of a running one', async () => {
    await hold()
    const stopped = await evidence('--json')
    const lines = linesOf(stopped)
    expect(lines.map(({ kind, index, label }) => [kind, index, label])).to.deep.equal([
      ['author', 1, 'Elm Street 12'],
      ['author', 2, 'Elm Street 14'],
      ['witness', 2, 'Elm Street 14'],
    ])
    expect(linesOf(await evidence('--json', '--member', '2', '--kind', 'author')).length).to.equal(1)
    const said = await evidence()
    expect(said.status).to.equal(0)
    expect(said.out).to.contain('against member 1 "Elm Street 12": its chain is stopped')
    expect(said.out).to.contain('against member 2 "Elm Street 14": as a witness; no chain is stopped')
    expect(said.out).to.contain(`Member ${toHex(meter.publicKey)} signed two histories that cannot both be true.`)
    expect(said.out).to.contain(`Witness ${toHex(both.publicKey)} signed two histories of one chain`)

    const running = start(['run', '--dir', at.path('registrar'), '--listen', '/ip4/127.0.0.1/tcp/0'])
    await running.line(event('listening'))
    expect((await evidence('--json')).out).to.equal(stopped.out)
    expect((await evidence()).out).to.equal(said.out)
    expect(linesOf(await evidence('--json', '--member', toHex(meter.publicKey))).length).to.equal(1)
    const unknown = await evidence('--json', '--member', 'Nobody')
    expect([unknown.status, (json(unknown) as { error: { code: string } }).error.code]).to.deep.equal([2, 'MEMBER_UNKNOWN'])
    await running.stop()
  })

  it('writes one to a file that is proven without any node', async () => {
    await hold()
    const file = at.path('evidence.json')
    const said = await evidence('--member', 'Elm Street 14', '--kind', 'witness', '--out', file)
    expect(said).to.deep.include({ status: 0, err: '' })
    expect(said.out).to.equal(`${file}: evidence against member 2 ${toHex(both.publicKey)}; anyone can check it\n`)
    const report = checkEvidenceFile(await readFile(file), { verify: verifySignature })
    if (!report.ok) return expect.fail(report.message)
    expect([report.proven.accusation.kind, toHex(report.proven.accused)]).to.deep.equal(['witness', toHex(both.publicKey)])
    const again = await evidence('--member', '1', '--out', file, '--json')
    expect([again.status, (json(again) as { error: { code: string } }).error.code]).to.deep.equal([2, 'FILE_EXISTS'])
    const other = await evidence('--member', '1', '--out', at.path('other.json'), '--json')
    return expect(json(other)).to.deep.equal({
      file: at.path('other.json'),
      kind: 'author',
      index: 1,
      label: 'Elm Street 12',
      key: toHex(meter.publicKey),
    })
  })

  it('USAGE, EVIDENCE_UNKNOWN: what cannot be written', async () => {
    const out = ['--out', at.path('evidence.json'), '--json']
    const codeOf = (said: Said): unknown => (json(said) as { error: { code: string } }).error.code
    const none = await evidence(...out)
    expect([none.status, codeOf(none)]).to.deep.equal([1, 'EVIDENCE_UNKNOWN'])
    await hold()
    const several = await evidence(...out)
    expect([several.status, codeOf(several)]).to.deep.equal([2, 'USAGE'])
    expect(several.err).to.contain('3 are held (author 1, author 2, witness 2): say which by --member and --kind')
    expect((await evidence(...out, '--member', '2')).status).to.equal(2)
    const kind = await evidence('--kind', 'fnord')
    expect([kind.status, kind.err]).to.deep.equal([2, 'wattness: --kind: found "fnord", expected author or witness\n'])
    await writeFile(at.path('plain'), '')
    const nowhere = await evidence('--member', '1', '--out', at.path('plain/evidence.json'), '--json')
    expect([nowhere.status, codeOf(nowhere)]).to.deep.equal([1, 'DIRECTORY_UNUSABLE'])
  })

  it('a record that proves nothing hides no other, and is not written', async () => {
    await hold()
    const opened = await openStore({ dir: at.path('registrar') })
    const { store } = opened
    const sound = await store.evidence.get(both.publicKey)
    await store.evidence.put(meter.publicKey, sound as Uint8Array)
    await store.evidence.put(both.publicKey, fromBase64('AAAA'))
    await opened.close()
    const lines = linesOf(await evidence('--json'))
    expect(lines.map((line) => [line.index, line.kind, line.evidence === null])).to.deep.equal([
      [1, 'author', true],
      [2, 'author', true],
      [2, 'witness', false],
    ])
    expect((await evidence()).out).to.contain(`cannot be read any more: it is against ${toHex(both.publicKey)}`)
    const said = await evidence('--member', '1', '--out', at.path('x.json'), '--json')
    expect((json(said) as { error: { code: string } }).error.code).to.equal('STORE_DAMAGED')
  })
})
