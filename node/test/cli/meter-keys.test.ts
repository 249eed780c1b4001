import { chmod, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import type { Status } from '../../control/index.ts'
import { AIDON_SHOWN, aidonList, ciphered, hdlc, hexOf, notification } from '../collect/dlms-encoder.ts'
import { event, json, say, start, temporaryDirectory } from './command-line.ts'

const KEY = '000102030405060708090a0b0c0d0e0f'
const AUTH = 'd0d1d2d3d4d5d6d7d8d9dadbdcdddedf'

describe('keys of encrypted meters on the command line', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  beforeEach(async () => {
    at = await temporaryDirectory()
    await writeFile(at.path('pushed.bin'), hdlc(ciphered(notification(aidonList()), { key: hexOf(KEY), auth: hexOf(AUTH) })))
    await writeFile(at.path('key'), `${KEY}\n${AUTH}\n`)
    await chmod(at.path('key'), 0o600)
  })
  afterEach(() => at.remove())

  it('read takes them as options or from a file that nobody else can read, and repeats none', async () => {
    for (const keys of [
      ['--key', KEY, '--auth-key', AUTH],
      ['--key-file', at.path('key')],
      ['--key', KEY],
    ]) {
      const said = await say(['read', at.path('pushed.bin'), ...keys])
      expect(said.status).to.equal(0)
      expect(said.out.trim().split('\n')).to.have.length(AIDON_SHOWN.length)
      expect(said.out + said.err).to.not.contain(KEY)
    }
    const without = await say(['read', at.path('pushed.bin')])
    expect(without.status).to.equal(1)
    expect(without.err).to.match(/^DLMS_KEY_MISSING: /)
    const wrong = await say(['read', at.path('pushed.bin'), '--key', AUTH, '--auth-key', AUTH])
    expect(wrong.err).to.contain('DLMS_TAG_MISMATCH')
    const short = await say(['read', at.path('pushed.bin'), '--key', 'secret'])
    expect(short.status).to.equal(2)
    for (const { out, err } of [without, wrong, short])
      expect(out + err)
        .to.not.contain(AUTH)
        .and.to.not.contain('secret')
    await chmod(at.path('key'), 0o644)
    expect((await say(['read', at.path('pushed.bin'), '--key-file', at.path('key')])).err).to.contain(
      'others may read it (mode 644)',
    )
  })

  it('a node with a key in its source shows it in no log, no status and no configuration', async () => {
    await say(['network', 'create', '--name', 'x', '--dir', at.path('node')])
    const source = `dlms:${at.path('pushed.bin')}?key=${KEY}&auth=${AUTH}`
    await writeFile(at.path('node/config.json'), JSON.stringify({ sources: [source, `dlms:${at.path('nothing')}?key=${KEY}`] }))
    const command = start(['run', '--dir', at.path('node'), '--listen', '/ip4/127.0.0.1/tcp/0', '--interval', '1s'])
    const said: string[] = []
    try {
      said.push(await command.line(event('sourceFault', ({ code }) => code === 'SOURCE_FAILED')))
      await command.line(event('sealed'))
      const status = await say(['status', '--dir', at.path('node'), '--json'])
      const { running } = json(status) as Status
      expect(running?.sources[0]?.source).to.equal(`dlms:${at.path('pushed.bin')}?key=…&auth=…`)
      const shown = ['config show', 'config check', 'status', 'blocks'].map((words) =>
        say([...words.split(' '), '--dir', at.path('node')]),
      )
      for (const each of [status, ...(await Promise.all(shown))]) said.push(each.out, each.err)
    } finally {
      const { status, out, err } = await command.stop()
      expect(status).to.equal(0)
      said.push(out, err)
    }
    expect(said.join('\n')).to.not.contain(KEY).and.to.not.contain(AUTH)
  })
})
