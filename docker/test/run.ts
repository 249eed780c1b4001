import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Engine } from './engine.ts'
import { Neighbourhood } from './neighbourhood.ts'
import { REGISTER, Readings } from './readings.ts'
import { SmallDisk } from './small-disk.ts'

/**
 * `npm run test:docker [-- --no-build]`: builds the image, starts the composition with four meters and an observer, does to its
 * containers what happens to boxes, and looks through the observer's API whether all agree again and nothing that was
 * acknowledged is lost. Ends with a JSON line; status 1 for anything that does not hold, 2 where no engine can be had.
 */
const ROOT = path.resolve(import.meta.dirname, '../..')
const METERS = 4
/** That a node seeks. */
const LINKS = 4
const BASE_IMAGE = process.env['BASE_IMAGE'] ?? 'node:24-slim'
const figures: Record<string, number> = {}

async function main(): Promise<void> {
  const port = await freePort()
  const engine = new Engine(path.join(ROOT, 'docker/compose.yaml'), process.env['WATTNESS_IMAGE'] ?? 'wattness:test', port)
  try {
    await engine.open()
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 2
    return
  }
  if (!process.argv.includes('--no-build')) await build(engine)
  await measureImage(engine)
  const place = new Neighbourhood(engine, `http://127.0.0.1:${port}`)
  const smallDisk = new SmallDisk(engine, place)
  try {
    await play(engine, place, smallDisk)
    console.log(JSON.stringify({ ok: true, ...figures }))
  } catch (error) {
    console.error(await engine.compose('logs', '--tail=40').catch(() => ''))
    throw error
  } finally {
    await smallDisk.remove()
    await engine.compose('down', '-v', '--remove-orphans')
  }
}

async function build(engine: Engine): Promise<void> {
  const file = path.join(ROOT, 'docker/Dockerfile')
  // What a build may reach is the network of the machine that builds, as with npm itself.
  const words = ['build', '--network', 'host', '--build-arg', `BASE_IMAGE=${BASE_IMAGE}`, '-t', engine.image, '-f', file, ROOT]
  await say('the image is built', () => engine.docker(...words))
}

async function measureImage(engine: Engine): Promise<void> {
  const sizeOf = async (image: string): Promise<number> =>
    Number(await engine.docker('image', 'inspect', '-f', '{{.Size}}', image))
  const base = await sizeOf(BASE_IMAGE).catch(() => 0)
  if (base > 0) check('imageOverBaseMB', ((await sizeOf(engine.image)) - base) / 1e6, 140)
}

