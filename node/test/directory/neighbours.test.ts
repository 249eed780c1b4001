import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { filesOf, readNeighbours, rememberNeighbours } from '../../directory/index.ts'

describe('neighbours that are remembered', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wattness-neighbours-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  const addresses = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `/ip4/192.0.2.1/tcp/${from + i}`)

  it('those of now come before those of earlier runs', async () => {
    const files = filesOf(dir)
    expect(await readNeighbours(files)).to.deep.equal([])
    await rememberNeighbours(files, addresses(1, 2))
    await rememberNeighbours(files, addresses(2, 2))
    expect(await readNeighbours(files)).to.deep.equal(['/ip4/192.0.2.1/tcp/2', '/ip4/192.0.2.1/tcp/3', '/ip4/192.0.2.1/tcp/1'])
  })

  it('at most 64 of them: the oldest go', async () => {
    const files = filesOf(dir)
    await rememberNeighbours(files, addresses(1, 60))
    await rememberNeighbours(files, addresses(1_001, 10))
    const known = await readNeighbours(files)
    expect(known).to.have.length(64)
    expect(known).to.include.members([...addresses(1_001, 10), ...addresses(1, 54)])
  })

  it('a file that is none says nothing, and is written anew', async () => {
    const files = filesOf(dir)
    await writeFile(files.neighbours, 'fnord')
    expect(await readNeighbours(files)).to.deep.equal([])
    await rememberNeighbours(files, addresses(7, 1))
    expect(await readNeighbours(files)).to.deep.equal(addresses(7, 1))
  })
})
