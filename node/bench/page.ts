import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { encodeReadings, formatGenesis, KIND_READINGS, parseGenesis, parseRoles } from '../../protocol/index.ts'
import { ChainAuthor } from '../../protocol/test/chain-author.ts'
import { householdReadings } from '../collect/index.ts'
import { createMemoryHub, createNode, LedgerStore, openMemoryKv, systemPlatform, verifySignature } from '../index.ts'
import { type HttpServer, startHttp } from '../observe/index.ts'
import { buildPage, findChromium, launch } from '../test/observe-page/browser.ts'
import type { BenchResult } from './run.ts'
import { median, round } from './statistics.ts'
import { signerNamed } from './street.ts'

/**
 * `npm run bench -- page`: the explorer page, built anew, of an observer that holds a year of half-hours of eight homes: what
 * all its files weigh gzipped; from the request to the neighbourhood with its numbers, with nothing cached; and the frames
 * of a second while the chart of a year is dragged.
 */

const HOMES = 8
const DAYS = 365
const HALF_HOUR_MS = 1_800_000
const ROWS = 48
const START_MS = Date.UTC(2025, 0, 1)
const OPENINGS = 5
const DRAG_MS = 2_000
const BUDGET = { gzippedKb: 150, firstPictureMs: 1_000, panFps: 60 }

export async function run(): Promise<BenchResult> {
  const executable = findChromium()
  if (executable === undefined) throw new Error('no Chromium is found: CHROMIUM names one')
  const built = await buildPage()
  const served = await serve(built.dir)
  const browser = await launch(executable)
  try {
    const gzippedKb = round(sizesBelow(built.dir).reduce((sum, size) => sum + size, 0) / 1_000)
    const openings: number[] = []
    for (let i = 0; i < OPENINGS; i++) openings.push(await firstPictureMs(browser, served.server.address))
    const firstPicture = Math.round(median(openings))
    const panFps = await framesWhilePanning(browser, served.server.address)
    return {
      figures: { gzippedKb, firstPictureMs: firstPicture, panFps },
      yardstick: { idleFps: await framesAtRest(browser) },
      budget: {
        gzippedKb: `<= ${BUDGET.gzippedKb}`,
        firstPictureMs: `<= ${BUDGET.firstPictureMs}`,
        panFps: `>= ${BUDGET.panFps}`,
      },
      ok: gzippedKb <= BUDGET.gzippedKb && firstPicture <= BUDGET.firstPictureMs && panFps >= BUDGET.panFps,
    }
  } finally {
    await browser.close()
    await served.stop()
    await built.remove()
  }
}

function sizesBelow(dir: string): number[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => gzipSync(readFileSync(file), { level: 9 }).length)
}

async function serve(pageDir: string): Promise<{ readonly server: HttpServer; stop(): Promise<void> }> {
  const registrar = signerNamed('registrar')
  const meters = Array.from({ length: HOMES }, (_, i) => signerNamed(`meter ${i}`))
  const members = meters.map((signer, i) => ({ key: signer.publicKey, roles: parseRoles('meter'), label: `Elm Street ${i + 1}` }))
  const genesis = parseGenesis(formatGenesis({ name: 'Elm Street', registrar: registrar.publicKey, members, observers: 'open' }))
  const signer = signerNamed('observer')
  const store = await LedgerStore.open({ kv: await openMemoryKv(), networkId: genesis.networkId, ownKey: signer.publicKey })
  for (const [at, meter] of meters.entries()) {
    const author = new ChainAuthor(meter, genesis.networkId)
    const rowAt = householdReadings(`page ${at}`, {
      intervalMs: HALF_HOUR_MS,
      startMs: START_MS,
      solarWp: at % 3 === 0 ? 4_000 : 0,
    })
    for (let day = 0; day < DAYS; day++) {
      const rows = Array.from({ length: ROWS }, (_, row) => rowAt(START_MS + (day * ROWS + row + 1) * HALF_HOUR_MS))
      author.append({ kind: KIND_READINGS, content: encodeReadings(rows), sealedAt: START_MS + (day + 1) * ROWS * HALF_HOUR_MS })
    }
    const hashes = author.blocks.map((_, height) => author.state(height + 1).lastHash)
    await store.accept([{ member: meter.publicKey, from: 0, blocks: author.bytes(0, DAYS), hashes, state: author.state() }])
  }
  const network = createMemoryHub(systemPlatform).network(signer.publicKey)
  const node = await createNode({ genesis, signer, store, network, settings: { verifyThreads: 0 } })
  await node.start()
  const { clock, timers, random } = systemPlatform
  const onError = (error: unknown): void => console.error(error)
  const server = await startHttp({
    store,
    genesis,
    verify: verifySignature,
    timers,
    onError,
    host: '127.0.0.1',
    port: 0,
    api: { node, clock, random, version: 'bench', pageDir },
  })
  const stop = async (): Promise<void> => {
    await server.close()
    await node.stop()
    await store.close()
  }
  return { server, stop }
}

