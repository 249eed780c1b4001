import { MAX_NOTES } from '../event-log.ts'
import type { World } from './world.ts'

/** What every run notes of its nodes. */
export function noteEvents(world: World): void {
  const { log } = world
  const nameOf = (keyHex: string): string => world.nodes.find((each) => each.keyHex === keyHex)?.name ?? keyHex.slice(0, 8)
  world.on('started', ({ name, starts }) => log.add(`${name} runs, start ${starts}`))
  world.on('stopped', ({ name }, { isCrash }) => log.add(`${name} ${isCrash ? 'crashes' : 'stops'}`))
  world.on('link', ({ host }, { peer }) => log.add(`${host} links ${nameOf(peer)}`))
  world.on('unlink', ({ host }, { peer }) => log.add(`${host} unlinks ${nameOf(peer)}`))
  world.on('attested', ({ host }, { epoch, sequence }) => log.add(`${host} attests ${epoch}/${sequence}`))
  world.on('sealFailed', ({ name }, { error }) => log.note(`${name} cannot seal: ${(error as Error).message}`, 'node'))
  world.on('evidence', ({ name }, { member }) => log.note(`${name} holds proof against ${nameOf(member)}`, 'node'))
  world.on('witnessEvidence', ({ name }, { member }) =>
    log.note(`${name} holds proof against the witness ${nameOf(member)}`, 'node'),
  )
  world.on('witnessHalted', ({ name }, { reason }) => log.note(`${name} witnesses no more: ${reason}`, 'node'))
  const told = new Set<string>()
  world.on('damage', ({ name }, { error }) => {
    // A disk that stays full refuses thousands of writes: once is news.
    const text = `the store of ${name}: ${error.message}`
    if (told.has(text) || told.size >= MAX_NOTES) return log.add(text)
    told.add(text)
    log.note(text, 'node')
  })
  world.on('fault', ({ name }, { peer, fault, detail, isLast }) => {
    const text = `${name} holds against ${nameOf(peer)}: ${fault}, ${detail}`
    if (isLast) log.note(`${text}: it hangs up`, 'node')
    else log.add(text)
  })
}
