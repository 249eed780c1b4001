import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { expect } from 'chai'
import { type HttpServer, startHttp } from '../../observe/index.ts'
import { generateClient, type OpenApi, operationsOf } from './client-generator.ts'
import { OBSERVER, ObservedStreet, OTHER_OBSERVER } from './observed-street.ts'

const TSC = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url))

/** What a program does with the client that was made: it is checked by the compiler and run. */
const USE = `
import { Client, Refusal, type BlockLine, type MembersAnswer } from './client.ts'

export async function use(bases: readonly string[], between: () => Promise<void>): Promise<object> {
  const client = new Client(bases)
  const { members }: MembersAnswer = await client.listMembers()
  const status = await client.getStatus()
  const blocks: BlockLine[] = []
  for (const { index } of members) blocks.push(...(await client.listBlocks(String(index), { limit: 100, order: 'asc' })).blocks)
  const before = await client.listLedger({ limit: 500 })
  await between()
  const after = await client.listLedger({ limit: 500 })
  const block = await client.getBlock(blocks[0]!.hash)
  const checked = await client.checkFile('{}')
  const metrics: string = await client.getMetrics()
  let refused = ''
  try {
    await client.getMember('nobody')
  } catch (error) {
    if (error instanceof Refusal) refused = error.problem.code
  }
  return {
    blocks: blocks.length,
    counted: status.blocks,
    same: JSON.stringify(before.blocks.map(({ hash }) => hash)) === JSON.stringify(after.blocks.map(({ hash }) => hash)),
    header: block.header.length,
    ok: checked.ok,
    metrics: metrics.includes('wattness_peers'),
    refused,
  }
}
`

type Use = (bases: readonly string[], between: () => Promise<void>) => Promise<Record<string, unknown>>

describe('/openapi.json', () => {
  let street: ObservedStreet
  let document: OpenApi
  let text: string

  before(async () => {
    street = await ObservedStreet.create({ rounds: 2 })
    const answer = await street.app().inject({ url: '/openapi.json' })
    text = answer.body
    document = answer.json<OpenApi>()
  })
  after(() => street.stop())

  it('is OpenAPI 3.1 as a linter wants it', async () => {
    const config = await createConfig({ extends: ['recommended'] })
    const faultsIn = async (source: string): Promise<string[]> => {
      const problems = await lintFromString({ source, config })
      return problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer ?? ''}: ${message}`)
    }
    expect(await faultsIn(text)).to.deep.equal([])
    expect(await faultsIn(text.replace('"operationId":"getStatus"', '"operationId":"getPeers x"'))).to.have.length(1)
    expect(document.openapi).to.equal('3.1.0')
  })

  it('says nothing of raw frames, which are for the node’s owner alone', async () => {
    expect(Object.keys(document.paths).filter((path) => path.includes('frame'))).to.deep.equal([])
    for (const url of ['/frames', '/v1/frames', '/v1/members/0/frames']) {
      expect((await street.app().inject({ url })).statusCode, url).to.equal(404)
    }
  })

  it('has every noun, with names of its own, and a refusal for each', () => {
    const paths = ['/v1/status', '/v1/genesis', '/v1/members', '/v1/members/{id}', '/v1/members/{id}/blocks', '/v1/blocks/{hash}']
    const more = ['/v1/ledger', '/v1/evidence', '/v1/peers', '/v1/members/{id}/proof', '/v1/check', '/v1/events']
    expect(Object.keys(document.paths)).to.include.members([...paths, ...more, '/healthz', '/readyz', '/metrics'])
    const operations = operationsOf(document)
    expect(new Set(operations).size).to.equal(operations.length)
    for (const each of Object.values(document.paths)) {
      for (const { operationId, responses } of Object.values(each)) {
        expect(Object.keys(responses), operationId).to.include.members(['4XX', '5XX'])
      }
    }
    expect(text).not.to.include('"def-')
  })

  describe('a client that is made of it', () => {
    const servers: HttpServer[] = []
    let dir: string

    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'wattness-client-'))
      await writeFile(join(dir, 'client.ts'), generateClient(document))
      await writeFile(join(dir, 'use.ts'), USE)
      await writeFile(join(dir, 'package.json'), '{"type":"module"}')
    })
    after(async () => {
      for (const server of servers) await server.close()
      await rm(dir, { recursive: true, force: true })
    })

    it('passes the compiler', async () => {
      const flags =
        '--ignoreConfig --noEmit --strict --target es2024 --lib es2024,dom --module nodenext --allowImportingTsExtensions --types'
      const { stdout } = await promisify(execFile)(process.execPath, [TSC, ...flags.split(' '), '', join(dir, 'use.ts')]).catch(
        (error: { stdout: string }) => error,
      )
      expect(stdout).to.equal('')
    })

    it('asks two observers that answer the same, and goes on with the other when one is lost', async () => {
      for (const name of [OBSERVER, OTHER_OBSERVER]) servers.push(await startHttp(street.init(name)))
      const [first, second] = servers as [HttpServer, HttpServer]
      const { use } = (await import(pathToFileURL(join(dir, 'use.ts')).href)) as { use: Use }
      const result = await use([first.address, second.address], () => first.close())
      expect(result).to.deep.include({ blocks: 8, counted: 8, same: true, ok: false, metrics: true, refused: 'MEMBER_UNKNOWN' })
      expect(result['header']).to.be.above(100)
    })
  })
})

describe('two observers', () => {
  it('give the same answers to whatever is not about themselves', async () => {
    const street = await ObservedStreet.create({ rounds: 2 })
    const apps = [street.app(OBSERVER), street.app(OTHER_OBSERVER)]
    const { keyHex } = street.node().node.membership.members[2] as { keyHex: string }
    const ledger = await street.app().inject({ url: '/v1/ledger' })
    const [{ hash }] = ledger.json<{ blocks: [{ hash: string }] }>().blocks
    const own = ['"finalSince":(?:null|"[^"]*")', '"(?:attestedBy|attestations)":\\[.*?\\]']
    const strip = (text: string): string => own.reduce((left, pattern) => left.replaceAll(new RegExp(pattern, 'g'), ''), text)
    for (const url of [
      '/v1/genesis',
      '/v1/members',
      `/v1/members/${keyHex}`,
      `/v1/members/${keyHex}/blocks`,
      `/v1/blocks/${hash}`,
      '/v1/ledger?limit=3',
      '/v1/evidence',
      '/openapi.json',
    ]) {
      const [one, other] = await Promise.all(apps.map(async (app) => (await app.inject({ url })).body))
      expect(strip(one as string), url).to.equal(strip(other as string))
    }
    const [one, other] = await Promise.all(
      apps.map(async (app) => (await app.inject({ url: '/v1/status' })).json<Record<string, unknown>>()),
    )
    for (const name of ['network', 'members', 'blocks', 'final', 'frontier', 'headsRoot', 'evidence'])
      expect(one?.[name], name).to.deep.equal(other?.[name])
    await street.stop()
  })
})
