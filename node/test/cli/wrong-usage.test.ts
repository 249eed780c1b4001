import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { systemPlatform } from '../../platform.ts'
import { json, type Said, type SayInit, say, temporaryDirectory } from './command-line.ts'

describe('wrong usage of the command line', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let ticket: string
  before(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    ticket = (await say(['ticket', '--dir', at.path('registrar'), '--invite'])).out.trim()
  })
  after(() => at.remove())

  /** Status 2, a line that names the matter, and never a stack. */
  const refuses = async (words: readonly string[], expected: RegExp, init: SayInit = {}): Promise<Said> => {
    const said = await say(words, init)
    expect(said.status, said.err).to.equal(2)
    expect(said.err).to.match(expected)
    expect(said.err).to.not.match(/^\s+at /m)
    return said
  }

  it('no command shows the help', async () => {
    expect((await say([])).status).to.equal(2)
    expect((await say(['member'])).status).to.equal(2)
  })

  it('an unknown command, flag or argument', async () => {
    await refuses(['fnord'], /^wattness: unknown command 'fnord'/)
    await refuses(['status', '--fnord'], /unknown option '--fnord'/)
    await refuses(['status', 'too', 'much', '--dir', 'x'], /too many arguments/)
  })

  it('a missing argument, a missing flag, a missing directory', async () => {
    await refuses(['join', '--label', 'x'], /missing required argument 'ticket'/)
    await refuses(['join', ticket, '--dir', at.path('m')], /--label/)
    await refuses(['status'], /--dir/)
  })

  it('WATTNESS_DIR stands in for --dir', async () => {
    expect((await say(['status'], { environment: { WATTNESS_DIR: at.path('registrar') } })).status).to.equal(0)
  })

  it('TICKET_INVALID: a ticket that was cut', async () => {
    const words = ['join', ticket.slice(0, -9), '--dir', at.path('m'), '--label', 'x', '--json']
    const said = await refuses(words, /check sum does not fit/)
    expect(json(said)).to.have.nested.property('error.code', 'TICKET_INVALID')
    await refuses(['observe', 'fnord', '--dir', at.path('m')], /wattness-ticket:1:/)
  })

  it('REQUEST_INVALID: a request that is none', async () => {
    await refuses(['member', 'admit', 'fnord', '--dir', at.path('registrar')], /wattness-request:1:/)
  })

  it('LABEL_INVALID, ROLES_INVALID', async () => {
    await refuses(['join', ticket, '--dir', at.path('m'), '--label', ''], /label "" /)
    await refuses(['join', ticket, '--dir', at.path('m'), '--label', 'x'.repeat(65)], /label/)
    await refuses(['join', ticket, '--dir', at.path('m'), '--label', 'x', '--roles', 'king'], /"king" found/)
    await refuses(['ticket', '--dir', at.path('registrar'), '--invite', '--roles', 'registrar'], /roles 1 found/)
  })

  it('GENESIS_INVALID: limits that no network may have', async () => {
    const create = (...more: readonly string[]): string[] => ['network', 'create', '--name', 'x', '--dir', at.path('n'), ...more]
    await refuses(create('--max-body-bytes', '70000'), /limits.maxBodyBytes/)
    await refuses(create('--max-body-bytes', 'many'), /--max-body-bytes: found "many"/)
    await refuses(create('--min-block-interval', '3 weeks'), /--min-block-interval/)
    await refuses(create('--observers', 'some'), /expected open or listed/)
    await refuses(['network', 'create', '--name', '', '--dir', at.path('n')], /name/)
  })

  it('MEMBER_UNKNOWN names what may stand there', async () => {
    await refuses(['blocks', '--dir', at.path('registrar'), '--member', 'Nobody'], /no member is called "Nobody"/)
    await refuses(['member', 'revoke', '7', '--dir', at.path('registrar')], /an index from 0 to 0/)
  })

  it('QUERY_INVALID: heights are whole numbers', async () => {
    for (const from of ['-1', 'x', '1.5', '99999999999999999']) {
      await refuses(['blocks', '--dir', at.path('registrar'), '--from', from], /from: found/)
    }
  })

  it('CONFIG_INVALID: a flag, a variable and a line of the file', async () => {
    await refuses(
      ['run', '--dir', at.path('registrar'), '--interval', 'soon'],
      /flag --interval: found "soon", expected a duration/,
    )
    await refuses(['run', '--dir', at.path('registrar'), '--source', 'fnord:1'], /source kind "fnord" is unknown/)
    const environment = { WATTNESS_INTERVAL: 'soon' }
    await refuses(['config', 'show', '--dir', at.path('registrar')], /environment WATTNESS_INTERVAL/, { environment })
  })

  it('config check says every fault and ends with 1; fine, with 0', async () => {
    const dir = at.path('registrar')
    const file = at.path('registrar/config.json')
    await writeFile(file, JSON.stringify({ intervall: '1m', sources: ['p1:'] }))
    const said = await say(['config', 'check', '--dir', dir, '--json'])
    expect(said.status).to.equal(1)
    expect(json(said)).to.deep.equal({
      ok: false,
      file,
      faults: [`${file}: intervall: unknown key, did you mean interval?`],
    })
    await writeFile(file, JSON.stringify({ sources: ['p1:'] }))
    expect((await say(['config', 'check', '--dir', dir])).out).to.contain('the part after "p1:" names nothing')
    await writeFile(file, JSON.stringify({ interval: '1m' }))
    const fine = await say(['config', 'check', '--dir', dir])
    expect([fine.status, fine.out]).to.deep.equal([0, `${file}: fine\n`])
    // Nobody takes a mistyped directory for one that was checked.
    const nowhere = await say(['config', 'check', '--dir', at.path('registrar2')])
    expect([nowhere.status, nowhere.out.split(':')[0]]).to.deep.equal([0, `there is no ${at.path('registrar2/config.json')}`])
    const shown = await say(['config', 'show', '--dir', dir])
    expect(shown.out).to.match(new RegExp(`^interval +"1m" +${file}$`, 'm'))
  })

  it('config check looks at the mapping files of sources, beside config.json', async () => {
    const dir = at.path('registrar')
    const file = at.path('registrar/config.json')
    await writeFile(at.path('registrar/map.json'), '{"layout":"round"}')
    await writeFile(file, JSON.stringify({ sources: ['csv:a.csv?map=map.json', 'csv:b.csv?map=nowhere.json'] }))
    const said = await say(['config', 'check', '--dir', dir, '--json'])
    const { ok, faults } = json(said) as { ok: boolean; faults: string[] }
    expect([said.status, ok]).to.deep.equal([1, false])
    expect(faults).to.have.length(2)
    expect(faults[0]).to.contain(`column mapping ${at.path('registrar/map.json')}: `)
    expect(faults[1]).to.contain(at.path('registrar/nowhere.json'))
    await writeFile(file, '{}')
  })

  it('each command has a help with an example', async () => {
    const commands = [
      'network create',
      'ticket',
      'join',
      'run',
      'observe',
      'status',
      'blocks',
      'evidence',
      'member admit',
      'member list',
      'member revoke',
      'read',
    ]
    for (const command of [...commands, 'config check', 'config show']) {
      const said = await say([...command.split(' '), '--help'])
      expect(said.status).to.equal(0)
      expect(said.out).to.match(new RegExp(`Example:\n {2}wattness ${command}`))
      expect(said.out, command).to.contain('--json')
    }
    expect((await say(['--version'])).out).to.match(/^\d+\.\d+\.\d+\n$/)
  })

  it('UNEXPECTED: one line, and where it came from only when asked', async () => {
    const broken = {
      bytes: () => {
        throw new TypeError('no dice')
      },
    }
    const words = ['network', 'create', '--name', 'x', '--dir', at.path('broken')]
    const said = await say(words, { platform: { ...systemPlatform, random: broken } })
    expect(said.status).to.equal(1)
    expect(said.err).to.equal('wattness: no dice (this should not happen: --verbose shows where)\n')
    const verbose = await say([...words, '--verbose'], { platform: { ...systemPlatform, random: broken } })
    expect(verbose.err).to.match(/^ {4}at /m)
  })
})
