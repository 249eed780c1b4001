import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initialMembership, type Register, verifyCheckpoint } from '../../protocol/index.ts'
import { systemPlatform } from '../platform.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import { LedgerStore, openLevelKv } from '../store/index.ts'
import { Door } from '../validate/index.ts'
import { FOUR_REGISTERS, IMPORT_REGISTER, type SealedBlock, Street } from './street.ts'

const MEMBERS = 200
/** Live blocks that wait at the door at once: one gossip round of the neighbourhood. */
const ROUND = MEMBERS
const ROUNDS_1 = 40
const ROUNDS_96 = 16

interface Rates {
  readonly ratio: number
  readonly acceptPerSecond: number
  readonly verifyPerSecond: number
}

/**
 * Live blocks of 200 members, each with a signature of its own to check, through the door into LevelDB on one core; the
 * yardstick is the bare check of the same signatures, in turn with it, since machines drift.
 */
export async function run(): Promise<{
  figures: Record<string, number>
  yardstick: Record<string, number>
  budget: Record<string, string>
  ok: boolean
}> {
  useNativeHash()
  const one = await measure([IMPORT_REGISTER], 1, ROUNDS_1)
  const many = await measure(FOUR_REGISTERS, 96, ROUNDS_96)
  return {
    figures: {
      ratio1: one.ratio,
      ratio96: many.ratio,
      blocksPerSecond1: one.acceptPerSecond,
      blocksPerSecond96: many.acceptPerSecond,
    },
    yardstick: { verifyPerSecond1: one.verifyPerSecond, verifyPerSecond96: many.verifyPerSecond },
    budget: { ratio1: '>= 0.5', ratio96: '>= 0.4' },
    ok: one.ratio >= 0.5 && many.ratio >= 0.4,
  }
}

async function measure(registers: readonly Register[], rows: number, rounds: number): Promise<Rates> {
  const street = new Street(MEMBERS)
  const blocks: SealedBlock[][] = []
  for (let round = 0; round < rounds; round++) {
    blocks.push(street.signers.map((_, meter) => street.seal(meter, rows, registers)))
  }
  const dir = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  const store = await LedgerStore.open({ kv: await openLevelKv(dir), networkId: street.genesis.networkId })
  const membership = initialMembership(street.genesis)
  const door = new Door({
    store,
    genesis: street.genesis,
    clock: systemPlatform.clock,
    turn: () => systemPlatform.turn(),
    verify: verifySignature,
    membership: () => membership,
    onStored: () => undefined,
  })
  let acceptMs = 0
  let verifyMs = 0
  for (const [round, batch] of blocks.entries()) {
    let start = performance.now()
    for (const [meter, { root, signature }] of batch.entries()) {
      const member = street.signers[meter]?.publicKey as Uint8Array
      if (!verifyCheckpoint(verifySignature, street.genesis.networkId, { member, size: round + 1, root, signature })) {
        throw new Error('a signature of the bench itself does not verify')
      }
    }
    const verifiedMs = performance.now() - start
    start = performance.now()
    const outcomes = await Promise.all(batch.map((block) => door.submit(block.run)))
    const acceptedMs = performance.now() - start
    const refused = outcomes.find((outcome) => outcome.verdict !== 'accept')
    if (refused !== undefined) throw new Error(`a block was refused: ${JSON.stringify(refused)}`)
    // The first rounds warm up the compiler.
    if (round < rounds / 4) continue
    verifyMs += verifiedMs
    acceptMs += acceptedMs
  }
  await door.stop()
  await store.close()
  rmSync(dir, { recursive: true })
  const count = ROUND * (rounds - Math.ceil(rounds / 4))
  return {
    ratio: verifyMs / acceptMs,
    acceptPerSecond: (count / acceptMs) * 1000,
    verifyPerSecond: (count / verifyMs) * 1000,
  }
}
