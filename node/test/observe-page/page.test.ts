import { expect } from 'chai'
import type { Browser, Page, Route } from 'playwright-core'
import { describeStatus, readBlockLines } from '../../control/index.ts'
import { type HttpServer, startHttp } from '../../observe/index.ts'
import type { BlockAnswer, BlocksAnswer, EvidenceAnswer, LedgerAnswer, StatusAnswer } from '../../observe/schemas/index.ts'
import { OBSERVER, ObservedStreet } from '../observe/observed-street.ts'
import { buildPage, dropFile, findChromium, launch, openWindow, type Window } from './browser.ts'

const chromium = findChromium()

describe('observe: where the page is tried', () => {
  it('a browser is found in the usual places, or where CHROMIUM says, which must be true', () => {
    expect(findChromium({}, (place) => place === '/usr/bin/chromium-browser')).to.equal('/usr/bin/chromium-browser')
    expect(findChromium({}, () => false)).to.equal(undefined)
    expect(findChromium({ CHROMIUM: '/here' }, () => true)).to.equal('/here')
    expect(() => findChromium({ CHROMIUM: '/nowhere' }, () => false)).to.throw('/nowhere')
    if (chromium === undefined) console.log('    no Chromium is found: the page is not tried in a browser (CHROMIUM names one)')
  })
})

if (chromium !== undefined) describe('observe: the page in Chromium', () => tryPage(chromium))

