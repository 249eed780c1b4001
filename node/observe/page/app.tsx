import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { after, now } from './browser.ts'
import { TokenContext } from './browser-token.tsx'
import { SeenHeads } from './check/seen-heads.ts'
import { createSignatureChecker } from './check/signatures.ts'
import { Answers, madeOldBy } from './data/answers.ts'
import { createAsker } from './data/client.ts'
import { Live, type LiveState } from './data/live.ts'
import { useDroppedFile } from './dropped-file.tsx'
import { type Page, PageContext, useNow, usePage, useStatus } from './page-context.tsx'
import { Empty } from './parts/notice.tsx'
import { TopBar } from './parts/top-bar.tsx'
import { parseRoute, type Route } from './routes.ts'
import { useTheme, useTongue } from './settings.tsx'
import { BalanceView } from './views/balance.tsx'
import { BlockView } from './views/block.tsx'
import { CheckView } from './views/check.tsx'
import { LedgerView } from './views/ledger.tsx'
import { MemberView } from './views/member.tsx'
import { Neighbourhood } from './views/neighbourhood.tsx'
import { SearchView } from './views/search.tsx'

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash))
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash))
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  return route
}

/** What lives as long as the page: the way to the observer, what it answered, and what was seen of it. */
function usePlumbing(): Pick<Page, 'ask' | 'answers' | 'checker' | 'seen' | 'live'> & {
  readonly setToken: (token: string) => void
  readonly retry: () => void
} {
  const [live, setLive] = useState<LiveState>({ type: 'connecting' })
  const plumbing = useMemo(() => {
    let token: string | undefined
    const ask = createAsker({
      fetch: (input, init) => fetch(input, init),
      base: new URL('./', location.href).href,
      token: () => token,
    })
    const answers = new Answers(ask, after)
    const setToken = (given: string): void => {
      token = given
      answers.refresh(() => true)
      stream.retry()
    }
    const stream = new Live({ ask, now, after, onState: setLive, onEvent: (event) => answers.refresh(madeOldBy(event)) })
    const subtle = 'crypto' in globalThis ? globalThis.crypto.subtle : undefined
    return { ask, answers, stream, setToken, checker: createSignatureChecker(subtle), seen: new SeenHeads() }
  }, [])
  const { answers, stream } = plumbing
  useEffect(() => {
    stream.start()
    const wake = (): void => (document.visibilityState === 'visible' ? stream.retry() : undefined)
    document.addEventListener('visibilitychange', wake)
    addEventListener('online', wake)
    return () => {
      stream.stop()
      document.removeEventListener('visibilitychange', wake)
      removeEventListener('online', wake)
    }
  }, [stream])
  const wasLost = useRef(false)
  useEffect(() => {
    if (live.type === 'lost') wasLost.current = true
    // Whoever is told nothing asks; where nobody answers at all, that is said already.
    if (live.type === 'lost' && live.code !== 'OFFLINE') answers.refresh(() => true)
    if (live.type !== 'live' || !wasLost.current) return
    wasLost.current = false
    answers.refresh(() => true)
  }, [live])
  return { ...plumbing, live, retry: () => stream.retry() }
}

export function App(): JSX.Element {
  const tongue = useTongue()
  const [theme, nextTheme] = useTheme()
  const { setToken, retry, ...plumbing } = usePlumbing()
  const route = useRoute()
  const [said, announce] = useState('')
  const [dropped, take] = useDroppedFile(plumbing.checker)
  const onFile = (file: File): void => {
    location.hash = '#/check'
    take(file)
  }
  const page: Page = { ...plumbing, ...tongue, announce }
  const { t } = tongue
  return (
    <PageContext.Provider value={page}>
      <TokenContext.Provider value={{ setToken }}>
        <a class="skip" href="#main" onClick={(event) => focusMain(event)}>
          {t('skip')}
        </a>
        <TopBar route={route} theme={theme} onTheme={nextTheme} onLanguage={tongue.speak} />
        <Connection retry={retry} />
        <DropTarget onFile={onFile} />
        <Main route={route}>{viewOf(route, dropped, onFile)}</Main>
        <Foot />
        <div class="unseen" role="status" aria-live="polite">
          {said}
        </div>
      </TokenContext.Provider>
    </PageContext.Provider>
  )
}

