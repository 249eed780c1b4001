import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { WattnessError } from '../protocol/index.ts'
import type { Headway, NetworkJob } from './network-job.ts'
import type { NetworkResult } from './network-result.ts'

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const WORKER = path.join(import.meta.dirname, `network-worker.${extension}`)

/** What a thread is given to begin with. */
export interface Order {
  readonly job: NetworkJob
  /** One number that all threads share: no longer 0 where the run is to end early. */
  readonly stop: SharedArrayBuffer
}

/** What a thread says: how far it is, and in the end what its network came to. */
export type Word = { readonly headway: Headway } | { readonly result: NetworkResult }

export interface NetworkThreadsInit {
  readonly jobs: readonly NetworkJob[]
  /** So many at the same time at most. */
  readonly threads: number
  /** Called now and then with how far each network is, and how many have ended; true ends the run early. */
  readonly isStopped: (headways: readonly Headway[], done: number) => boolean
  /** The file that a thread runs. */
  readonly worker?: string
}

/** Runs each network in a thread of its own, which ends with it: so memory is that of as many networks as there are threads. */
export class NetworkThreads {
  readonly #init: NetworkThreadsInit
  readonly #headways: Headway[]
  readonly #workers = new Set<Worker>()
  readonly #stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  #done = 0
  #hasFailed = false

  constructor(init: NetworkThreadsInit) {
    this.#init = init
    this.#headways = init.jobs.map(() => ({ elapsedMs: 0, blocks: 0, deliveries: 0, violations: 0 }))
  }

  /**
   * What came of each, in the order of jobs whoever was first; undefined for those that had not begun when the run was ended. No
   * thread is left. Throws NETWORK_FAILED.
   */
  async run(): Promise<(NetworkResult | undefined)[]> {
    const { jobs, threads } = this.#init
    const results = jobs.map((): NetworkResult | undefined => undefined)
    const waiting = jobs.entries()
    const workOff = async (): Promise<void> => {
      for (const [index, job] of waiting) {
        // The first one always begins: a run that is ended at once has a report too.
        if (this.#hasFailed || (index > 0 && this.#isStopped())) return
        results[index] = await this.#runOne(index, job)
        this.#done++
      }
    }
    try {
      await Promise.all(Array.from({ length: Math.max(1, Math.min(threads, jobs.length)) }, workOff))
    } finally {
      this.#hasFailed = true
      await Promise.all([...this.#workers].map((worker) => worker.terminate()))
    }
    return results
  }

  #isStopped(): boolean {
    if (this.#init.isStopped(this.#headways, this.#done)) Atomics.store(this.#stop, 0, 1)
    return Atomics.load(this.#stop, 0) !== 0
  }

  #runOne(index: number, job: NetworkJob): Promise<NetworkResult> {
    const order: Order = { job, stop: this.#stop.buffer }
    const worker = new Worker(this.#init.worker ?? WORKER, { workerData: order })
    this.#workers.add(worker)
    return new Promise((resolve, reject) => {
      let result: NetworkResult | undefined
      let failure: unknown
      worker.on('message', (word: Word) => {
        if ('headway' in word) {
          this.#headways[index] = word.headway
          this.#isStopped()
        } else {
          result = word.result
          void worker.terminate()
        }
      })
      worker.on('error', (error: unknown) => {
        failure ??= error
      })
      worker.on('exit', (status) => {
        this.#workers.delete(worker)
        if (result !== undefined) return resolve(result)
        const reason = failure instanceof Error ? failure.message : `its thread ended with ${status}`
        const { name } = job.plan
        reject(
          new WattnessError('NETWORK_FAILED', `${name} did not run to its end: ${reason}`, { network: name }, { cause: failure }),
        )
      })
    })
  }
}