/** By the page's own clock, which starts with the navigation. */
async function firstPictureMs(browser: Browser, address: string): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1_440, height: 900 } })
  const page = await context.newPage()
  await page.goto(address, { waitUntil: 'commit' })
  const ms = await page.evaluate(
    (homes) =>
      new Promise<number>((resolve) => {
        const look = (): void => {
          const isThere =
            document.querySelectorAll('table.members tbody tr').length > homes &&
            document.querySelectorAll('.mesh .home').length > homes &&
            document.querySelector('[data-figure=blocks]')?.textContent !== undefined
          // In the frame after: it has been painted then.
          if (isThere) requestAnimationFrame(() => resolve(performance.now()))
          else requestAnimationFrame(look)
        }
        look()
      }),
    HOMES,
  )
  await context.close()
  return ms
}

/** The chart of a year is dragged to and fro, a move each frame, as a hand does. */
async function framesWhilePanning(browser: Browser, address: string): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1_440, height: 900 } })
  const page = await context.newPage()
  await page.goto(`${address}/#/member/1?span=year&at=2025-06-01`)
  await page.waitForSelector('.chart canvas')
  await page.waitForFunction(() => document.querySelector('[data-figure=energy] strong')?.textContent?.startsWith('0') === false)
  const frames = await page.evaluate(
    (durationMs) =>
      new Promise<number>((resolve) => {
        const over = document.querySelector('.chart .u-over') as HTMLElement
        // A pointer of the script's own cannot be captured.
        over.setPointerCapture = () => undefined
        const { left, width, top } = over.getBoundingClientRect()
        const send = (type: string, x: number): boolean =>
          over.dispatchEvent(
            new PointerEvent(type, { bubbles: true, cancelable: true, pointerId: 7, button: 0, clientX: x, clientY: top + 50 }),
          )
        const middle = left + width / 2
        send('pointerdown', middle)
        let count = 0
        let beganAt = 0
        const step = (time: number): void => {
          if (beganAt === 0) beganAt = time
          const elapsed = time - beganAt
          if (elapsed >= durationMs) {
            send('pointerup', middle)
            resolve((count * 1_000) / elapsed)
            return
          }
          count++
          send('pointermove', middle + (width / 3) * Math.sin(elapsed / 250))
          requestAnimationFrame(step)
        }
        requestAnimationFrame(step)
      }),
    DRAG_MS,
  )
  await context.close()
  return Math.round(frames)
}

/** What this browser paints on this machine where nothing is done. */
async function framesAtRest(browser: Browser): Promise<number> {
  const page = await browser.newPage()
  const frames = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let count = 0
        let beganAt = 0
        const step = (time: number): void => {
          if (beganAt === 0) beganAt = time
          if (time - beganAt >= 1_000) resolve((count * 1_000) / (time - beganAt))
          else {
            count++
            requestAnimationFrame(step)
          }
        }
        requestAnimationFrame(step)
      }),
  )
  await page.close()
  return Math.round(frames)
}
