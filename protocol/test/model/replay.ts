import { run } from './run.ts'
import { SWITCHES } from './switches.ts'

/**
 * `node protocol/test/model/replay.ts SEED [SWITCH]`: says what happens in a run, line by line. SWITCH: some words of what is
 * left out, as the test is called.
 */
const [seed, words] = process.argv.slice(2)
const found = words === undefined ? undefined : SWITCHES.find(({ leavesOut }) => leavesOut.includes(words))
console.log(run(Number(seed), { ...found, log: console.log }))
