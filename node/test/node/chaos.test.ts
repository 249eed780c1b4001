import { expect } from 'chai'
import { bodyContent, decodeReadings, KIND_READINGS, toHex } from '../../../protocol/index.ts'
import { Neighbourhood, signerOf, testReading } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { copyKv, TroubledKv } from '../harness/troubled-kv.ts'

const METERS = 5
const STEPS = 60

/** Everything that goes wrong in a street at once, at random; a seed replays it. */
class Street {
  readonly all: Neighbourhood
  readonly #bytes
  readonly disks = new Map<string, TroubledKv>()
  readonly taken = new Map<string, number>()
  readonly trouble: string[] = []
  #minute = 0

  private constructor(all: Neighbourhood, seed: number) {
    this.all = all
    this.#bytes = seededRandom(seed)
  }

  static async open(seed: number, double = false): Promise<Street> {
    const all = await Neighbourhood.create({
      absent: ['double'],
      meters: METERS,
      seed,
      latencyMs: 30,
      settings: { gossip: seed % 2 === 0 ? 'on' : 'off' },
    })
    if (double) await all.addDouble('double', 'meter-1', all.get('meter-1').settings)
    const street = new Street(all, seed)
    for (const node of all.nodes) {
      await street.#dress(node.name)
      await all.restart(node.name)
      street.#watch(node.name)
    }
    for (let i = 0; i < all.nodes.length; i++) {
      await all.link(i, (i + 1) % all.nodes.length)
      await all.link(i, (i + 2) % all.nodes.length)
    }
    await all.time.advance(1_000)
    return street
  }

  below(limit: number): number {
    const [high = 0, low = 0] = this.#bytes.bytes(2)
    return (high * 256 + low) % limit
  }

  async #dress(name: string): Promise<void> {
    const disk = new TroubledKv(await copyKv(this.all.get(name).kv), this.all.time.timers)
    this.disks.set(name, disk)
    this.all.get(name).kv = disk
  }

  #watch(name: string): void {
    const { node } = this.all.get(name)
    node.on('fault', ({ fault, isLast, detail }) => {
      if (fault !== 'no-answer' || isLast) this.trouble.push(`${name}: ${fault}: ${detail}`)
    })
    node.on('damage', ({ error }) => this.trouble.push(`${name}: ${error.message}`))
    node.on('evidence', ({ member }) => this.trouble.push(`${name}: evidence against ${member}`))
  }

  async take(): Promise<void> {
    const name = `meter-${1 + this.below(METERS)}`
    const minutes = Array.from({ length: 1 + this.below(4) }, () => this.#minute++)
    const items = minutes.map((minute) => ({
      source: 'chaos',
      reading: testReading(1_700_000_000_000 + minute * 60_000, minute),
    }))
    try {
      await this.all.time.wait(this.all.get(name).node.take(items))
      this.taken.set(name, (this.taken.get(name) ?? 0) + items.length)
    } catch {
      // Refused: whoever read it from the meter still has it.
    }
  }

  /** A stop, a power cut (the disk as it stood in the middle of anything), or an end that nobody noticed. */
  async restart(): Promise<void> {
    const { name } = this.all.nodes[this.below(this.all.nodes.length)] as { name: string }
    if (this.below(2) === 0) await this.#dress(name)
    const disk = this.disks.get(name) as TroubledKv
    Object.assign(disk, { isFull: false, failNext: undefined, delayMs: 0 })
    await disk.recover()
    await this.all.restart(name)
    this.#watch(name)
  }

  async step(): Promise<void> {
    const { all } = this
    const { nodes } = all
    const keyAt = (): Uint8Array => signerOf((nodes[this.below(nodes.length)] as { name: string }).name).publicKey
    const disk = [...this.disks.values()][this.below(this.disks.size)] as TroubledKv
    switch (this.below(12)) {
      case 0:
        return this.restart()
      case 1: {
        const keys = nodes.map(({ signer }) => signer.publicKey)
        const cut = 1 + this.below(keys.length - 1)
        return all.hub.partition(keys.slice(0, cut), keys.slice(cut))
      }
      case 2:
        return all.hub.healAll()
      case 3:
        return all.hub.sever(keyAt(), keyAt())
      case 4:
        disk.failNext = this.below(2) === 0 ? 'lost' : 'stored'
        return
      case 5:
        disk.isFull = !disk.isFull
        return
      case 6:
        disk.delayMs = this.below(400)
        return
      case 7:
        return all.hub.loseGossip(this.below(10) / 10)
      default:
        return this.take()
    }
  }

  /** All is well again. */
  calm(): void {
    this.all.hub.healAll()
    this.all.hub.loseGossip(0)
    for (const disk of this.disks.values()) Object.assign(disk, { isFull: false, delayMs: 0, failNext: undefined })
  }

  /** Readings in the meter's chain, as every node holds it: counted, and none twice. */
  async sealedReadings(name: string, at: string): Promise<number> {
    const times = new Set<number>()
    let count = 0
    const { store } = this.all.get(at)
    const size = store.head(signerOf(name).publicKey)?.size ?? 0
    for (const { header, body } of await store.readBlocks(signerOf(name).publicKey, 0, Math.max(1, size))) {
      if (header.kind !== KIND_READINGS) continue
      for (const { time } of decodeReadings(bodyContent(body)).readings) {
        count++
        times.add(time)
      }
    }
    expect(times.size, `readings of ${name} that are sealed twice`).to.equal(count)
    return count
  }
}

