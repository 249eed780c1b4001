import { join } from 'node:path'
import { expect } from 'chai'
import { lockDirectory, openLevelKv, SCHEMA_VERSION } from '../../store/index.ts'
import { schemaOperation } from '../../store/schema.ts'
import { json, say, temporaryDirectory } from './command-line.ts'

describe('wattness migrate', () => {
  let root: Awaited<ReturnType<typeof temporaryDirectory>>
  let dir: string

  before(async () => {
    root = await temporaryDirectory()
    dir = root.path('node')
    await say(['network', 'create', '--name', 'Elm Street', '--dir', dir])
  })
  after(() => root.remove())

  const write = async (version: number): Promise<void> => {
    const kv = await openLevelKv(join(dir, 'ledger'))
    await kv.batch([schemaOperation(version)], { sync: true })
    await kv.close()
  }

  it('brings a store forward, says by which steps, and has nothing to do the next time', async () => {
    await write(1)
    const said = await say(['migrate', '--dir', dir], { isTerminal: true })
    expect(said.status, said.err).to.equal(0)
    expect(said.out).to.match(/^done: 1 → 2: .*\ndone: 2 → 3: .*\ndone: 3 → 4: .*\ndone: 4 → 5: .*\nschema version 5\n$/)
    expect((await say(['migrate', '--dir', dir])).out).to.equal(`schema version ${SCHEMA_VERSION}: nothing to do\n`)
    await write(3)
    expect(json(await say(['migrate', '--json', '--dir', dir]))).to.deep.include({ from: 3, to: SCHEMA_VERSION })
  })

  it('makes no store where there is none', async () => {
    const empty = root.path('empty')
    await say(['network', 'create', '--name', 'Oak Street', '--dir', empty])
    expect((await say(['migrate', '--dir', empty])).out).to.equal('there is no store yet: nothing to do\n')
    expect(await say(['migrate', '--dir', root.path('nowhere')])).to.include({ status: 1, out: '' })
  })

  it('STORE_LOCKED: never on a running node', async () => {
    const lock = await lockDirectory(dir)
    const said = await say(['migrate', '--dir', dir])
    expect(said.status).to.equal(1)
    expect(said.err).to.contain(`${dir} is in use by this process`)
    await lock.release()
  })

  it('STORE_NEWER: a store of a later program is refused and not touched', async () => {
    await write(99)
    const said = await say(['migrate', '--json', '--dir', dir])
    expect(json(said)).to.have.nested.property('error.code', 'STORE_NEWER')
  })
})