async function play(engine: Engine, place: Neighbourhood, smallDisk: SmallDisk): Promise<void> {
  const beganMs = performance.now()
  await say('the composition is up', () => engine.compose('up', '-d', '--no-build'))
  await place.until(
    'four meters agree',
    180,
    async () => (await place.meters()).length === METERS && (await place.agreement()).equal > 0,
  )
  check('upToAgreementSeconds', seconds(beganMs), 30)
  await place.until('all is final', 180, async () => (await place.meters()).every(({ final }) => final > 0))
  figures['upToFinalSeconds'] = seconds(beganMs)
  console.log(`${METERS} meters agree after ${figures['upToAgreementSeconds']} s, final after ${figures['upToFinalSeconds']} s`)

  const [registrar = ''] = await engine.containers('registrar')
  const [one = '', two = '', three = '', four = ''] = await engine.containers('meter')
  await assertApart(engine, [one, two, three, four])
  for (const meter of [one, two, three, four]) await assertOneProcess(engine, meter)

  const readings = new Readings(engine, one)
  await readings.take(ACKNOWLEDGED)
  const { key } = (await readings.status()).self
  await engine.docker('kill', one)
  await engine.docker('pause', two)
  await wait(10_000)
  await engine.docker('unpause', two)
  await engine.docker('start', one)
  figures['afterKillAndPauseSeconds'] = await place.goesOn('after a kill -9 and a pause', 180, METERS)
  await place.until(`${ACKNOWLEDGED} acknowledged readings are in the ledger`, 120, async () => {
    const told = await place.values(key, REGISTER)
    return JSON.stringify(told) === JSON.stringify(readings.acknowledged)
  })
  console.log('a killed and a paused meter go on, and what was acknowledged just before is in the ledger, once')

  const network = `${engine.project}_default`
  await engine.docker('network', 'disconnect', network, three)
  await wait(20_000)
  await engine.docker('network', 'connect', network, three)
  figures['afterDisconnectSeconds'] = await place.goesOn('after a disconnection', 180, METERS)
  console.log('a disconnected meter goes on')

  await engine.docker('restart', registrar)
  figures['afterRegistrarSeconds'] = await place.goesOn('after the restart of the registrar', 180, METERS)
  console.log('the registrar restarted')

  const beforeStop = performance.now()
  await engine.docker('stop', '-t', '10', four)
  check('stopSeconds', seconds(beforeStop), 5)
  const before = (await place.members()).length
  await upgrade(engine, four)
  figures['afterUpgradeSeconds'] = await place.goesOn('after an upgrade', 180, METERS)
  if ((await place.members()).length !== before) throw new Error('the upgraded meter goes on as somebody else')
  console.log('a meter goes on under a newer image')

  await smallDisk.play(METERS)
  Object.assign(figures, smallDisk.figures)
  console.log('a meter on a full disk says so, loses nothing that it acknowledged, and goes on once there is room')
  await place.until('every neighbour of the observer holds what it holds', 120, async () => {
    const { equal, all } = await place.agreement()
    return all >= LINKS && equal === all
  })

  const { chains } = JSON.parse(await place.wattness(registrar, 'verify', '--json', '--dir', '/data/registrar')) as Verified
  for (const { fault } of chains)
    if (fault !== undefined && fault !== null) throw new Error(`a chain does not verify: ${JSON.stringify(fault)}`)
  console.log(`${chains.length} chains verify from genesis on`)
}

const ACKNOWLEDGED = 200

interface Verified {
  readonly chains: readonly { readonly fault?: unknown }[]
}

/** Two containers under one key would tell two stories. */
async function assertApart(engine: Engine, meters: readonly string[]): Promise<void> {
  const read = "process.stdout.write(require('fs').readdirSync('/data/meters').join(' '))"
  const folders = (await engine.docker('exec', meters[0] ?? '', 'node', '-e', read)).split(' ')
  if (folders.length !== meters.length) throw new Error(`${meters.length} meters, and these directories: ${folders.join(', ')}`)
}

/** Beside the node there is nothing but the engine's own first process, which passes signals on. */
async function assertOneProcess(engine: Engine, container: string): Promise<void> {
  const [, ...lines] = (await engine.docker('top', container, '-o', 'pid,args')).split('\n')
  const processes = lines.filter((line) => !line.includes('docker-init'))
  if (processes.length !== 1) throw new Error(`${container} runs more than its node: ${processes.join(', ')}`)
}

/** The same container's place, directory and network under another image of the same code with a label of its own. */
async function upgrade(engine: Engine, container: string): Promise<void> {
  const newer = `${engine.image}-newer`
  await engine.docker(
    'commit',
    '--change',
    `LABEL org.opencontainers.image.revision=${randomBytes(4).toString('hex')}`,
    container,
    newer,
  )
  await engine.docker('rm', container)
  const words = ['run', '-d', '--init', '--read-only', '--tmpfs', '/tmp', '--name', container]
  const labels = ['--label', `com.docker.compose.project=${engine.project}`, '--label', 'com.docker.compose.service=meter']
  const volumes = ['-v', `${engine.project}_meters:/data`, '-v', `${engine.project}_tickets:/tickets`]
  const network = ['--network', `${engine.project}_default`, '-e', 'INTERVAL=5s', '--entrypoint', 'node']
  await engine.docker(...words, ...labels, ...volumes, ...network, newer, '/app/docker/entry/meter.js')
}

function check(name: string, value: number, limit: number): void {
  figures[name] = Math.round(value * 100) / 100
  if (value > limit) throw new Error(`${name}: ${value}, at most ${limit}`)
}

function seconds(sinceMs: number): number {
  return Math.round((performance.now() - sinceMs) / 100) / 10
}

async function say(what: string, act: () => Promise<unknown>): Promise<void> {
  const beganMs = performance.now()
  await act()
  console.log(`${what}, ${seconds(beganMs)} s`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

await main()
