import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import { formatGenesis, parseRoles } from '../../../protocol/index.ts'
import {
  askControl,
  type BlockLine,
  ControlServer,
  formatStatus,
  type MemberLine,
  type RolesResult,
  type Status,
  streamControl,
} from '../../control/index.ts'
import { MAX_SOCKET_PATH_BYTES } from '../../control/socket-path.ts'
import { createKeyFile, makeDirectory } from '../../directory/index.ts'
import { createMemoryHub, createSigner, type OpenedNode, openNode, systemPlatform, verifySignature } from '../../index.ts'

const LABELS = ['twin', 'twin', 'Elm Street 12']

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (isWattnessError(error)) return error.code
    throw error
  }
  return 'none'
}

describe('control socket', () => {
  let root: string
  let opened: OpenedNode
  let server: ControlServer
  const errors: unknown[] = []

  const begin = async (name: string): Promise<string> => {
    const files = await makeDirectory(join(root, name))
    const registrar = createSigner(await createKeyFile(files, systemPlatform.random)).publicKey
    const members = LABELS.map((label, i) => ({
      key: createSigner(new Uint8Array(32).fill(i + 1)).publicKey,
      roles: parseRoles('meter'),
      label,
    }))
    await writeFile(files.genesis, formatGenesis({ name: 'Elm Street', registrar, members }))
    const hub = createMemoryHub(systemPlatform)
    opened = await openNode({
      dir: files.dir,
      settings: { verifyThreads: 0, sealAlone: true },
      network: (key) => hub.network(key),
    })
    await opened.node.start()
    server = new ControlServer({
      socket: files.controlSocket,
      node: opened.node,
      platform: systemPlatform,
      verify: verifySignature,
      sources: () => [],
      onError: (error) => errors.push(error),
    })
    await server.start()
    return files.controlSocket
  }

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'wattness-control-'))
    errors.length = 0
  })
  afterEach(async () => {
    await server.stop()
    await opened.close()
    await rm(root, { recursive: true })
  })

  it('answers its owner alone', async () => {
    const socket = await begin('node')
    expect((await stat(socket)).mode & 0o777).to.equal(0o600)
    const status = await askControl<Status>(socket, 'GET', '/status')
    expect(status?.running?.pid).to.equal(process.pid)
    expect(status?.frontier).to.deep.equal([0, 0, 0, 0])
  })

  it('nobody there: undefined, and no error', async () => {
    const socket = await begin('node')
    await server.stop()
    expect(await askControl(socket, 'GET', '/status')).to.equal(undefined)
    expect(await streamControl(socket, '/blocks')).to.equal(undefined)
    await writeFile(socket, 'no socket')
    expect(await askControl(socket, 'GET', '/status')).to.equal(undefined)
    await rm(socket)
  })

  it('a path that is too long for a socket is reached by a link, which goes with the server', async () => {
    const socket = await begin('x'.repeat(MAX_SOCKET_PATH_BYTES))
    const target = await readlink(socket)
    expect((await stat(dirname(target))).mode & 0o777).to.equal(0o700)
    expect((await askControl<Status>(socket, 'GET', '/status'))?.network.name).to.equal('Elm Street')
    await server.stop()
    expect(existsSync(target)).to.equal(false)
    expect(await readdir(dirname(socket))).to.not.contain('control.sock')
  })

  it('NO_SUCH_ROUTE, QUERY_INVALID, MEMBER_UNKNOWN, MEMBER_AMBIGUOUS reach who asked', async () => {
    const socket = await begin('node')
    expect(await codeOf(askControl(socket, 'GET', '/fnord'))).to.equal('NO_SUCH_ROUTE')
    expect(await codeOf(askControl(socket, 'POST', '/status'))).to.equal('NO_SUCH_ROUTE')
    expect(await codeOf(streamControl(socket, '/blocks?from=x'))).to.equal('QUERY_INVALID')
    expect(await codeOf(streamControl(socket, '/blocks?member=nobody'))).to.equal('MEMBER_UNKNOWN')
    expect(await codeOf(streamControl(socket, '/blocks?member=twin'))).to.equal('MEMBER_AMBIGUOUS')
    expect(await codeOf(askControl(socket, 'POST', '/members/revoke', { member: 7 }))).to.equal('QUERY_INVALID')
    expect(await codeOf(askControl(socket, 'POST', '/members/revoke', []))).to.equal('QUERY_INVALID')
    expect(errors).to.deep.equal([])
  })

  it('a question above 64 KiB is refused', async () => {
    const socket = await begin('node')
    expect(await codeOf(askControl(socket, 'POST', '/members/admit', { who: 'x'.repeat(65_536) }))).to.equal('QUERY_INVALID')
  })

  it('admits and revokes; what is done already is said again', async () => {
    const socket = await begin('node')
    const who = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
    const order = { who, label: 'new', roles: 'meter,witness' }
    const admitted = { key: who, index: 4, label: 'new', registrarSize: 1 }
    expect(await askControl(socket, 'POST', '/members/admit', order)).to.deep.equal({ ...admitted, witnesses: 1 })
    expect(await askControl(socket, 'POST', '/members/admit', order)).to.deep.equal(admitted)
    const revoked = { key: who, index: 4, endSize: 0 }
    expect(await askControl(socket, 'POST', '/members/revoke', { member: who.slice(0, 6) })).to.deep.equal({
      ...revoked,
      witnesses: 0,
    })
    expect(await askControl(socket, 'POST', '/members/revoke', { member: 'new' })).to.deep.equal(revoked)
    expect(await codeOf(askControl(socket, 'POST', '/members/admit', order))).to.equal('JOIN_REFUSED')
    const members = await askControl<MemberLine[]>(socket, 'GET', '/members')
    expect(members?.map(({ label }) => label)).to.deep.equal(['registrar', ...LABELS, 'new'])
  })

  it('changes roles and replaces keys', async () => {
    const socket = await begin('node')
    const by = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
    const changed = await askControl<RolesResult>(socket, 'POST', '/members/role', { member: '3', roles: 'observer' })
    expect(changed?.members.map(({ index, roles }) => ({ index, roles }))).to.deep.equal([{ index: 3, roles: 'observer' }])
    const replaced = await askControl(socket, 'POST', '/members/replace', { member: '3', by, label: 'new' })
    expect(replaced).to.deep.include({ key: by, index: 4, label: 'new' })
    expect(await codeOf(askControl(socket, 'POST', '/members/role', { member: '3' }))).to.equal('QUERY_INVALID')
    expect(await codeOf(askControl(socket, 'POST', '/members/replace', { by }))).to.equal('QUERY_INVALID')
    const status = await askControl<Status>(socket, 'GET', '/status')
    expect(status?.chains.map(({ revoked }) => revoked?.replacedBy)).to.deep.equal([...Array<undefined>(3), 4, undefined])
    expect(formatStatus(status as Status)).to.match(/Elm Street 12 .* replaced by 4$/m)
  })

  it('blocks come as lines, from and up to where they were asked for', async () => {
    const socket = await begin('node')
    const lines = async (query: string): Promise<BlockLine[]> => {
      const found: BlockLine[] = []
      for await (const line of (await streamControl<BlockLine>(socket, `/blocks?${query}`)) ?? []) found.push(line)
      return found
    }
    for (let i = 1; i <= 3; i++) await askControl(socket, 'POST', '/members/revoke', { member: String(i) })
    expect(await lines('')).to.have.length(3)
    const [line, ...more] = await lines('member=registrar&from=1&limit=1')
    expect(more).to.deep.equal([])
    expect(line).to.deep.include({ member: 0, height: 1, kind: 'membership', signed: true })
    expect(line?.operations?.[0]).to.include({ operation: 'revoke', endSize: 0 })
    expect(await lines('member=1')).to.deep.equal([])
    expect(await lines('from=3')).to.deep.equal([])
  })

  it('a node that answers what it should not, or breaks off: CONTROL_FAILED', async () => {
    await begin('node')
    await mkdir(join(root, 'other'))
    const socket = join(root, 'other', 'control.sock')
    const other: Server = createServer((request, response) => {
      if (request.url === '/status') response.end('fnord')
      else if (request.url === '/members') response.writeHead(500).end('{}')
      else {
        response.write('{"height":0}\n')
        response.write('{"he', () => response.destroy())
      }
    })
    await new Promise<void>((resolve) => other.listen(socket, resolve))
    try {
      expect(await codeOf(askControl(socket, 'GET', '/status'))).to.equal('CONTROL_FAILED')
      expect(await codeOf(askControl(socket, 'GET', '/members'))).to.equal('CONTROL_FAILED')
      const lines = (await streamControl<BlockLine>(socket, '/blocks')) as AsyncIterable<BlockLine>
      const drain = async (): Promise<void> => {
        for await (const _ of lines);
      }
      expect(await codeOf(drain())).to.equal('CONTROL_FAILED')
    } finally {
      await new Promise((resolve) => other.close(resolve))
    }
  })
})
