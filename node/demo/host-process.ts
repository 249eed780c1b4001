import { systemPlatform } from '../platform.ts'
import { Host } from './host.ts'
import type { Order, Word } from './messages.ts'

/**
 * A child process of the demonstration. It lives as long as the channel to its parent: whatever becomes of the parent, no
 * node is left behind.
 */

/** Alone, a host has this long to end in good order. */
const LAST_MS = 3_000

const host = new Host({
  say: (word: Word) => {
    // The parent may be gone already; the end of the channel says so.
    if (process.connected) process.send?.(word, undefined, undefined, () => undefined)
  },
})

process.title = `wattness demo: ${process.argv.slice(2).join(' ')}`
// Ctrl-C in a terminal, and much that sends the others, reaches every process of the group: the parent decides what follows.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
process.on('disconnect', () => {
  systemPlatform.timers.set(LAST_MS, () => process.exit(1))
  void host.stop().then(() => process.exit(0))
})
process.on('message', (order: Order) => {
  void host.obey(order).then(() => {
    if (order.type === 'stop') process.exit(0)
  })
})