function tryPage(executable: string): void {
  let built: Awaited<ReturnType<typeof buildPage>>
  let street: ObservedStreet
  let server: HttpServer
  let browser: Browser
  let window: Window
  /** Most tests use one: a window of its own takes as long as what is tried in it. */
  let shared: Window
  let visits = 0
  let page: Page
  let hashes: readonly string[]

  before(async () => {
    built = await buildPage()
    street = await ObservedStreet.create({ rounds: 3 })
    server = await serve(0)
    browser = await launch(executable)
    shared = await openWindow(browser, server.address)
    window = shared
    page = shared.page
    const lines = []
    for await (const line of readBlockLines(street.node().node, { member: '1' })) lines.push(line)
    hashes = lines.map(({ hash }) => hash)
  })
  after(async () => {
    await browser?.close()
    await server?.close()
    await street?.stop()
    await built?.remove()
  })
  afterEach(async () => {
    const { faults } = window
    if (window === shared) await page.unrouteAll()
    else await window.close()
    window = shared
    expect(faults.splice(0)).to.deep.equal([])
    shared.expected.splice(0)
  })

  const serve = (port: number): Promise<HttpServer> => startHttp({ ...street.init(OBSERVER, { pageDir: built.dir }), port })

  /** Loaded anew, since what was answered before is kept; in a window of its own where that is asked for. */
  async function open(hash = '#/', options?: Parameters<typeof openWindow>[2]): Promise<void> {
    window = options === undefined ? shared : await openWindow(browser, server.address, options)
    page = window.page
    await page.goto(`${server.address}/?${++visits}${hash}`)
  }
  /** Opens with some answers changed on their way. */
  async function openChanged(hash: string, path: string, change: (answer: never) => unknown): Promise<void> {
    page = shared.page
    await page.unrouteAll()
    await page.route(`**/${path}`, async (route: Route) => {
      const answer = await route.fetch()
      await route.fulfill({ response: answer, json: change((await answer.json()) as never) })
    })
    await open(hash)
  }
  const text = async (selector: string): Promise<string> => (await page.locator(selector).first().textContent())?.trim() ?? ''
  const number = async (figure: string): Promise<number> => Number((await text(`[data-figure=${figure}]`)).replaceAll(/\D/g, ''))

  it('the neighbourhood shows the numbers of `wattness status`, and goes on by itself as blocks arrive', async () => {
    await open()
    await page.waitForSelector('[data-figure=blocks]')
    const { chains, frontier } = await describeStatus(street.node().node, null)
    const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
    expect(await number('blocks')).to.equal(sum(frontier))
    expect(await number('final')).to.equal(sum(chains.map(({ final }) => final)))
    const rows = await page.locator('table.members tbody tr').allTextContents()
    expect(rows).to.have.length(chains.length)
    expect(await page.locator('.mesh .home').count()).to.equal(chains.length)
    await page.waitForSelector('.pulse[data-state=live]')
    await street.round()
    const grown = sum((await describeStatus(street.node().node, null)).frontier)
    await page.waitForFunction((wanted) => document.querySelector('[data-figure=blocks]')?.textContent === String(wanted), grown)
    expect(await number('final')).to.equal(grown)
  })

  it('every value, hash and height on the page is the one that `wattness blocks` prints', async () => {
    await open('#/member/1')
    await page.waitForSelector('.chain li')
    const lines = []
    for await (const line of readBlockLines(street.node().node, { member: '1' })) lines.push(line)
    const heights = await page.locator('.chain .bead-link').allTextContents()
    expect(heights.map(Number)).to.deep.equal(lines.map(({ height }) => height).reverse())
    expect(await page.locator('.chain li .hash[title]').first().getAttribute('title')).to.equal(lines.at(-1)?.hash)
    expect(await number('size')).to.equal(lines.length)
    for (const line of lines) {
      await page.evaluate((hash) => (location.hash = `#/block/${hash}`), line.hash)
      await page.waitForFunction((height) => document.querySelector('h1')?.textContent === `Block ${height}`, line.height)
      const shown = page.locator('[data-figure=readings] [data-value]')
      const values = await shown.evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-value')))
      expect(values).to.deep.equal((line.readings ?? []).map(({ value }) => value ?? ''))
      expect(await text('.facts dd.hash')).to.equal(line.hash)
    }
  })

  it('checks a block by itself: hash, content, link, tree, signature; and says what it takes on trust', async () => {
    await open(`#/block/${hashes[1]}`)
    await page.waitForSelector('.notice.good')
    await page.waitForSelector('[data-step=label]')
    const steps = await page.locator('[data-step]').evaluateAll((all) => all.map((each) => each.getAttribute('data-state')))
    expect(steps).to.deep.equal(new Array(9).fill('verified'))
    expect(await text('.notice.good strong')).to.include('Checked here')
    expect(await page.locator('section', { hasText: 'Taken on trust' }).locator('li').count()).to.equal(6)
    await page.keyboard.press('ArrowRight')
    await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'Block 2')
    await page.keyboard.press('ArrowLeft')
    await page.waitForFunction(() => document.querySelector('h1')?.textContent === 'Block 1')
  })

  it('works without WebCrypto, where the page came from another machine by plain HTTP', async () => {
    window = await openWindow(browser, server.address)
    page = window.page
    await page.addInitScript(() => Object.defineProperty(crypto, 'subtle', { value: undefined }))
    await page.goto(`${server.address}/#/block/${hashes[1]}`)
    await page.waitForSelector('[data-step=signature][data-state=verified]')
  })

  const changes: readonly (readonly [string, string, (answer: BlockAnswer) => BlockAnswer])[] = [
    ['a number', 'content', (a) => ({ ...a, readings: (a.readings ?? []).map((line) => ({ ...line, value: '0.001' })) })],
    ['a height', 'header', (a) => ({ ...a, height: a.height + 1 })],
    ['a body', 'body', (a) => ({ ...a, body: `${a.body?.startsWith('A') === true ? 'B' : 'A'}${a.body?.slice(1)}` })],
    [
      'a signature',
      'signature',
      (a) => ({ ...a, checkpoint: { ...(a.checkpoint as never as object), signature: a.newest?.signature } as never }),
    ],
    ['another block', 'hash', (a) => ({ ...a, header: a.header.replace(/^.{8}/, 'AQAAAAAA') })],
  ]
  for (const [what, step, change] of changes) {
    it(`refuses an answer with ${what} changed, and shows nothing of it`, async () => {
      await openChanged(`#/block/${hashes[1]}`, `v1/blocks/${hashes[1]}`, change)
      await page.waitForSelector('.notice.bad[role=alert]')
      expect(await text('.notice.bad strong')).to.include('Refused')
      expect(await page.locator(`[data-step=${step}][data-state=refused]`).count()).to.equal(1)
      expect(await page.locator('[data-figure=readings]').count()).to.equal(0)
      await page.getByRole('button', { name: 'Show it anyway' }).click()
      expect(await page.locator('.doubtful').count()).to.equal(1)
    })
  }

  it('refuses a name that neither genesis nor the registrar gave to the key', async () => {
    await openChanged(`#/block/${hashes[1]}`, `v1/blocks/${hashes[1]}`, (answer: BlockAnswer) => ({
      ...answer,
      label: 'Elm Street 12',
    }))
    await page.waitForSelector('[data-step=label][data-state=refused]')
    expect(await text('[data-step=label] p')).to.include('genesis calls it')
  })

  it('checks the links of a chain as it is walked, and refuses one that was put in', async () => {
    await open('#/member/1')
    await page.waitForSelector('.chain-checked')
    expect(await text('.chain-checked')).to.include(`these ${await page.locator('.chain li').count()} links hang on each other`)
    await openChanged('#/member/1', 'v1/members/1/blocks*', (answer: BlocksAnswer) => ({
      ...answer,
      blocks: answer.blocks.map((block, at) => (at === 1 ? { ...block, hash: '0'.repeat(64) } : block)),
    }))
    await page.waitForSelector('#chain-title')
    await page.getByText('Refused: these are not the links').waitFor()
  })

  it('has a block proven by the witnesses, and checks what they signed', async () => {
    await open(`#/block/${hashes[1]}`)
    await page.getByRole('button', { name: 'Ask the witnesses' }).click()
    await street.all.time.wait(page.waitForSelector('[data-verdict=proven]'))
    expect(await text('[data-verdict]')).to.include('Proven')
  })

  it('a proof file dropped on the page, or chosen, is checked in the page and sent nowhere; one changed is refused', async () => {
    const proof = await street.all.time.wait(street.app().inject('/v1/members/1/proof?height=1'))
    await open()
    await page.waitForSelector('h1')
    const sent: string[] = []
    page.on('request', (request) => (request.method() === 'GET' ? undefined : sent.push(request.url())))
    await dropFile(page, 'proof.json', proof.body)
    await page.waitForSelector('[data-verdict=proven]')
    expect(page.url()).to.include('#/check')
    expect(await page.locator('[data-verdict] .notice.warn').count()).to.equal(0)
    await dropFile(page, 'changed.json', proof.body.replace(/"value": "\d/, '"value": "9'))
    await page.waitForSelector('[data-verdict=refused]')
    const file = { name: 'again.json', mimeType: 'application/json', buffer: Buffer.from(proof.body) }
    await page.locator('input[type=file]').setInputFiles(file)
    await page.waitForSelector('[data-verdict=proven]')
    expect(sent).to.deep.equal([])
  })

  it('says clearly when fewer than four witnesses tolerate no liar, and when there are none', async () => {
    await openChanged('#/', 'v1/status', (status: StatusAnswer) => ({
      ...status,
      finality: { ...status.finality, witnesses: 3, quorum: 3, tolerated: 0 },
    }))
    await page.waitForSelector('.notice.warn')
    expect(await text('.notice.warn')).to.include('3 witnesses tolerate no liar')
    await openChanged('#/', 'v1/status', (status: StatusAnswer) => ({
      ...status,
      finality: { ...status.finality, witnesses: 0, quorum: null, tolerated: 0 },
    }))
    await page.waitForSelector('.notice.warn')
    expect(await text('.notice.warn')).to.include('nothing is final')
  })

  it('shows evidence in red, above the members', async () => {
    const key = street.all.genesis.members[1]?.key
    const line = {
      kind: 'author',
      index: 1,
      label: null,
      key: Buffer.from(key ?? []).toString('hex'),
      evidence: null,
      words: 'two stories',
    }
    await openChanged('#/', 'v1/evidence', (): EvidenceAnswer => ({ evidence: [line as EvidenceAnswer['evidence'][number]] }))
    await page.waitForSelector('.notice.bad[role=alert]')
    expect(await text('.notice.bad strong')).to.include('has signed two stories')
    const colour = await page.locator('.notice.bad strong').evaluate((element) => getComputedStyle(element).color)
    const [red, green, blue] = (colour.match(/\d+/g) ?? []).map(Number) as [number, number, number]
    expect(red).to.be.above(2 * Math.max(green, blue))
  })

  it('states: nothing sealed, nothing found, no such page, refused by the node, closed to strangers', async () => {
    await openChanged('#/ledger', 'v1/ledger*', (): LedgerAnswer => ({ blocks: [] }))
    await page.waitForSelector('.empty h2')
    window.expected.push(/status of (404|401|500)/)
    const states: readonly (readonly [string, string])[] = [
      [`#/block/${'0'.repeat(64)}`, 'Not held here'],
      ['#/search/nobody', 'Nothing found'],
      ['#/nowhere', 'There is no such page'],
    ]
    for (const [hash, title] of states) {
      await page.evaluate((next) => (location.hash = next), hash)
      await page.getByRole('heading', { name: title }).waitFor()
    }
    for (const [status, title] of [
      [500, 'That could not be shown'],
      [401, 'This observer answers members only'],
    ] as const) {
      await page.unrouteAll()
      await page.route('**/v1/ledger*', (route) => route.fulfill({ status, json: { code: 'CODE', detail: 'why' } }))
      await page.goto(`${server.address}/?${++visits}#/ledger`)
      await page.getByRole('heading', { name: title }).waitFor()
    }
  })

  it('says that it is disconnected, keeps what it knew, and goes on when the observer is back', async () => {
    await open('#/', {})
    await page.waitForSelector('.pulse[data-state=live]')
    await page.waitForSelector('table.members tbody tr')
    window.expected.push(/ERR_/)
    await server.close()
    await page.waitForSelector('.banner[role=alert]')
    expect(await text('.banner')).to.include('No connection to the observer')
    expect(await page.locator('table.members tbody tr').count()).to.be.above(0)
    server = await serve(Number(new URL(server.address).port))
    await page.locator('.banner button').click()
    await page.waitForSelector('.pulse[data-state=live]')
    expect(await page.locator('.banner').count()).to.equal(0)
  })

  it('finds members by label, blocks by hash, height and date', async () => {
    await open()
    const search = async (what: string): Promise<void> => {
      await page.locator('.top input[type=search]').fill(what)
      await page.locator('.top input[type=search]').press('Enter')
    }
    await search('registrar')
    await page.getByRole('heading', { name: '1 member' }).waitFor()
    await search((hashes[1] as string).slice(0, 12))
    await page.getByRole('link', { name: /Block 1$/ }).waitFor()
    await search('2')
    await page.getByRole('heading', { name: 'Blocks at height 2' }).waitFor()
    await page.locator('li', { hasText: 'Block 2' }).first().waitFor()
    const day = new Date(street.all.time.clock.now())
    await search(`${day.getUTCFullYear()}-${day.getUTCMonth() + 1}-${day.getUTCDate()}`)
    await page.locator('table.ledger tbody tr').first().waitFor()
  })

  it('speaks the language of the browser, or the one that is chosen, and remembers it', async () => {
    await open('#/', { locale: 'ru-RU' })
    await page.getByRole('heading', { name: 'Участники' }).waitFor()
    expect(await page.locator('html').getAttribute('lang')).to.equal('ru')
    await page.getByRole('combobox', { name: 'Язык' }).selectOption('de')
    await page.getByRole('heading', { name: 'Mitglieder' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Mitglieder' }).waitFor()
    expect(await page.locator('html').getAttribute('lang')).to.equal('de')
  })

  it('is dark where the device is, and as is chosen', async () => {
    await open('#/', { colorScheme: 'dark' })
    const until = (isDark: boolean): Promise<unknown> =>
      page.waitForFunction((dark) => {
        const lightest = Math.max(...(getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? []).map(Number))
        return dark ? lightest < 60 : lightest > 200
      }, isDark)
    await page.waitForSelector('h1')
    await until(true)
    await page.locator('header .icon-button').click()
    await until(false)
    await page.locator('header .icon-button').click()
    await until(true)
  })

  it('can be used without a mouse and with a screen reader: landmarks, one heading, names, focus', async () => {
    await open()
    await page.waitForSelector('table.members tbody tr')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.className)).to.equal('skip')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.tagName)).to.equal('MAIN')
    for (const hash of ['#/', '#/member/1', `#/block/${hashes[0]}`, '#/ledger', '#/balance', '#/check']) {
      await page.evaluate((next) => (location.hash = next), hash)
      await page.waitForFunction(() => document.querySelectorAll('h1').length === 1 && !document.querySelector('.skeleton'))
      for (const landmark of ['banner', 'navigation', 'main', 'contentinfo'] as const) {
        expect(await page.getByRole(landmark).count(), `${hash}: ${landmark}`).to.be.above(0)
      }
      const nameless = await page.evaluate(() =>
        [...document.querySelectorAll('button, a, input, select, [role=application]')]
          .filter((each) => !each.closest('.mesh'))
          .filter((each) => {
            const named = each.getAttribute('aria-label') ?? each.closest('label')?.textContent ?? each.textContent
            return (named ?? '').trim() === ''
          })
          .map((each) => each.outerHTML.slice(0, 120)),
      )
      expect(nameless, hash).to.deep.equal([])
    }
    expect(await page.evaluate(() => document.activeElement?.tagName)).to.equal('MAIN')
  })

  for (const [width, height] of [
    [360, 740],
    [3_840, 2_160],
  ] as const) {
    it(`fits a window of ${width} pixels`, async () => {
      await open('#/', { viewport: { width, height }, locale: 'de-DE' })
      for (const hash of ['#/', '#/member/1', `#/block/${hashes[0]}`, '#/ledger', '#/balance', '#/check', '#/search/2']) {
        await page.evaluate((next) => (location.hash = next), hash)
        await page.waitForFunction(() => document.querySelector('h1') !== null && !document.querySelector('.skeleton'))
        expect(await page.evaluate(() => document.documentElement.scrollWidth), hash).to.be.at.most(width)
      }
    })
  }

  it('a member’s chart can be zoomed and panned by keys, and has its numbers in a table', async () => {
    await open('#/member/1?span=hour')
    await page.waitForSelector('.chart canvas')
    await page.locator('.chart').focus()
    await page.keyboard.press('+')
    await page.getByRole('button', { name: 'Whole span' }).waitFor()
    await page.keyboard.press('ArrowLeft')
    await page.getByRole('button', { name: 'Whole span' }).click()
    await page.getByText('The chart as a table').click()
    await page.locator('details table tbody tr').first().waitFor()
    for (const span of ['Day', 'Week', 'Month', 'Year']) {
      await page.getByRole('button', { name: span, exact: true }).click()
      await page.waitForSelector(`.segments [aria-pressed=true]:has-text("${span}")`)
      await page.waitForSelector('.chart canvas')
    }
  })
}
