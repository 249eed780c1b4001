import { writeSync } from 'node:fs'
import { type LedgerStore, openLedger } from '../../store/index.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { sampleItem } from './sample-readings.ts'

/**
 * Run by the crash test and killed by it: takes readings, seals five into each block of its own chain, accepts another
 * chain's blocks beside, and says what was acknowledged, one line each, until it is gone.
 */
export const READINGS_PER_BLOCK = 5
export const OWN_NUMBER = 1
export const OTHER_NUMBER = 2

const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}

function resumed(store: LedgerStore, number: number): ChainMaker {
  const maker = new ChainMaker(number)
  const size = store.head(maker.member)?.size ?? 0
  if (size > 0) maker.next(size)
  return maker
}

async function work(directory: string): Promise<never> {
  const { member } = new ChainMaker(OWN_NUMBER)
  const store = await openLedger({ directory, networkId: NETWORK_ID, ownKey: member, verifySigned: verifyFake })
  const own = resumed(store, OWN_NUMBER)
  const other = resumed(store, OTHER_NUMBER)
  let number = own.state.size * READINGS_PER_BLOCK + store.spool.size
  for (;;) {
    await store.spool.append([sampleItem(number)])
    say(`reading ${number++}`)
    if (store.spool.size < READINGS_PER_BLOCK) continue
    const { rows } = await store.spool.peek(READINGS_PER_BLOCK)
    await store.accept([own.next(1)], { spoolTaken: rows.map((row) => row.id) })
    say(`own ${own.state.size}`)
    await store.accept([other.next(3)])
    say(`other ${other.state.size}`)
  }
}

const [, script, directory] = process.argv
if (script !== undefined && import.meta.filename === script && directory !== undefined) await work(directory)
