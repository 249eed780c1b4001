import type { Timers } from '../platform.ts'

/** A signal that aborts after `ms` by injected timers, or with the caller's. Call `clear` when done. */
export function deadline(
  timers: Timers,
  ms: number,
  error: () => Error,
  parent?: AbortSignal,
): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController()
  const timer = timers.set(ms, () => controller.abort(error()))
  const onAbort = (): void => controller.abort(parent?.reason)
  if (parent?.aborted) onAbort()
  parent?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    clear: () => {
      timers.clear(timer)
      parent?.removeEventListener('abort', onAbort)
    },
  }
}
