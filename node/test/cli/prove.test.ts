import { readdir, readFile, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { encodeEvidence, formatEvidenceFile, orderEvidence, parseTicket, toHex } from '../../../protocol/index.ts'
import { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import { verifyTlogProof } from '../../../protocol/test/independent/tlog-proof-verifier.ts'
import { createSigner } from '../../index.ts'
import { event, json, type Running, type Said, say, start, temporaryDirectory, until } from './command-line.ts'

const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0'] as const

interface Checked {
  readonly ok: boolean
  readonly parts?: readonly string[]
  readonly member?: { readonly index: number; readonly label: string | null }
  readonly cosignatures?: readonly unknown[]
  readonly readings?: readonly { readonly time: string }[]
}

describe('wattness prove and wattness check', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let ticket: string
  let httpAddress: string
  const running: Running[] = []
  const prove = (...words: readonly string[]): Promise<Said> => say(['prove', '--dir', at.path('registrar'), ...words])
  const check = (file: string, ...words: readonly string[]): Promise<Said> => say(['check', file, ...words])
  const checked = async (file: string, ...words: readonly string[]): Promise<Checked> =>
    json(await check(file, ...words, '--json')) as Checked

  before(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    const registrar = start(['run', '--dir', at.path('registrar'), ...LOOPBACK])
    running.push(registrar)
    await registrar.line(event('listening'))
    const invited = await until(
      () => say(['ticket', '--dir', at.path('registrar'), '--invite', '--roles', 'meter,witness']),
      ({ status }) => status === 0,
    )
    ticket = invited.out.trim()
    await say(['join', ticket, '--dir', at.path('meter'), '--label', 'Elm Street 12', '--roles', 'meter,witness'])
    const source = ['--source', 'household:7?interval=1s', '--interval', '1s']
    const meter = start(['run', '--dir', at.path('meter'), ...LOOPBACK, ...source, '--attest-delay', '100ms', '--http', '0'])
    running.push(meter)
    const line = await meter.line(event('listening', ({ address }) => String(address).startsWith('http')))
    httpAddress = (JSON.parse(line) as { address: string }).address
    await meter.line(event('sealed', ({ height }) => Number(height) > 0))
  })
  after(async () => {
    await Promise.all(running.map((command) => command.stop()))
    await at.remove()
  })

  it('prove: one block as a file, and its parts; check says in plain words what it proves', async () => {
    const out = at.path('proof.json')
    const words = ['--member', 'Elm Street 12', '--height', '0', '--out', out, '--split', at.path('parts')]
    const made = await until(
      () => prove(...words),
      ({ status }) => status === 0,
    )
    expect(made.out).to.contain('block 0 of member 1').and.to.contain('1 of 1 witnesses cosigned')
    const said = await check(out, '--ticket', ticket)
    expect([said.status, said.err]).to.deep.equal([0, ''])
    for (const text of ['"Elm Street"', 'Who: member 1, key ', 'What: ', 'Witnesses: 1 of 1', 'It existed by']) {
      expect(said.out).to.contain(text)
    }
    expect(said.out).not.to.contain('--ticket')
    expect((await check(out)).out).to.contain('--ticket makes sure')
    const result = await checked(out)
    expect(result).to.deep.include({ ok: true })
    // Only its hash is in the registrar's chain: what a member is called is for its neighbours.
    expect(result.member).to.deep.include({ index: 1, label: null })
    expect(result.cosignatures).to.have.length(1)
    expect(await readdir(at.path('parts'))).to.include.members(['block.header', 'block.body', 'block.tlog-proof', 'policy'])
    const { log, witnesses, quorum } = JSON.parse(await readFile(out, 'utf8')) as {
      log: string
      witnesses: string[]
      quorum: number
    }
    const header = await readFile(at.path('parts/block.header'))
    verifyTlogProof(await readFile(at.path('parts/block.tlog-proof')), header, { log, witnesses, quorum })
  })

  it('prove --time: the block with the first reading of that time or later', async () => {
    const first = (await checked(at.path('proof.json'))).readings?.[0]?.time as string
    const out = at.path('by-time.json')
    const result = json(await prove('--member', '1', '--time', first, '--out', out, '--json'))
    expect(result).to.deep.include({ index: 1, height: 0, file: out })
    const late = await prove('--member', '1', '--time', '2999-01-01T00:00:00Z', '--out', at.path('late.json'), '--json')
    expect([late.status, json(late)]).to.have.nested.property('[1].error.code', 'BLOCK_UNKNOWN')
    expect(late.status).to.equal(1)
  })

  it('check: one changed character is status 1, and the part is named', async () => {
    const text = await readFile(at.path('proof.json'), 'utf8')
    const changes: [part: string, changed: string][] = [
      ['quorum', text.replace('"quorum": 1', '"quorum": 2')],
      ['readings', text.replace('"time": "2', '"time": "3')],
      ['file', text.replace('\n', ' \n')],
      ['file', ''],
      ['file', '\u0000\u0000'],
    ]
    for (const [part, changed] of changes) {
      await writeFile(at.path('changed.json'), changed)
      const said = await check(at.path('changed.json'))
      expect(said.status, part).to.equal(1)
      expect(said.out).to.contain('Not proven. What is wrong: ').and.to.contain(part)
      expect((await checked(at.path('changed.json'))).parts).to.include(part)
    }
  })

  it('check: another network than the ticket is status 1', async () => {
    await say(['network', 'create', '--name', 'Oak Street', '--dir', at.path('other')])
    const other = (await say(['ticket', '--dir', at.path('other')], { environment: { WATTNESS_LISTEN: LOOPBACK[1] } })).out.trim()
    const said = await check(at.path('proof.json'), '--ticket', other)
    expect([said.status, said.out]).to.deep.include(1)
    expect(said.out).to.contain('WRONG_NETWORK')
  })

  it('check: a file of evidence is told apart, and proves or not', async () => {
    const { genesis } = parseTicket(ticket)
    const signer = createSigner(new Uint8Array(32).fill(9))
    const [one, other] = [{}, { salt: new Uint8Array(16) }].map((fields) => {
      const checkpoint = new ChainAuthor(signer, genesis.networkId).append(fields).checkpoint()
      return { checkpoint, root: checkpoint.root, proof: [] }
    })
    const evidence = encodeEvidence(orderEvidence(1, one as never, other as never))
    const file = at.path('evidence.json')
    await writeFile(file, formatEvidenceFile({ genesis: genesis.bytes, evidence }))
    expect(await checked(file, '--ticket', ticket)).to.deep.include({ type: 'evidence', ok: true, key: toHex(signer.publicKey) })
    expect((await check(file)).out).to.contain('Proven')
    evidence[evidence.length - 1] = (evidence.at(-1) as number) ^ 1
    await writeFile(file, formatEvidenceFile({ genesis: genesis.bytes, evidence }))
    const said = await check(file)
    expect([said.status, said.out.includes('evidence')]).to.deep.equal([1, true])
    expect(await checked(file)).to.deep.include({ type: 'evidence', ok: false, parts: ['evidence'] })
  })

  it('FILE_EXISTS, USAGE, QUERY_INVALID, TICKET_INVALID: status 2', async () => {
    const out = ['--out', at.path('new.json')]
    const wrong: [code: string, said: Promise<Said>][] = [
      ['FILE_EXISTS', prove('--member', '1', '--height', '0', '--out', at.path('proof.json'), '--json')],
      ['USAGE', prove('--member', '1', '--height', '0', '--json')],
      ['USAGE', prove('--height', '0', ...out, '--json')],
      ['QUERY_INVALID', prove('--member', '1', ...out, '--json')],
      ['QUERY_INVALID', prove('--member', '1', '--height', '0', '--time', '2013-01-01T00:00:00Z', ...out, '--json')],
      ['QUERY_INVALID', prove('--member', '1', '--height', '-1', ...out, '--json')],
      ['QUERY_INVALID', prove('--member', '1', '--time', '2013-01-01', ...out, '--json')],
      ['MEMBER_UNKNOWN', prove('--member', 'nobody', '--height', '0', ...out, '--json')],
      ['USAGE', check(at.path('missing.json'), '--json')],
      ['USAGE', check(at.path('parts'), '--json')],
      ['TICKET_INVALID', check(at.path('proof.json'), '--ticket', 'nonsense', '--json')],
    ]
    for (const [code, saying] of wrong) {
      const said = await saying
      expect([said.status, (json(said) as { error?: { code?: string } }).error?.code]).to.deep.equal([2, code])
    }
  })

  it('--http: checkpoints are served, and cosigned for whoever has them', async () => {
    const { self } = json(await say(['status', '--dir', at.path('meter'), '--json'])) as { self: { key: string } }
    const answer = await until(
      async () => {
        const note = await (await fetch(`${httpAddress}/tlog/${self.key}/checkpoint`)).text()
        const ask = (old: string): Promise<Response> =>
          fetch(`${httpAddress}/add-checkpoint`, { method: 'POST', body: `old ${old}\n\n${note}` })
        const first = await ask('0')
        const recorded = (await first.text()).trim()
        return { conflict: first.status, type: first.headers.get('content-type'), second: await ask(recorded) }
      },
      ({ second }) => second.status === 200,
    )
    expect([answer.conflict, answer.type]).to.deep.equal([409, 'text/x.tlog.size'])
    expect(await answer.second.text()).to.match(/^— wattness-[0-9a-f]{16}-[0-9a-f]{64} /)
    expect((await fetch(`${httpAddress}/add-checkpoint`, { method: 'POST', body: 'nonsense' })).status).to.equal(400)
  })

  it('a directory that is none of a node is named, as by any other command', async () => {
    const away = at.path('away')
    const words = ['--dir', away, '--member', '0', '--height', '0', '--out', at.path('n.json'), '--json']
    const [said, status] = [await say(['prove', ...words]), await say(['status', '--dir', away, '--json'])]
    const [error, expected] = [json(said), json(status)]
    expect(error).to.deep.equal(expected)
    expect(said.status).to.equal(status.status)
    expect(JSON.stringify(error)).to.include(away)
  })

  it('NOT_RUNNING: a stopped node asks nobody', async () => {
    const said = await say([
      'prove',
      '--dir',
      at.path('other'),
      '--member',
      '0',
      '--height',
      '0',
      '--out',
      at.path('n.json'),
      '--json',
    ])
    expect([said.status, json(said)]).to.have.nested.property('[1].error.code', 'NOT_RUNNING')
    expect(said.status).to.equal(1)
  })
})