describe('a street in which everything goes wrong', () => {
  for (let seed = 1; seed <= 12; seed++) {
    it(`agrees in the end, has lost nothing that it took, and blames nobody (seed ${seed})`, async () => {
      const street = await Street.open(seed)
      const { all } = street
      try {
        for (let i = 0; i < STEPS; i++) {
          await street.step()
          await all.time.advance(street.below(15_000))
        }
        street.calm()
        const isQuiet = (): boolean => all.agreed && all.nodes.every(({ store }) => store.spool.size === 0)
        await all.time.until(isQuiet, 600_000, `agreement of seed ${seed}`)
        for (const [name, taken] of street.taken) {
          expect(await street.sealedReadings(name, 'registrar'), name).to.be.at.least(taken)
        }
        expect(street.trouble).to.deep.equal([])
      } finally {
        street.calm()
        await all.time.advance(5_000)
        await all.stop()
      }
    })
  }

  for (let seed = 1; seed <= 6; seed++) {
    it(`finds out a key that runs twice, everywhere, and goes on with the others (seed ${seed})`, async () => {
      const street = await Street.open(seed, true)
      const { all } = street
      const key = signerOf('meter-1').publicKey
      try {
        for (let i = 0; i < STEPS; i++) {
          await street.step()
          if (i % 10 === 0) await all.take('double').catch(() => undefined)
          await all.time.advance(street.below(15_000))
        }
        street.calm()
        // As long as each hears of the other's blocks before it seals, the two make one story. Now they do not.
        const [here, there] = [
          ['registrar', 'meter-1', 'meter-2'],
          ['meter-3', 'meter-4', 'meter-5', 'double'],
        ].map((names) => names.map((name) => all.get(name).node.network.self))
        await all.time.advance(120_000)
        all.hub.partition(here ?? [], there ?? [])
        for (const name of ['meter-1', 'double']) await all.take(name)
        await all.time.advance(60_000)
        all.hub.healAll()
        await all.time.until(() => all.nodes.every(({ store }) => store.quarantined(key)), 600_000, `evidence of seed ${seed}`)
        const others = [0, 2, 3, 4, 5]
        const frontiers = (): Set<string> => new Set(all.nodes.map(({ name }) => others.map((i) => all.frontier(name)[i]).join()))
        const isQuiet = (): boolean => frontiers().size === 1 && others.every((i) => all.nodes[i]?.store.spool.size === 0)
        await all.time.until(isQuiet, 600_000, `agreement of seed ${seed}`)
        const evidence = street.trouble.filter((line) => line.includes(toHex(key)))
        expect(street.trouble).to.deep.equal(evidence)
      } finally {
        street.calm()
        await all.time.advance(5_000)
        await all.stop()
      }
    })
  }
})
