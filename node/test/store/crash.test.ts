import { spawn } from 'node:child_process'
import path from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { openLedger } from '../../store/index.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { OTHER_NUMBER, OWN_NUMBER, READINGS_PER_BLOCK } from './crash-child.ts'
import { START_MS } from './sample-readings.ts'
import { temporaryDirectories } from './temporary-directories.ts'

const KILLS = 20
const CHILD = path.join(import.meta.dirname, 'crash-child.ts')

interface Acknowledged {
  reading: number
  own: number
  other: number
}

/** Runs the child until it has said `lines` lines, kills it, and gives the last thing it said of each kind. */
function runAndKill(directory: string, lines: number, acknowledged: Acknowledged): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CHILD, directory], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    let complaint = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk
      if (said.split('\n').length > lines) child.kill('SIGKILL')
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint += chunk
    })
    child.on('error', reject)
    child.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') return reject(new Error(`the child ended by itself: ${complaint}`))
      for (const line of said.split('\n').slice(0, -1)) {
        const [what, number] = line.split(' ') as [keyof Acknowledged, string]
        acknowledged[what] = Number(number)
      }
      resolve()
    })
  })
}

describe('kill -9', () => {
  const directories = temporaryDirectories()

  it(`${KILLS} times in the middle of writing: the store opens, and all that was acknowledged is there, once`, async () => {
    const directory = await directories.make()
    const acknowledged: Acknowledged = { reading: -1, own: 0, other: 0 }
    const own = new ChainMaker(OWN_NUMBER)
    const other = new ChainMaker(OTHER_NUMBER)
    for (const lines of fc.sample(fc.integer({ min: 1, max: 120 }), { numRuns: KILLS, seed: 7 })) {
      await runAndKill(directory, lines, acknowledged)
      const store = await openLedger({ directory, networkId: NETWORK_ID, ownKey: own.member, verifySigned: verifyFake })
      expect(store.damage).to.deep.equal([])
      for (const [maker, size] of [
        [own, acknowledged.own],
        [other, acknowledged.other],
      ] as const) {
        const head = store.head(maker.member)
        expect(head?.size ?? 0).to.be.at.least(size)
        if (head === undefined) continue
        if (head.size > maker.state.size) maker.next(head.size - maker.state.size)
        expect(head.root).to.deep.equal(maker.roots[head.size - 1])
      }
      expect(store.signedRecord()?.size ?? 0).to.equal(store.head(own.member)?.size ?? 0)
      // Sealed readings and waiting ones together are all readings from the first on, without a gap or a second copy.
      const sealed = (store.head(own.member)?.size ?? 0) * READINGS_PER_BLOCK
      const waiting = (await store.spool.peek(1_000)).rows.map(
        ({ item }) => 'reading' in item && (item.reading.time - START_MS) / 900_000,
      )
      expect(waiting).to.deep.equal(waiting.map((_, i) => sealed + i))
      expect(sealed + waiting.length - 1).to.be.at.least(acknowledged.reading)
      await store.close()
    }
    expect(acknowledged.own).to.be.greaterThan(20)
  }).timeout(120_000)
})
