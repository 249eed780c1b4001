import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/index.ts'
import { MAX_TOKENS, type TokenRight, Tokens } from '../../observe/tokens.ts'
import { refusalCode } from '../store/temporary-directories.ts'
import { ObservedStreet } from './observed-street.ts'

const READ = 'r'.repeat(40)
const WRITE = 'w'.repeat(40)
const FILE = `# of this house\n\nread ${READ}\n  write ${WRITE}   # the inverter\n`

describe('tokens', () => {
  const codeOf = (act: () => unknown): string => {
    try {
      act()
      return 'fine'
    } catch (error) {
      return isWattnessError(error) ? error.code : String(error)
    }
  }
  const basic = (token: string): string => `Basic ${Buffer.from(`anybody:${token}`).toString('base64')}`

  it('a line says what a token may do; what follows # is for people', () => {
    const tokens = Tokens.parse(FILE, 'file')
    expect([tokens.size, tokens.rightOf(READ), tokens.rightOf(WRITE), tokens.rightOf('x')]).to.deep.equal([
      ...[2, 'read', 'write'],
      undefined,
    ])
  })

  it('TOKENS_MALFORMED: the line is named, and never what stands there', () => {
    const secret = 'short-secret'
    for (const [text, line] of [
      [`read ${READ}\nread ${secret}`, 2],
      [`admin ${READ}`, 1],
      [READ, 1],
      [`read ${READ} ${WRITE}`, 1],
      [`read ${'x'.repeat(257)}`, 1],
    ] as const) {
      try {
        Tokens.parse(text, 'file')
        expect.fail(text)
      } catch (error) {
        if (!isWattnessError(error, 'TOKENS_MALFORMED')) throw error
        expect(error.message).to.include(`line ${line}`).and.not.include(secret).and.not.include(READ)
      }
    }
    const many = Array.from({ length: MAX_TOKENS + 1 }, (_, at) => `read ${String(at).padStart(40, 'x')}`).join('\n')
    expect(codeOf(() => Tokens.parse(many, 'file'))).to.equal('TOKENS_MALFORMED')
  })

  it('TOKEN_MISSING, TOKEN_UNKNOWN, TOKEN_INSUFFICIENT', () => {
    const tokens = Tokens.parse(FILE, 'file')
    const code = (authorization: string | undefined, right: TokenRight): string =>
      codeOf(() => tokens.assert(authorization, right))
    expect(code(`Bearer ${READ}`, 'read')).to.equal('fine')
    expect(code(`bearer ${WRITE}`, 'read')).to.equal('fine')
    expect(code(`Bearer ${WRITE}`, 'write')).to.equal('fine')
    expect(code(basic(READ), 'read')).to.equal('fine')
    expect(code(basic(WRITE), 'write'), 'a browser sends it for whoever asks').to.equal('TOKEN_MISSING')
    for (const nothing of [undefined, '', 'Bearer', `Digest ${READ}`, 'Basic ?', 'Basic AAA', `Bearer ${'x'.repeat(600)}`])
      expect(code(nothing, 'read'), nothing).to.equal('TOKEN_MISSING')
    expect(code(`Bearer ${READ}x`, 'read')).to.equal('TOKEN_UNKNOWN')
    expect(code(basic('wrong'), 'read')).to.equal('TOKEN_UNKNOWN')
    expect(code(`Bearer ${READ}`, 'write')).to.equal('TOKEN_INSUFFICIENT')
    expect(codeOf(() => Tokens.none.assert(`Bearer ${READ}`, 'write'))).to.equal('TOKEN_UNKNOWN')
  })

  describe('in a file', () => {
    let dir: string
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'wattness-tokens-'))
    })
    afterEach(() => rm(dir, { recursive: true, force: true }))

    it('are read where it is for its owner alone; without a file there are none', async () => {
      const path = join(dir, 'http-tokens')
      expect((await Tokens.read(path)).size).to.equal(0)
      await writeFile(path, FILE, { mode: 0o600 })
      expect((await Tokens.read(path)).size).to.equal(2)
    })

    it('TOKENS_EXPOSED: others may read it', async () => {
      const path = join(dir, 'http-tokens')
      await writeFile(path, FILE)
      for (const mode of [0o644, 0o640, 0o604, 0o620]) {
        await chmod(path, mode)
        expect(await refusalCode(Tokens.read(path)), mode.toString(8)).to.equal('TOKENS_EXPOSED')
      }
    })

    it('TOKENS_MALFORMED: a file too large for any; DIRECTORY_UNUSABLE: none that can be read', async () => {
      const path = join(dir, 'http-tokens')
      await writeFile(path, '#'.repeat(70_000), { mode: 0o600 })
      expect(await refusalCode(Tokens.read(path))).to.equal('TOKENS_MALFORMED')
      expect(await refusalCode(Tokens.read(join(path, 'below')))).to.equal('DIRECTORY_UNUSABLE')
    })
  })

  describe('where reading is closed', () => {
    let street: ObservedStreet
    let app: ReturnType<ObservedStreet['app']>

    before(async () => {
      street = await ObservedStreet.create({ meters: 2, witnesses: 0, rounds: 1 })
      app = street.app(undefined, { tokens: Tokens.parse(FILE, 'file'), isReadClosed: true })
    })
    after(() => street.stop())

    it('everything asks for one but what a monitor needs to know', async () => {
      const chain = `/tlog/${street.node('meter-1').node.membership.members[1]?.keyHex}/checkpoint`
      const closed = ['/v1/status', '/v1/members/1/blocks', '/v1/events', '/metrics', '/openapi.json', '/docs/', chain]
      for (const url of closed) {
        const answer = await app.inject({ url })
        expect([answer.statusCode, answer.json<{ code: string }>().code], url).to.deep.equal([401, 'TOKEN_MISSING'])
        expect(answer.headers['www-authenticate'], url).to.include('Basic').and.include('Bearer')
        if (url === '/v1/events') continue
        for (const authorization of [`Bearer ${READ}`, basic(WRITE)]) {
          expect((await app.inject({ url, headers: { authorization } })).statusCode, url).to.equal(200)
        }
      }
      for (const url of ['/', '/healthz', '/readyz']) expect((await app.inject({ url })).statusCode, url).to.equal(200)
    })

    it('a wrong one is told apart from none', async () => {
      const answer = await app.inject({ url: '/v1/status', headers: { authorization: `Bearer ${'x'.repeat(40)}` } })
      expect([answer.statusCode, answer.json<{ code: string }>().code]).to.deep.equal([401, 'TOKEN_UNKNOWN'])
    })
  })
})
