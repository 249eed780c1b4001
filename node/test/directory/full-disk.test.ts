import { mkdir, readdir } from 'node:fs/promises'
import { expect } from 'chai'
import { isWattnessError, WattnessError } from '../../../protocol/errors.ts'
import { explainFullDisk, filesOf, rememberAddresses } from '../../directory/index.ts'
import { openMemoryKv, openStore, systemPlatform } from '../../index.ts'
import { say, temporaryDirectory } from '../cli/command-line.ts'
import { TroubledKv } from '../harness/troubled-kv.ts'

const failed = (code: string, cause?: unknown): Error =>
  Object.assign(new Error(`${code}: so the system said`, { cause }), { code })

function explained(error: unknown): unknown {
  try {
    return explainFullDisk('dir', error)
  } catch (caught) {
    return caught
  }
}

describe('a full disk', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  beforeEach(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('node')])
  })
  afterEach(() => at.remove())

  it('DISK_FULL: a stopped store that cannot be opened for want of room says so, and that nothing else is wrong', async () => {
    const kv = new TroubledKv(await openMemoryKv(), systemPlatform.timers)
    kv.isFull = true
    const error: unknown = await openStore({ dir: at.path('node'), kv }).catch((caught: unknown) => caught)
    expect(isWattnessError(error, 'DISK_FULL')).to.equal(true)
    expect((error as Error).message).to.match(/stopped store cannot be opened.*opening writes.*make some room/)
    expect(await readdir(at.path('node')), 'the lock is given back').to.not.include('lock')
  })

  it('is known by what the system says, at any depth, and nothing else is taken for it', () => {
    const full = [failed('ENOSPC'), failed('EDQUOT'), failed('X', failed('ENOSPC')), new WattnessError('DISK_FULL', 'no room')]
    for (const error of full) expect(isWattnessError(explained(error), 'DISK_FULL'), String(error)).to.equal(true)
    for (const error of [failed('EIO'), new WattnessError('STORE_LOCKED', 'held'), undefined, 'ENOSPC']) {
      expect(explained(error)).to.equal(error)
    }
    const circle = failed('X')
    circle.cause = circle
    expect(explained(circle)).to.equal(circle)
  })

  it('a file that could not be put in its place leaves nothing beside it', async () => {
    const files = filesOf(at.path('node'))
    await mkdir(files.addresses)
    const error: unknown = await rememberAddresses(files, ['/ip4/127.0.0.1/tcp/1']).catch((caught: unknown) => caught)
    expect(isWattnessError(error, 'DIRECTORY_UNUSABLE')).to.equal(true)
    expect((await readdir(at.path('node'))).filter((name) => name.endsWith('.new'))).to.deep.equal([])
  })
})
