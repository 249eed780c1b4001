import { expect } from 'chai'
import type { ListedMember } from '../../control/index.ts'
import { json, type Said, say, temporaryDirectory } from './command-line.ts'

const KEYS = [
  'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
] as const

/** On a registrar's directory that no node runs on; `server` tests ask a running one the same. */
describe('member', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  beforeEach(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    await member('admit', KEYS[0], '--label', 'Elm Street 12', '--roles', 'meter')
  })
  afterEach(() => at.remove())

  const member = async (...words: readonly string[]): Promise<Said> => {
    const sealAlone = words[0] === 'list' ? [] : ['--seal-alone']
    const said = await say(['member', ...words, ...sealAlone, '--dir', at.path('registrar')])
    expect(said.err).to.equal('')
    return said
  }
  const refused = async (code: string, ...words: readonly string[]): Promise<void> => {
    const said = await say(['member', ...words, '--seal-alone', '--json', '--dir', at.path('registrar')])
    expect(said.status, said.err).to.not.equal(0)
    expect(json(said)).to.have.nested.property('error.code', code)
  }
  const list = async (): Promise<ListedMember[]> => JSON.parse((await member('list', '--json')).out) as ListedMember[]

  it('role gives other roles, by label, key or index', async () => {
    expect((await member('role', 'Elm Street 12', 'observer,meter')).out.trim()).to.equal(`member 1 ${KEYS[0]} is meter,observer`)
    const said = await member('role', '1', 'meter', '--json')
    expect(json(said)).to.deep.equal({ members: [{ key: KEYS[0], index: 1, label: 'Elm Street 12', roles: 'meter' }] })
    expect((await list()).map(({ roles }) => roles)).to.deep.equal(['registrar', 'meter'])
  })

  it('role: ROLES_INVALID, OUT_OF_RANGE, MEMBER_UNKNOWN, MEMBER_IS_REGISTRAR, REVOKED', async () => {
    await refused('ROLES_INVALID', 'role', '1', 'king')
    await refused('OUT_OF_RANGE', 'role', '1', 'registrar')
    await refused('MEMBER_UNKNOWN', 'role', '7', 'meter')
    await refused('MEMBER_IS_REGISTRAR', 'role', '0', 'meter')
    await member('revoke', '1')
    await refused('REVOKED', 'role', '1', 'observer')
  })

  it('a change that leaves fewer than four witnesses, or none, says what that means; others say nothing', async () => {
    const warned = async (...words: readonly string[]): Promise<string> => {
      const said = await say(['member', ...words, '--seal-alone', '--dir', at.path('registrar')])
      expect(said.status, said.err).to.equal(0)
      return said.err
    }
    const many = '; while one of them is away nothing more becomes final\n'
    const start = 'WARNING: once this counts, the network has'
    expect(await warned('role', '1', 'meter,witness')).to.contain(`${start} 1 witness: fewer than four tolerate no liar${many}`)
    expect(await warned('admit', KEYS[1], '--roles', 'witness')).to.contain(`${start} 2 witnesses, all needed: fewer than four`)
    expect(await warned('role', '1', 'meter,witness')).to.equal('')
    expect(await warned('admit', KEYS[2], '--roles', 'meter')).to.equal('')
    expect(await warned('revoke', '2')).to.contain(`${start} 1 witness: fewer than four tolerate no liar${many}`)
    expect(await warned('role', '1', 'meter')).to.contain(`${start} no witnesses: nothing becomes final\n`)
  })

  it('replace lets a new key go on, with the label and the roles of the old one', async () => {
    const text = (await member('replace', 'Elm Street 12', KEYS[1])).out.trim()
    expect(text).to.equal(
      `member 2 "Elm Street 12" ${KEYS[1]} goes on for member 1, of whose chain 0 blocks stay; ` +
        "it counts from size 2 of the registrar's chain",
    )
    const said = await member('replace', '2', KEYS[2], '--label', 'moved', '--json')
    expect(json(said)).to.deep.equal({
      key: KEYS[2],
      index: 3,
      label: 'moved',
      registrarSize: 3,
      replaces: { key: KEYS[1], index: 2, endSize: 0 },
    })
    expect((await list()).map(({ label, replaces, revoked }) => [label, replaces, revoked?.replacedBy])).to.deep.equal([
      ['registrar', null, undefined],
      ['Elm Street 12', null, 2],
      ['Elm Street 12', 1, 3],
      ['moved', 2, undefined],
    ])
    const lines = (await member('list')).out.trimEnd().split('\n')
    expect(lines[1]).to.match(/ {2}Elm Street 12 {2}replaced by 2 after 0 blocks$/)
    expect(lines[2]).to.match(/ {2}Elm Street 12 {2}goes on for 1 {2}replaced by 3 after 0 blocks$/)
    expect(lines[3]).to.match(/^ {2}3 {2}fc51.* {2}meter {8} {2}moved {2}goes on for 2$/)
  })

  it('replace by a pasted request', async () => {
    const ticket = (await say(['ticket', '--dir', at.path('registrar')])).out.trim()
    const request = (await say(['join', ticket, '--dir', at.path('meter'), '--label', 'new box'])).out.trim()
    expect((await member('replace', '1', request)).out).to.match(/^member 2 "new box" [0-9a-f]{64} goes on for member 1/)
  })

  it('replace: JOIN_REFUSED, REQUEST_INVALID, UNACCEPTABLE_KEY, MEMBER_IS_REGISTRAR', async () => {
    await refused('JOIN_REFUSED', 'replace', '1', KEYS[0])
    await refused('REQUEST_INVALID', 'replace', '1', 'fnord')
    await refused('UNACCEPTABLE_KEY', 'replace', '1', '00'.repeat(32))
    await refused('MEMBER_IS_REGISTRAR', 'replace', '0', KEYS[1])
  })

  it('blocks show what was changed', async () => {
    await member('role', '1', 'observer')
    await member('replace', '1', KEYS[1])
    const { out } = await say(['blocks', '--member', '0', '--dir', at.path('registrar')])
    expect(out).to.contain(`    make ${KEYS[0]} observer\n`)
    expect(out).to.contain(`    replace ${KEYS[0]} by ${KEYS[1]} after 0 blocks\n`)
  })

  it('help of each says what it does, with an example', async () => {
    for (const [command, text] of [
      ['role', /other roles[\s\S]*wattness member role 1,2,3,4 meter,witness --dir registrar/],
      ['replace', /new key go on[\s\S]*wattness member replace 3 wattness-request:1:/],
    ] as const) {
      const said = await say(['member', command, '--help'])
      expect([said.status, said.err]).to.deep.equal([0, ''])
      expect(said.out).to.match(text)
    }
  })
})
