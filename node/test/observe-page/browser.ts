import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { build } from 'vite'

const PAGE_SOURCE = path.resolve(import.meta.dirname, '../../observe/page')

/** Where distributions and people put it; `CHROMIUM` names another place, and that it must be there. */
const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Undefined where none is found. Throws where CHROMIUM names a file that is not there. */
export function findChromium(env: NodeJS.ProcessEnv = process.env, isThere = existsSync): string | undefined {
  const { CHROMIUM } = env
  if (CHROMIUM === undefined || CHROMIUM === '') return USUAL_PLACES.find((place) => isThere(place))
  if (isThere(CHROMIUM)) return CHROMIUM
  throw new Error(`CHROMIUM names ${CHROMIUM}, where nothing is`)
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
}

/** The page as its sources are now, built into a directory of its own. */
export async function buildPage(): Promise<{ readonly dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'wattness-page-'))
  await build({
    configFile: path.join(PAGE_SOURCE, 'vite.config.ts'),
    logLevel: 'warn',
    build: { outDir: dir, emptyOutDir: true },
  })
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) }
}

/** A reader's window, and everything in it that should not be. */
export interface Window {
  readonly page: Page
  /** Requests to anywhere but the observer, errors of the console, exceptions. */
  readonly faults: string[]
  /** What a test brings about on purpose. */
  readonly expected: RegExp[]
  close(): Promise<void>
}

export async function openWindow(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Window> {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const faults: string[] = []
  const expected: RegExp[] = []
  const note = (text: string): unknown => (expected.some((each) => each.test(text)) ? undefined : faults.push(text))
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(address) && !url.startsWith(`blob:${address}`)) note(`asked for ${url}`)
  })
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') note(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => note(`thrown: ${error.message}`))
  return { page, faults, expected, close: () => context.close() }
}

/** Drops a file on the window, as a hand would. */
export async function dropFile(page: Page, name: string, text: string): Promise<void> {
  await page.evaluate(
    ({ name: fileName, text: content }) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([content], fileName, { type: 'application/json' }))
      const init = { bubbles: true, cancelable: true, dataTransfer: transfer }
      document.body.dispatchEvent(new DragEvent('dragover', init))
      document.body.dispatchEvent(new DragEvent('drop', init))
    },
    { name, text },
  )
}
