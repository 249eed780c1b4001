import { existsSync } from 'node:fs'
import { chmod, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { type Said, say, temporaryDirectory } from './command-line.ts'

describe('a directory that is not as it should be', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  beforeEach(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
  })
  afterEach(() => at.remove())

  const refuses = async (words: readonly string[], code: string, expected: RegExp): Promise<Said> => {
    const said = await say([...words, '--json'])
    expect(said.status, said.err).to.not.equal(0)
    expect((JSON.parse(said.out.trim().split('\n').at(-1) as string) as { error: { code: string } }).error.code).to.equal(code)
    expect(said.err).to.match(expected)
    expect(said.err).to.not.match(/^\s+at /m)
    return said
  }
  const status = (): string[] => ['status', '--dir', at.path('registrar')]

  it('NO_NETWORK: nothing there', () => refuses(['status', '--dir', at.path('nowhere')], 'NO_NETWORK', /network create/))

  it('NO_NETWORK for observe says that a ticket is needed', () =>
    refuses(['observe', '--dir', at.path('nowhere')], 'USAGE', /needs a ticket/))

  it('NO_KEY: the key is gone', async () => {
    await rm(at.path('registrar/key'))
    await refuses(status(), 'NO_KEY', /registrar\/key is not there/)
  })

  it('KEY_EXPOSED: a key that others can read is not used', async () => {
    for (const mode of [0o640, 0o604, 0o660]) {
      await chmod(at.path('registrar/key'), mode)
      await refuses(status(), 'KEY_EXPOSED', new RegExp(`mode 0${mode.toString(8)}`))
    }
    await chmod(at.path('registrar/key'), 0o400)
    expect((await say(status())).status).to.equal(0)
  })

  it('KEY_MALFORMED: what is in the file is not repeated', async () => {
    await writeFile(at.path('registrar/key'), 'secret password\n')
    const said = await refuses(status(), 'KEY_MALFORMED', /64 lower-case hex digits/)
    expect(said.err).to.not.contain('secret')
  })

  it('GENESIS_INVALID: a genesis that was edited into nonsense', async () => {
    await writeFile(at.path('registrar/genesis.json'), '{"version":1')
    await refuses(status(), 'GENESIS_INVALID', /not JSON/)
  })

  it('STORE_OTHER_NETWORK: a genesis that was changed under a ledger', async () => {
    await say(status())
    const text = await readFile(at.path('registrar/genesis.json'), 'utf8')
    await writeFile(at.path('registrar/genesis.json'), text.replace('Elm', 'Oak'))
    await refuses(status(), 'STORE_OTHER_NETWORK', /store belongs to network/)
  })

  it('OTHER_NETWORK: a ticket for another network than the directory', async () => {
    await say(['network', 'create', '--name', 'Oak Street', '--dir', at.path('other')])
    const ticket = (await say(['ticket', '--dir', at.path('other')])).out
    await refuses(['join', ticket, '--dir', at.path('registrar'), '--label', 'x'], 'OTHER_NETWORK', /"Elm Street".*"Oak Street"/)
  })

  it('FILE_MALFORMED: an entry.json that was edited into nonsense', async () => {
    const ticket = (await say(['ticket', '--dir', at.path('registrar')])).out
    await say(['join', ticket, '--dir', at.path('meter'), '--label', 'x'])
    await writeFile(at.path('meter/entry.json'), '{"addresses":7}')
    await refuses(
      ['run', '--dir', at.path('meter'), '--listen', '/ip4/127.0.0.1/tcp/0'],
      'FILE_MALFORMED',
      /addresses: expected a list/,
    )
  })

  it('DIRECTORY_UNUSABLE: a file stands where the directory should be', async () => {
    await writeFile(at.path('file'), '')
    await refuses(['network', 'create', '--name', 'x', '--dir', at.path('file')], 'DIRECTORY_UNUSABLE', /file: cannot be made/)
  })

  it('DIRECTORY_UNUSABLE: a directory in which no file can be made', async () => {
    if (!existsSync('/proc/self')) return
    await refuses(
      ['network', 'create', '--name', 'x', '--dir', '/proc'],
      'DIRECTORY_UNUSABLE',
      /^wattness: \/proc: cannot be used/,
    )
    await refuses(['network', 'create', '--name', 'x', '--dir', '/proc/x'], 'DIRECTORY_UNUSABLE', /\/proc\/x: cannot be made/)
  })

  it('GENESIS_INVALID: a network without a name, or with limits that cannot be, leaves nothing behind', async () => {
    const create = ['network', 'create', '--dir', at.path('none')]
    await refuses([...create, '--name', ''], 'GENESIS_INVALID', /name/)
    await refuses([...create, '--name', 'x', '--max-body-bytes', '1'], 'GENESIS_INVALID', /maxBodyBytes/)
    expect(existsSync(at.path('none'))).to.equal(false)
  })

  it('DIRECTORY_UNUSABLE: a file stands where the control socket should be', async () => {
    await writeFile(at.path('registrar/control.sock'), '')
    const words = ['run', '--dir', at.path('registrar'), '--listen', '/ip4/127.0.0.1/tcp/0']
    await refuses(words, 'DIRECTORY_UNUSABLE', /control.sock is no socket/)
    expect((await say(status())).status).to.equal(0)
  })

  it('NOT_THE_REGISTRAR: a meter neither invites nor admits nor revokes', async () => {
    await cp(at.path('registrar/genesis.json'), at.path('meter/genesis.json'))
    await writeFile(at.path('meter/key'), `${'11'.repeat(32)}\n`, { mode: 0o600 })
    const dir = ['--dir', at.path('meter')]
    await refuses(['ticket', '--invite', ...dir], 'NOT_THE_REGISTRAR', /only the registrar/)
    await refuses(['member', 'admit', 'ab'.repeat(32), ...dir], 'NOT_THE_REGISTRAR', /only the registrar/)
    await refuses(['member', 'revoke', '0', ...dir], 'NOT_THE_REGISTRAR', /only the registrar/)
  })

  it('MEMBER_IS_REGISTRAR, UNACCEPTABLE_KEY', async () => {
    const dir = ['--dir', at.path('registrar')]
    await refuses(['member', 'revoke', '0', ...dir], 'MEMBER_IS_REGISTRAR', /cannot be revoked/)
    await refuses(['member', 'admit', '00'.repeat(32), ...dir], 'UNACCEPTABLE_KEY', /safe to admit/)
  })

  it('a bare key is admitted with its label and roles; MEMBER_AMBIGUOUS where two may be meant', async () => {
    const dir = ['--dir', at.path('registrar')]
    const keys = [
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    ]
    for (const key of keys) {
      const said = await say(['member', 'admit', key, '--label', 'twin', '--roles', 'observer', '--seal-alone', ...dir])
      expect(said.err).to.equal('')
      expect(said.out).to.contain('"twin"')
    }
    const said = await refuses(['member', 'revoke', 'twin', ...dir], 'MEMBER_AMBIGUOUS', /"twin" may mean 1 "twin" \(d75a/)
    expect(said.status).to.equal(2)
    const listed = await say(['member', 'list', ...dir, '--json'])
    expect((JSON.parse(listed.out) as { roles: string }[]).map(({ roles }) => roles)).to.deep.equal([
      'registrar',
      'observer',
      'observer',
    ])
  })
})
