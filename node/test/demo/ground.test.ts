import { access, mkdtemp, rm, stat, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { formatRoles, isWattnessError, toHex } from '../../../protocol/index.ts'
import { layGround, removeGround, witnessCount } from '../../demo/ground.ts'
import { filesOf, readGenesisFile, readKeyFile } from '../../directory/index.ts'
import { systemRandom } from '../../platform.ts'

describe('the directories of a demonstration', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wattness-test-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  const genesisOf = (name: string) => readGenesisFile(filesOf(join(dir, name)))
  const seedOf = async (name: string) => toHex(await readKeyFile(filesOf(join(dir, name))))
  async function refusal(meters: number | undefined): Promise<unknown> {
    return layGround(dir, meters, systemRandom).catch((error: unknown) => error)
  }

  it('each node has its own key, for its owner alone, and the one genesis, in which the meters are members', async () => {
    const ground = await layGround(dir, 3, systemRandom)
    expect(ground).to.deep.equal({ dir, meters: ['meter-01', 'meter-02', 'meter-03'], isContinued: false })
    const names = ['registrar', ...ground.meters, 'observer']
    const ids = await Promise.all(names.map(async (name) => toHex((await genesisOf(name)).networkId)))
    expect(new Set(ids).size).to.equal(1)
    expect(new Set(await Promise.all(names.map(seedOf))).size).to.equal(names.length)
    const genesis = await genesisOf('registrar')
    expect(genesis.members.map(({ label }) => label)).to.deep.equal(ground.meters)
    expect(genesis.members.map(({ roles }) => formatRoles(roles))).to.deep.equal(['meter,witness', 'meter', 'meter'])
    expect(genesis.observers).to.equal('open')
    expect((await stat(join(dir, 'observer', 'key'))).mode & 0o777).to.equal(0o600)
  })

  it('the first 3f + 1 meters are witnesses, 22 at most', () => {
    const counts = [1, 2, 3, 4, 6, 7, 8, 21, 22, 23, 255].map((meters) => witnessCount(meters))
    expect(counts).to.deep.equal([1, 1, 1, 4, 4, 7, 7, 19, 22, 22, 22])
  })

  it('has 8 meters unless told otherwise', async () => {
    expect((await layGround(dir, undefined, systemRandom)).meters).to.have.length(8)
  })

  it('goes on with the network that is there, and makes a lost observer anew', async () => {
    await layGround(dir, 2, systemRandom)
    const before = await Promise.all(['registrar', 'meter-01', 'meter-02'].map(seedOf))
    await rm(join(dir, 'observer'), { recursive: true })
    expect(await layGround(dir, undefined, systemRandom)).to.deep.equal({
      dir,
      meters: ['meter-01', 'meter-02'],
      isContinued: true,
    })
    expect(await Promise.all(['registrar', 'meter-01', 'meter-02'].map(seedOf))).to.deep.equal(before)
    expect((await genesisOf('observer')).name).to.equal('demo')
  })

  it('finishes what was broken off before the registrar had its genesis, under the same keys', async () => {
    await layGround(dir, 2, systemRandom)
    const before = await seedOf('meter-02')
    for (const name of ['registrar', 'meter-01', 'meter-02', 'observer']) await unlink(join(dir, name, 'genesis.json'))
    expect((await layGround(dir, 2, systemRandom)).isContinued).to.equal(false)
    expect(await seedOf('meter-02')).to.equal(before)
  })

  it('DEMO_SIZE: none, too many, or another number of meters than the directory holds', async () => {
    for (const meters of [0, 256, 1.5]) expect(isWattnessError(await refusal(meters), 'DEMO_SIZE'), `${meters}`).to.equal(true)
    await layGround(dir, 2, systemRandom)
    expect(isWattnessError(await refusal(3), 'DEMO_SIZE')).to.equal(true)
    expect(await refusal(2)).to.include({ isContinued: true })
  })

  it('NO_KEY where a meter of the network has lost its key: a new one would be a stranger', async () => {
    await layGround(dir, 2, systemRandom)
    await unlink(join(dir, 'meter-01', 'key'))
    expect(isWattnessError(await refusal(undefined), 'NO_KEY')).to.equal(true)
  })

  it('is removed without a trace', async () => {
    await layGround(dir, 1, systemRandom)
    await removeGround(dir)
    expect(await access(dir).catch((error: NodeJS.ErrnoException) => error.code)).to.equal('ENOENT')
  })
})