function viewOf(route: Route, dropped: ReturnType<typeof useDroppedFile>[0], onFile: (file: File) => void): JSX.Element {
  switch (route.view) {
    case 'neighbourhood':
      return <Neighbourhood />
    case 'member':
      return <MemberView key={route.member} id={route.member} query={route.query} />
    case 'block':
      return <BlockView key={route.hash} hash={route.hash} />
    case 'ledger':
      return <LedgerView query={route.query} />
    case 'search':
      return <SearchView key={route.text} text={route.text} />
    case 'balance':
      return <BalanceView query={route.query} />
    case 'check':
      return <CheckView dropped={dropped} onFile={onFile} />
    case 'unknown':
      return <Unknown />
  }
}

function Unknown(): JSX.Element {
  const { t } = usePage()
  return (
    <Empty title={t('noSuchView')}>
      <a class="button" href="#/">
        {t('navNeighbourhood')}
      </a>
    </Empty>
  )
}

function focusMain(event: Event): void {
  event.preventDefault()
  document.querySelector<HTMLElement>('main')?.focus()
}

/** The view; takes the focus when it changes, so that a screen reader begins there. */
function Main({ route, children }: { readonly route: Route; readonly children: ComponentChildren }): JSX.Element {
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  const place = `${route.view} ${'member' in route ? route.member : 'hash' in route ? route.hash : ''}`
  useEffect(() => {
    if (!isFirst.current) {
      main.current?.focus({ preventScroll: true })
      scrollTo(0, 0)
    }
    isFirst.current = false
    const title = main.current?.querySelector('h1')?.textContent ?? ''
    document.title = title.trim() === '' ? 'Wattness' : `${title} · Wattness`
  }, [place])
  return (
    <main id="main" ref={main} tabIndex={-1}>
      {children}
    </main>
  )
}

function Connection({ retry }: { readonly retry: () => void }): JSX.Element | null {
  const { t, live, formats } = usePage()
  const clock = useNow(1_000)
  if (live.type !== 'lost') return null
  const seconds = Math.max(0, Math.ceil((live.againAtMs - clock) / 1_000))
  return (
    <div class="banner" role="alert">
      <strong>{t('disconnected', { time: formats.clock(live.sinceMs) })}</strong>
      <span aria-hidden="true">{t('tryingAgain', { n: seconds })}</span>
      <button type="button" class="button" onClick={retry}>
        {t('again')}
      </button>
    </div>
  )
}

/** A file may be dropped anywhere. */
function DropTarget({ onFile }: { readonly onFile: (file: File) => void }): JSX.Element | null {
  const { t } = usePage()
  const [isOver, setOver] = useState(false)
  useEffect(() => {
    const ended = new AbortController()
    const { signal } = ended
    const hasFile = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true
    document.addEventListener(
      'dragover',
      (event) => {
        if (!hasFile(event)) return
        event.preventDefault()
        setOver(true)
      },
      { signal },
    )
    document.addEventListener('dragleave', (event) => (event.relatedTarget === null ? setOver(false) : undefined), { signal })
    document.addEventListener(
      'drop',
      (event) => {
        if (!hasFile(event)) return
        event.preventDefault()
        setOver(false)
        const [file] = event.dataTransfer?.files ?? []
        if (file !== undefined) onFile(file)
      },
      { signal },
    )
    return () => ended.abort()
  }, [])
  if (!isOver) return null
  return (
    <div class="drop-veil">
      <p>{t('dropNow')}</p>
    </div>
  )
}

function Foot(): JSX.Element {
  const { t, timeZone } = usePage()
  const status = useStatus()
  return (
    <footer class="foot">
      <span>
        {t('network')} <span class="hash">{status === undefined ? '…' : status.network.id.slice(0, 16)}</span>
      </span>
      <span>{t('timesIn', { zone: timeZone.replaceAll('_', ' ') })}</span>
      <span>Wattness {status?.version ?? ''}</span>
      <a href="docs">{t('api')}</a>
    </footer>
  )
}
