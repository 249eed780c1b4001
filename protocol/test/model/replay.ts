import { run } from './run.ts'

/** `node protocol/test/model/replay.ts SEED`: says what happens in it, line by line. */
const [seed] = process.argv.slice(2)
const outcome = run(Number(seed), { log: console.log })
console.log(outcome)
