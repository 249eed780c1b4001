import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { fromBase64, sha256, toHex } from '../../../protocol/index.ts'
import type { FrameLine } from '../../control/index.ts'
import { filesOf } from '../../directory/index.ts'
import { openLedger } from '../../store/index.ts'
import { event, json, type Running, say, start, temporaryDirectory, until } from './command-line.ts'

const BIN = fileURLToPath(new URL('../../cli/wattness.ts', import.meta.url))
const RUN = ['--listen', '/ip4/127.0.0.1/tcp/0', '--mdns', 'no', '--interval', '1s']

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' })
const KEY = publicKey.export({ format: 'der', type: 'spki' }).toString('hex')

/** A charge signed twice: at its begin, and at its end with the begin in it. Blanks and an umlaut are signed too. */
function record(page: string, ...readings: readonly string[]): string {
  const payload = `{"FV":"1.0", "GI":"Säule",\n "PG":"${page}","RD":[${readings.join(',')}]} `
  const signature = sign('sha256', Buffer.from(payload), privateKey).toString('base64')
  return `OCMF|${payload}|{"SA":"ECDSA-brainpoolP256r1-SHA256","SE":"base64", "SD":"${signature}"}`
}
const BEGIN = '{"TM":"2024-03-01T10:00:00,000+0100 S","TX":"B","RV":1234.560,"RI":"1-0:1.8.0","RU":"kWh","ST":"G"}'
const END = '{"TM":"2024-03-01T11:30:00,000+0100 S","TX":"E","RV":1240.0,"RI":"1-0:1.8.0","RU":"kWh","ST":"G"}'
/** The third says what the second says. */
const RECORDS = [record('T1', BEGIN), record('T2', BEGIN, END), record('T3', BEGIN, END)]
/** Spelt apart: this file is shown to what tells meter files by their first bytes, and is none. */
const SIGNED = 'signedData'
const inContainer = (text: string): string =>
  `<value><${SIGNED} format="OCMF">${text}</${SIGNED}><publicKey>${KEY.replace(/(.{8})/g, '$1 ')}</publicKey></value>\n`

