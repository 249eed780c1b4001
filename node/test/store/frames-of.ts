import type { KeptFrame, LedgerStore } from '../../store/index.ts'

/** All at once: of a small store. */
export async function framesOf(store: LedgerStore, fromMs = 0, toMs = Number.POSITIVE_INFINITY): Promise<KeptFrame[]> {
  const frames: KeptFrame[] = []
  for await (const frame of store.frames.list(fromMs, toMs)) frames.push(frame)
  return frames
}
