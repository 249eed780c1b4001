import { availableParallelism } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { systemPlatform } from '../../node/index.ts'
import type { Answer, Job } from './job.ts'

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const WORKER = path.join(import.meta.dirname, `worker.${extension}`)

/** A job that has not ended by then has got stuck; its thread is ended. Shrinking takes its time. */
const JOB_MS = 900_000

/** So many threads at most: a run keeps one core busy, and each takes memory of its own. */
const MAX_THREADS = 16

/** Works off jobs on all cores. A thread that dies or gets stuck costs its job, which is answered as failed, and no more. */
export class Crew {
  readonly threads: number
  readonly #idle: Worker[] = []
  readonly #all = new Set<Worker>()

  constructor(threads = availableParallelism()) {
    this.threads = Math.max(1, Math.min(threads, MAX_THREADS))
  }

  /** Jobs in their order, each answered as it ends; the next one is asked for when a thread is free, until there is none. */
  async work<J extends Job>(next: () => J | undefined, onAnswer: (job: J, answer: Answer) => void): Promise<void> {
    const one = async (): Promise<void> => {
      for (let job = next(); job !== undefined; job = next()) onAnswer(job, await this.#run(job))
    }
    await Promise.all(Array.from({ length: this.threads }, one))
  }

  #run(job: Job): Promise<Answer> {
    const worker = this.#idle.pop() ?? this.#hire()
    return new Promise((resolve) => {
      const { timers } = systemPlatform
      const end = (answer: Answer, isFit: boolean): void => {
        timers.clear(timer)
        worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        if (isFit) this.#idle.push(worker)
        else this.#dismiss(worker)
        resolve(answer)
      }
      const onMessage = (answer: Answer): void => end(answer, true)
      const onError = (error: unknown): void => end({ failure: `thread: ${textOf(error)}` }, false)
      const onExit = (code: number): void => end({ failure: `thread ended with ${code}` }, false)
      const timer = timers.set(JOB_MS, () => end({ failure: `no answer in ${JOB_MS / 60_000} minutes` }, false))
      worker.on('message', onMessage).on('error', onError).on('exit', onExit)
      worker.postMessage(job)
    })
  }

  #hire(): Worker {
    const worker = new Worker(WORKER)
    this.#all.add(worker)
    return worker
  }

  #dismiss(worker: Worker): void {
    this.#all.delete(worker)
    // An error that comes while it ends is nobody's.
    worker.on('error', () => undefined)
    void worker.terminate()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()))
    this.#all.clear()
    this.#idle.length = 0
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
