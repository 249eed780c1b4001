import { Counter, Gauge, Registry } from 'prom-client'

/** What is measured in one part of a node. */
export interface Measured {
  /** Brings all values up to date. */
  look(): Promise<void> | void
  end?(): void
}

/** A registry and what is written into it: every name begins with that of the program. */
export class MetricRegistry {
  readonly registry = new Registry()

  gauge<L extends string = never>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name: `wattness_${name}`, help, labelNames, registers: [this.registry] })
  }

  counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name: `wattness_${name}`, help, labelNames, registers: [this.registry] })
  }
}
