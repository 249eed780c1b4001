import type { Deed } from '../scenario.ts'
import { splitInHalves } from './ways.ts'

/** The first `liars` witnesses run twice from here on, and each half of the network sees one of the two. */
export const turnLiars: Deed = (world) => {
  const liars = world.meters.slice(0, world.settings.liars)
  for (const liar of liars) {
    const twin = world.addTwin(liar)
    world.log.note(`${liar.name} runs twice`)
    world.run(`${twin.name} starts`, () => twin.start())
  }
  splitInHalves(world)
}
