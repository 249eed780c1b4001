import { createContext } from 'preact'
import { useContext, useEffect, useReducer, useState } from 'preact/hooks'
import type { StatusAnswer } from '../schemas/index.ts'
import { after, every, now } from './browser.ts'
import type { SeenHeads } from './check/seen-heads.ts'
import type { SignatureChecker } from './check/signatures.ts'
import type { Answer, Answers } from './data/answers.ts'
import type { Asker } from './data/client.ts'
import type { LiveState } from './data/live.ts'
import type { Formats } from './words/formats.ts'
import type { Language, Translate } from './words/language.ts'

/** What every part of the page may use. */
export interface Page {
  readonly ask: Asker
  readonly answers: Answers
  readonly checker: Promise<SignatureChecker>
  readonly seen: SeenHeads
  readonly t: Translate
  readonly formats: Formats
  readonly language: Language
  readonly locale: string
  readonly timeZone: string
  readonly live: LiveState
  /** Says something to a screen reader, politely. */
  readonly announce: (text: string) => void
}

export const PageContext = createContext<Page | undefined>(undefined)

export function usePage(): Page {
  return useContext(PageContext) as Page
}

/** The answer of a path as it stands, and whenever it changes. */
export function useAnswer<T>(path: string | undefined): Answer<T> & { readonly again: () => void } {
  const { answers } = usePage()
  const [, changed] = useReducer((count: number) => count + 1, 0)
  const answer: Answer<T> = path === undefined ? { state: 'loading', data: undefined, error: undefined } : answers.peek<T>(path)
  useEffect(() => {
    if (path === undefined) return undefined
    const end = answers.watch(path, () => changed(undefined))
    // What came after this was drawn and before anybody watched.
    if (answers.peek(path) !== answer) changed(undefined)
    return end
  }, [answers, path])
  return { ...answer, again: () => void (path === undefined ? undefined : answers.load(path)) }
}

export const useStatus = (): StatusAnswer | undefined => useAnswer<StatusAnswer>('v1/status').data

/** The clock, for what says how long ago something was. */
export function useNow(everyMs: number): number {
  const [time, setTime] = useState(now)
  useEffect(() => every(everyMs, () => setTime(now())), [everyMs])
  return time
}

/** True once `isSo` has held for so long: what comes and goes with every block would only flicker. */
export function useLasting(isSo: boolean, ms: number): boolean {
  const [isLasting, setLasting] = useState(false)
  useEffect(() => {
    if (isSo) return after(ms, () => setLasting(true))
    setLasting(false)
    return undefined
  }, [isSo, ms])
  return isSo && isLasting
}

/** What a promise comes to; undefined until then. `work` runs anew when one of `inputs` changes. */
export function useLater<T>(work: () => Promise<T>, inputs: readonly unknown[]): T | undefined {
  const [result, setResult] = useState<{ readonly inputs: readonly unknown[]; readonly value: T } | undefined>(undefined)
  useEffect(() => {
    let isOver = false
    void work().then((value) => {
      if (!isOver) setResult({ inputs, value })
    })
    return () => {
      isOver = true
    }
  }, inputs)
  return result !== undefined && result.inputs.every((each, at) => each === inputs[at]) ? result.value : undefined
}

const NARROW = '(max-width: 40rem)'

/** A phone held upright. */
export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => matchMedia(NARROW).matches)
  useEffect(() => {
    const query = matchMedia(NARROW)
    const follow = (): void => setNarrow(query.matches)
    query.addEventListener('change', follow)
    return () => query.removeEventListener('change', follow)
  }, [])
  return isNarrow
}
