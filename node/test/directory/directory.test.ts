import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import {
  createKeyFile,
  type DirectoryFiles,
  makeDirectory,
  promiseAddresses,
  readAddresses,
  readEntry,
  readKeyFile,
  rememberAddresses,
  rememberedListen,
  writeEntry,
} from '../../directory/index.ts'
import { createSigner, systemPlatform } from '../../index.ts'

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (isWattnessError(error) ? error.code : String(error)),
  )
}

describe("a node's directory", () => {
  let root: string
  let files: DirectoryFiles
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'wattness-directory-'))
    files = await makeDirectory(join(root, 'node'))
  })
  afterEach(() => rm(root, { recursive: true }))

  it('is made for its owner alone', async () => {
    expect((await stat(files.dir)).mode & 0o777).to.equal(0o700)
  })

  it('is made with the directories above it, by several at once, and may be there already', async () => {
    const deep = join(root, 'a', 'b', 'c')
    await Promise.all([1, 2, 3].map(() => makeDirectory(deep)))
    expect((await stat(join(root, 'a'))).mode & 0o777).to.equal(0o700)
    expect((await makeDirectory(deep)).dir).to.equal(deep)
  })

  it('DIRECTORY_UNUSABLE: where no directory can be made it is refused at once', async () => {
    await writeFile(join(root, 'file'), '')
    await symlink(join(root, 'nowhere'), join(root, 'dangling'))
    const places = [join(root, 'file'), join(root, 'file', 'x'), join(root, 'dangling')]
    // Where there is such a file system: Node's recursive mkdir never comes back from it.
    if (existsSync('/proc/self')) places.push('/proc/wattness', '/proc/wattness/deep')
    for (const place of places) expect(await codeOf(makeDirectory(place)), place).to.equal('DIRECTORY_UNUSABLE')
  })

  it('the key is read back as it was made, with mode 0600', async () => {
    const seed = await createKeyFile(files, systemPlatform.random)
    expect(await readKeyFile(files)).to.deep.equal(seed)
    expect((await stat(files.key)).mode & 0o777).to.equal(0o600)
  })

  it('KEY_EXISTS: a key is never overwritten', async () => {
    await createKeyFile(files, systemPlatform.random)
    const before = await readFile(files.key)
    expect(await codeOf(createKeyFile(files, systemPlatform.random))).to.equal('KEY_EXISTS')
    expect(await readFile(files.key)).to.deep.equal(before)
  })

  it('of two that make a key at once, one does', async () => {
    const made = await Promise.all([1, 2, 3].map(() => codeOf(createKeyFile(files, systemPlatform.random))))
    expect(made.sort()).to.deep.equal(['KEY_EXISTS', 'KEY_EXISTS', 'none'])
  })

  it('KEY_MALFORMED: too short, too long, upper case, a whole novel', async () => {
    for (const text of ['', 'ab'.repeat(31), 'ab'.repeat(33), 'AB'.repeat(32), 'ab'.repeat(5_000)]) {
      await writeFile(files.key, text, { mode: 0o600 })
      expect(await codeOf(readKeyFile(files))).to.equal('KEY_MALFORMED')
    }
  })

  it('an entry is read back; FILE_MALFORMED for what is none', async () => {
    expect(await readEntry(files)).to.equal(undefined)
    const entry = { addresses: ['/ip4/192.0.2.1/tcp/1'], request: 'wattness-request:1:x' }
    await writeEntry(files, entry)
    expect(await readEntry(files)).to.deep.equal(entry)
    for (const text of ['', '[]', '{}', '{"addresses":[1]}', '{"addresses":[],"request":1}']) {
      await writeFile(files.entry, text)
      expect(await codeOf(readEntry(files)), text).to.equal('FILE_MALFORMED')
    }
  })

  it('a port that the system chose is asked for again, while it is free', async () => {
    const any = '/ip4/127.0.0.1/tcp/0'
    expect(await rememberedListen(files, [any])).to.deep.equal([any])
    const server = createServer()
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
    })
    const last = `/ip4/127.0.0.1/tcp/${port}`
    await rememberAddresses(files, [`${last}/p2p/12D3KooW`])
    expect(await rememberedListen(files, [any])).to.deep.equal([any])
    await new Promise((resolve) => server.close(resolve))
    expect(await rememberedListen(files, [any])).to.deep.equal([last])
    expect(await rememberedListen(files, [any, any])).to.deep.equal([last, any])
    expect(await rememberedListen(files, ['/ip4/127.0.0.1/tcp/4001', '/ip6/::1/tcp/0'])).to.deep.equal([
      '/ip4/127.0.0.1/tcp/4001',
      '/ip6/::1/tcp/0',
    ])
  })

  it('addresses that cannot be read are only a hint that is lost', async () => {
    await writeFile(files.addresses, 'fnord')
    expect(await rememberedListen(files, ['/ip4/127.0.0.1/tcp/0'])).to.deep.equal(['/ip4/127.0.0.1/tcp/0'])
    await rememberAddresses(files, ['/ip4/192.0.2.1/tcp/1'])
    expect(await readAddresses(files)).to.deep.equal(['/ip4/192.0.2.1/tcp/1'])
  })

  it('promised addresses name the key and the port that will be asked for', async () => {
    const { publicKey } = createSigner(new Uint8Array(32))
    const [first, ...others] = await promiseAddresses(files, ['/ip4/0.0.0.0/tcp/0', '/dns4/example.org/tcp/1'], publicKey)
    expect(first).to.match(/^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d*\/p2p\/12D3KooW/)
    const port = first?.split('/')[4]
    for (const address of others) expect(address.split('/')[4]).to.equal(port)
    expect(await rememberedListen(files, ['/ip4/0.0.0.0/tcp/0'])).to.deep.equal([`/ip4/0.0.0.0/tcp/${port}`])
    const fixed = await promiseAddresses(files, ['/ip4/192.0.2.1/tcp/4001'], publicKey)
    expect(fixed).to.have.length(1)
    expect(fixed[0]).to.match(/^\/ip4\/192\.0\.2\.1\/tcp\/4001\/p2p\//)
  })
})
