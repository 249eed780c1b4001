import { Histogram } from './histogram.ts'
import type { Standing, Tally, Totals } from './tally.ts'

/** What several networks of one run came to together, as it stands when it is asked. */
export class TallySum implements Totals {
  readonly #tallies: readonly Tally[]

  constructor(tallies: readonly Tally[]) {
    this.#tallies = tallies
  }

  get delivery(): Histogram {
    return merged(this.#tallies.map(({ delivery }) => delivery))
  }

  get finality(): Histogram {
    return merged(this.#tallies.map(({ finality }) => finality))
  }

  get deliveries(): number {
    return this.#sum(({ deliveries }) => deliveries)
  }

  get readings(): number {
    return this.#sum(({ readings }) => readings)
  }

  get blocks(): number {
    return this.#sum(({ blocks }) => blocks)
  }

  get attestations(): number {
    return this.#sum(({ attestations }) => attestations)
  }

  get crashes(): number {
    return this.#sum(({ crashes }) => crashes)
  }

  get faults(): ReadonlyMap<string, number> {
    const faults = new Map<string, number>()
    for (const each of this.#tallies) {
      for (const [fault, count] of each.faults) faults.set(fault, (faults.get(fault) ?? 0) + count)
    }
    return faults
  }

  standing(): Standing {
    const sum = { all: 0, held: 0, final: 0 }
    for (const each of this.#tallies) {
      const { all, held, final } = each.standing()
      sum.all += all
      sum.held += held
      sum.final += final
    }
    return sum
  }

  #sum(of: (tally: Tally) => number): number {
    return this.#tallies.reduce((sum, each) => sum + of(each), 0)
  }
}

function merged(parts: readonly Histogram[]): Histogram {
  const all = new Histogram()
  for (const part of parts) all.merge(part.state())
  return all
}
