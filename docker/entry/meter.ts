import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { ask, invitationsIn, isAnswering, numberSetting, run, setting, until } from './command.ts'

/**
 * A meter's container. Replicas share one volume, and each takes a directory of its own there: two nodes under one key would
 * tell two stories. Whose a directory is, the node's own lock says, which the kernel holds for as long as the node runs and takes
 * back however it ends: a directory that can be locked is free. Before it is anybody's, it is made ready aside and gets its
 * name with an invitation in it. This process looks for one, lets it join, and becomes its node.
 */
const HOME = setting('METERS', '/data/meters')
const TICKETS = setting('TICKETS', '/tickets')
const INTERVAL = setting('INTERVAL', '15m')
const MAX_METERS = numberSetting('MAX_METERS', 255, 1)
const SOURCE = setting('SOURCE', '')
const CONTAINER = setting('HOSTNAME', hostname())
const DIRECTORY = /^meter-\d{3,}$/

await mkdir(HOME, { recursive: true, mode: 0o700 })
for (const name of await inOrder()) await tryOn(name)
for (;;) await tryOn(await makeNext())

/**
 * First what this container ran on when it was killed, then all others; from another one on each time, since many containers that
 * are started at once would all reach for the first.
 */
async function inOrder(): Promise<string[]> {
  const names = (await readdir(HOME)).filter((name) => DIRECTORY.test(name)).sort()
  const start = Math.floor(Math.random() * names.length)
  const turned = [...names.slice(start), ...names.slice(0, start)]
  const own = new Set<string>()
  for (const name of turned) {
    // The node says in it who it is, and takes that back when it is stopped.
    const holder = await readFile(path.join(HOME, name, 'lock'), 'utf8').catch(() => '')
    if (holder.trim().split(' ').at(-1) === CONTAINER) own.add(name)
  }
  return [...own, ...turned.filter((name) => !own.has(name))]
}

/** Runs the directory's node for as long as this container is; returns where another one does, or nobody can. */
async function tryOn(name: string): Promise<void> {
  const dir = path.join(HOME, name)
  const number = Number(name.slice(name.lastIndexOf('-') + 1))
  // Mostly there is a node that answers, and no lock has to be tried.
  if ((await isAnswering(dir)) || !(await hasJoined(dir, number))) return
  const source = SOURCE === '' ? `household:${number}?solar=${number % 2 === 0 ? '4kWp' : '0kWp'}&interval=${INTERVAL}` : SOURCE
  const { status, failure } = await run('run', '--dir', dir, '--interval', INTERVAL, '--source', source)
  if (failure !== 'STORE_LOCKED') process.exit(status)
}

/** Asks for admission until it is granted. False where another container does that, or the directory is for no network. */
async function hasJoined(dir: string, number: number): Promise<boolean> {
  const kept = path.join(dir, 'ticket')
  const isDone = await until('admission', async () => {
    const ticket = (await readFile(kept, 'utf8').catch(() => '')).trim()
    if (ticket === '') return true
    try {
      await ask('join', ticket, '--dir', dir, '--label', `meter ${number}`)
    } catch (error) {
      if ((error as Error).message.includes('is in use by')) return false
      throw error
    }
    await rm(kept, { force: true })
    return true
  })
  return isDone && existsSync(path.join(dir, 'genesis.json'))
}

/** A new directory with an invitation in it. Ends the process where there may be no more of them. */
async function makeNext(): Promise<string> {
  const names = Array.from({ length: MAX_METERS }, (_, i) => `meter-${String(i + 1).padStart(3, '0')}`)
  if (names.every((name) => existsSync(path.join(HOME, name)))) {
    console.error(`no directory is left in ${HOME}: all ${MAX_METERS} are in use`)
    process.exit(1)
  }
  const aside = path.join(HOME, `.new-${CONTAINER}`)
  await mkdir(aside, { recursive: true, mode: 0o700 })
  if (!existsSync(path.join(aside, 'ticket'))) await until('an invitation', () => takeInvitation(path.join(aside, 'ticket')))
  for (const name of names) {
    // Of several that reach for a name one gets it: a directory with something in it is not replaced.
    const isTaken = await rename(aside, path.join(HOME, name)).then(
      () => true,
      () => false,
    )
    if (isTaken) return name
  }
  return makeNext()
}

async function takeInvitation(kept: string): Promise<true | undefined> {
  const aside = path.join(TICKETS, `.taken-${CONTAINER}`)
  // From before this container was killed.
  if (!existsSync(aside)) {
    const [first] = await invitationsIn(TICKETS)
    if (first === undefined) return undefined
    // One of those that reach for it gets it.
    await rename(path.join(TICKETS, first), aside).catch(() => undefined)
  }
  const ticket = await readFile(aside).catch(() => undefined)
  if (ticket === undefined) return undefined
  // On another disk: it gets its name there once it is whole.
  await writeFile(`${kept}.part`, ticket, { mode: 0o600 })
  await rename(`${kept}.part`, kept)
  await rm(aside)
  return true
}
