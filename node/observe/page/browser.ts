/** What the page takes of the browser: the clock, timers and what is remembered. Everything else is given these. */

export const now = (): number => Date.now()

/** Runs once, later; what it returns calls it off. */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

export function every(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms)
  return () => clearInterval(timer)
}

/** Where the browser keeps nothing (private windows, policies), nothing is remembered. */
export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(`wattness.${name}`) ?? undefined
  } catch {
    return undefined
  }
}

export function remember(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(`wattness.${name}`)
    else localStorage.setItem(`wattness.${name}`, value)
  } catch {
    // Asked again the next time.
  }
}
