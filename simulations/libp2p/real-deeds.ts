import { churn, crashOne, keepSomeOff, restartInTurn, startLatecomers } from '../deeds.ts'
import type { Deed } from '../scenario.ts'
import type { RealSimulation } from './real-simulation.ts'

/** A deed as it is done to processes and sockets. It ends when the last of what it began has ended. */
export type RealDeed = (run: RealSimulation) => Promise<void>

/** A killed worker's nodes stay off for this share of the run, and so long at most. */
const OFF_SHARE = 0.05
const MOST_OFF_MS = 30_000

/** As on virtual time (simulations/deeds/starts.ts). */
const CHURN_UNTIL = 0.95
const TURNS_SHARE = 0.8

const downIn = new WeakSet<RealSimulation>()

/** All nodes of one process lose their power, and start again a while later; one process at a time. */
const crashWorker: RealDeed = async (run) => {
  if (downIn.has(run)) return
  downIn.add(run)
  const { crew, settings } = run
  const worker = run.random.below(crew.processes)
  const members = crew.membersOf(worker).filter((member) => crew.isOn(member))
  const before = (await run.look()).standings
  await crew.kill(worker)
  run.crashes += members.length
  run.note(`${members.length} nodes of one process lose their power`, 'deed')
  await run.pause(Math.min(MOST_OFF_MS, settings.forMs * OFF_SHARE))
  await crew.restart(worker, members)
  run.note('they have started again', 'deed')
  const after = (await run.look()).standings
  for (const member of members) {
    const [was, is] = [before[member]?.final ?? 0, after[member]?.final ?? 0]
    if (is < was) run.violate('finality', `${crew.names[member]} after its start: ${is} blocks are final, ${was} were`)
  }
  downIn.delete(run)
}

const restartAll: RealDeed = async (run) => {
  const { crew, settings } = run
  await Promise.all(
    crew.names.map(async (name, member) => {
      await run.pause((member / crew.names.length) * TURNS_SHARE * settings.forMs)
      if (run.isOver()) return
      run.note(`${name} is restarted`, 'deed')
      await crew.stopNode(member)
      await run.pause(settings.restartMs)
      await crew.startNode(member)
    }),
  )
}

const comeAndGo: RealDeed = async (run) => {
  const { crew, settings, random } = run
  const draw = (meanMs: number): number => -Math.log(1 - random.fraction()) * meanMs
  const endMs = CHURN_UNTIL * settings.forMs
  await Promise.all(
    crew.names.map(async (name, member) => {
      // The registrar stays.
      while (member > 0) {
        const upMs = draw(settings.meanUpMs)
        if (run.runMs + upMs > endMs) return
        await run.pause(upMs)
        if (run.isOver()) return
        run.note(`${name} goes`, 'deed')
        await crew.stopNode(member)
        // Everybody is back when the run is judged.
        await run.pause(Math.min(draw(settings.meanDownMs), settings.forMs - run.runMs))
        run.note(`${name} comes back`, 'deed')
        await crew.startNode(member)
      }
    }),
  )
}

const startOthers: RealDeed = async (run) => {
  const { crew } = run
  for (const [member, name] of crew.names.entries()) {
    if (crew.isOn(member) || run.isOver()) continue
    run.note(`${name} starts`, 'deed')
    await crew.startNode(member)
  }
}

/** What scenarios do that can be done to real processes too; everything else needs virtual time, network or disks. */
const REAL_DEEDS: ReadonlyMap<Deed, RealDeed> = new Map([
  [crashOne, crashWorker],
  [restartInTurn, restartAll],
  [churn, comeAndGo],
  [startLatecomers, startOthers],
])

export function realDeedOf(deed: Deed): RealDeed | undefined {
  return REAL_DEEDS.get(deed)
}

/** The only thing that is done before a start: a share of the nodes stays off. */
export function isRealStage(stage: Deed): boolean {
  return stage === keepSomeOff
}