describe('raw frames, shown again', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let node: Running | undefined
  let child: ChildProcess | undefined
  const asked = (...words: string[]): ReturnType<typeof say> => say(['frames', '--dir', at.path('meter'), ...words])
  const linesOf = async (...words: string[]): Promise<FrameLine[]> => {
    const { out } = await asked('--json', ...words)
    const lines = out.trimEnd().split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as FrameLine)
  }

  beforeEach(async () => {
    at = await temporaryDirectory()
    await writeFile(at.path('charges.xml'), `<?xml version="1.0"?>\n<values>${RECORDS.map(inContainer).join('')}</values>`)
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('meter')])
  })
  afterEach(async () => {
    child?.kill('SIGKILL')
    await node?.stop()
    node = undefined
    await at.remove()
  })

  it('a node reads signed records, seals them and is killed: each is there, bit for bit and proven', async () => {
    const words = ['run', '--dir', at.path('meter'), ...RUN, '--source', `ocmf:${at.path('charges.xml')}`]
    child = spawn(process.execPath, [BIN, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      if (event('sealed')(line)) break
    }
    child.stdout?.resume()
    const [running, ...rest] = await until(
      () => linesOf(),
      (lines) => lines.length === 3 && lines.every(({ state }) => state === 'matches'),
    )
    expect(rest).to.have.length(2)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lines = await linesOf()
    expect(lines.map(({ frame }) => Buffer.from(fromBase64(frame ?? '')).toString('utf8'))).to.have.members(RECORDS)
    expect(lines[0]).to.deep.equal(running)
    for (const { time, state, block, signature, format, source, proof } of lines) {
      expect([state, block?.height, format, source]).to.deep.equal(['matches', 0, 'ocmf', `ocmf:${at.path('charges.xml')}`])
      expect(signature).to.deep.equal({ state: 'valid', publicKey: KEY })
      expect([time.slice(0, 10), proof?.count]).to.deep.equal(['2024-03-01', 3])
    }
    expect(await asked('--raw', '--to', '2024-03-01T10:00:00Z')).to.deep.equal({
      status: 0,
      out: RECORDS[0],
      err: '1 frame: 1 in its block as it is, 1 signature valid\n',
    })
  }).timeout(30_000)

  it('of a running node and of a stopped one, as text, lines of JSON, bytes and files', async () => {
    node = start(['run', '--dir', at.path('meter'), ...RUN, '--json', '--source', `ocmf:${at.path('charges.xml')}`])
    await node.line(event('sealed'))
    await until(
      () => linesOf(),
      (lines) => lines.length === 3,
    )
    const questions = [
      [],
      ['--json'],
      ['--raw', '--height', '0'],
      ['--from', '2024-03-01T11:00', '--tz', 'Europe/Berlin'],
      ['--to', '2020-01'],
    ]
    const running = []
    for (const words of questions) running.push(await asked(...words))
    await node.stop()
    node = undefined
    for (const [i, words] of questions.entries()) expect(await asked(...words), words.join(' ')).to.deep.equal(running[i])
    const [text, , raw, later, none] = running
    expect(text?.out.split('\n')[0]).to.match(
      /^2024-03-01T09:00:00Z {2}ocmf {2}\d+ bytes {2}sha256 [\da-f]{16} {2}block 0 {2}matches {2}signature valid {2}ocmf:\S+xml$/,
    )
    expect(text?.err).to.equal('3 frames: 3 in their blocks as they are, 3 signatures valid\n')
    expect(raw?.out).to.equal(RECORDS.join(''))
    expect(later?.out.trimEnd().split('\n')).to.have.length(2)
    expect([none?.status, none?.out]).to.deep.equal([0, ''])
    expect(none?.err).to.match(/^no frame is as was asked for: frames of 2024-03-01T09:00:00Z to .* are kept.*, 30d here\)\n$/)

    const out = at.path('deep/records')
    const written = await asked('--out', out)
    expect([written.status, written.out]).to.deep.equal([0, `${out}: 3 written\n`])
    const names = (await readdir(out)).toSorted()
    expect(names).to.have.length(6)
    const found = []
    for (const name of names.filter((each) => each.endsWith('.ocmf'))) {
      const bytes = await readFile(`${out}/${name}`)
      found.push(bytes.toString('utf8'))
      expect(name).to.equal(`2024-03-01T${name.slice(11, 19)}Z-${toHex(sha256(bytes)).slice(0, 16)}.ocmf`)
      expect((await stat(`${out}/${name}`)).mode & 0o777).to.equal(0o600)
      expect(await readFile(`${out}/${name}.publickey`, 'utf8')).to.equal(`${KEY}\n`)
    }
    expect(found).to.have.members(RECORDS)
    expect(json(await asked('--out', out, '--json'))).to.deep.equal({
      directory: out,
      written: 0,
      known: 3,
      unreadable: 0,
      frames: 3,
      states: { matches: 3 },
      signatures: { valid: 3 },
    })
    const [name] = names as [string]
    await writeFile(`${out}/${name}`, 'something else')
    const refused = await asked('--out', out)
    expect([refused.status, refused.err]).to.satisfy(
      ([status, err]: [number, string]) => status === 2 && err.includes('is there already with other bytes'),
    )
    expect(await readFile(`${out}/${name}`, 'utf8')).to.equal('something else')
    await writeFile(at.path('file'), '')
    expect((await asked('--out', at.path('file'))).err).to.contain('cannot be made')
  }).timeout(30_000)

  it('FRAME_UNKNOWN, and what else is wrong with a question', async () => {
    const unknown = await asked('--sha256', 'abcdef01', '--json')
    expect([unknown.status, (json(unknown) as { error: { code: string } }).error.code]).to.deep.equal([1, 'FRAME_UNKNOWN'])
    for (const [words, status, said] of [
      [['--sha256', 'x'], 2, 'sha256: found "x"'],
      [['--format', 'fax'], 2, 'format: found "fax", expected one of ocmf,'],
      [['--height', 'one'], 2, 'height: found "one"'],
      [['--height', '7'], 1, "height 7: this node's own chain has 0 blocks"],
      [['--raw', '--json'], 2, '--raw writes the bytes alone'],
      [['--from', 'noon'], 2, 'from: expected a time'],
    ] as const) {
      const refused = await asked(...words)
      expect([refused.status, refused.out], words.join(' ')).to.satisfy(([found]: [number]) => found === status)
      expect(refused.err, words.join(' ')).to.contain(said)
    }
    expect((await say(['frames', '--help'])).out).to.contain('bit for bit')
  })

  it('where nothing is kept, why', async () => {
    const empty = await asked()
    expect([empty.status, empty.out]).to.deep.equal([0, ''])
    expect(empty.err).to.equal(
      'no raw frames are kept here: no reading came with one, or their time is over (keepFrames, 30d here)\n',
    )
    await writeFile(filesOf(at.path('meter')).config, '{"keepFrames":"0s"}')
    expect((await asked()).err).to.equal('no raw frames are kept: keepFrames is 0s here (wattness config show)\n')
    await writeFile(filesOf(at.path('meter')).config, '{"keepFrames":7}')
    expect((await asked()).err).to.contain('(keepFrames)')
  })

  it('a record that says other than what was sealed is told, with status 1', async () => {
    const record = RECORDS[1]?.replace('1240.0', '1239.0') ?? ''
    const { network } = json(await say(['status', '--dir', at.path('meter'), '--json'])) as { network: { id: string } }
    const store = await openLedger({ directory: at.path('meter'), networkId: Buffer.from(network.id, 'hex') })
    const register = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }
    const reading = {
      time: Date.UTC(2024, 2, 1),
      intervalMs: 0,
      timeSource: 'meter-clock' as const,
      values: [{ register, value: 1, quality: 'good' as const }],
    }
    await store.spool.append([{ source: 'ocmf:lies', reading, frame: Buffer.from(record), signed: { publicKey: KEY } }])
    await store.close()
    const said = await asked()
    expect(said.status).to.equal(1)
    expect(said.out).to.match(/ {2}waits for a block {2}SIGNATURE WRONG: the signature is wrong: /)
    expect(said.err).to.equal('1 frame: 1 waiting for a block, 1 signature WRONG\n')
  })
})
