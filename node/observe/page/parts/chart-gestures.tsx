import type uPlot from 'uplot'
import { after } from '../browser.ts'
import type { Range } from '../data/spans.ts'

const SHORTEST_S = 300
const LONGEST_S = 20 * 366 * 86_400
const KEY_STEP = 0.15
const KEY_ZOOM = 1.4
/** When the wheel has come to rest. */
const REST_MS = 160

/**
 * Dragging pans, two fingers or the wheel with Ctrl zoom, and the keys do both. The picture follows at once; `onRange` is
 * told when a gesture ends, since that may have to fetch. What it returns ends all of it.
 */
export function watchGestures(element: HTMLElement, plot: uPlot, onRange: (range: Range) => void): () => void {
  const over = plot.over
  const pointers = new Map<number, number>()
  let begin: { readonly min: number; readonly max: number; readonly centre: number; readonly spread: number } | undefined
  let callOff = (): void => undefined

  const scale = (): { readonly min: number; readonly max: number } => ({
    min: plot.scales.x?.min ?? 0,
    max: plot.scales.x?.max ?? 1,
  })
  const set = (min: number, max: number): void => {
    const length = max - min
    if (length >= SHORTEST_S && length <= LONGEST_S) plot.setScale('x', { min, max })
  }
  const tell = (): void => {
    // The plot takes a new scale over in a microtask of its own, which stands before this one.
    queueMicrotask(() => {
      const { min, max } = scale()
      onRange({ fromMs: Math.round(min * 1_000), toMs: Math.round(max * 1_000) })
    })
  }
  /** Around the share `at` of the width, 0 to 1. */
  const zoom = (factor: number, at: number): void => {
    const { min, max } = scale()
    const fixed = min + (max - min) * at
    set(fixed - (fixed - min) / factor, fixed + (max - fixed) / factor)
  }
  const state = (): { readonly centre: number; readonly spread: number } => {
    const all = [...pointers.values()]
    const [first = 0, second = first] = all
    return { centre: (first + second) / 2, spread: Math.max(1, Math.abs(first - second)) }
  }
  const start = (): void => {
    begin = pointers.size === 0 ? undefined : { ...scale(), ...state() }
  }

  const handlers: Partial<{ [Name in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[Name]) => void }> = {
    pointerdown(event) {
      if (event.button !== 0 || pointers.size >= 2) return
      over.setPointerCapture(event.pointerId)
      pointers.set(event.pointerId, event.clientX)
      start()
      element.classList.add('dragged')
    },
    pointermove(event) {
      if (begin === undefined || !pointers.has(event.pointerId)) return
      pointers.set(event.pointerId, event.clientX)
      const { centre, spread } = state()
      const factor = pointers.size > 1 ? spread / begin.spread : 1
      const perPixel = (begin.max - begin.min) / over.clientWidth
      const left = over.getBoundingClientRect().left
      const fixed = begin.min + (begin.centre - left) * perPixel
      const length = (begin.max - begin.min) / factor
      const min = fixed - ((centre - left) / over.clientWidth) * length
      set(min, min + length)
    },
    pointerup: (event) => lift(event),
    pointercancel: (event) => lift(event),
    wheel(event) {
      const isZoom = event.ctrlKey || event.metaKey || document.activeElement === element
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY)
      if (!isZoom && !isSideways) return
      event.preventDefault()
      const { left, width } = over.getBoundingClientRect()
      if (isSideways) {
        const { min, max } = scale()
        const step = ((max - min) * event.deltaX) / width
        set(min + step, max + step)
      } else zoom(Math.exp(-event.deltaY / 400), (event.clientX - left) / width)
      callOff()
      callOff = after(REST_MS, tell)
    },
  }
  function lift(event: PointerEvent): void {
    if (!pointers.delete(event.pointerId)) return
    start()
    if (pointers.size > 0) return
    element.classList.remove('dragged')
    tell()
  }
  const onKey = (event: KeyboardEvent): void => {
    const { min, max } = scale()
    const step = (max - min) * KEY_STEP
    const moves: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => set(min - step, max - step),
      ArrowRight: () => set(min + step, max + step),
      PageUp: () => set(2 * min - max, min),
      PageDown: () => set(max, 2 * max - min),
      '+': () => zoom(KEY_ZOOM, 0.5),
      '=': () => zoom(KEY_ZOOM, 0.5),
      '-': () => zoom(1 / KEY_ZOOM, 0.5),
    }
    const move = moves[event.key]
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    move()
    tell()
  }

  const ended = new AbortController()
  for (const [name, handler] of Object.entries(handlers)) {
    over.addEventListener(name, handler as EventListener, { signal: ended.signal, passive: false })
  }
  element.addEventListener('keydown', onKey, { signal: ended.signal })
  return () => {
    ended.abort()
    callOff()
  }
}
