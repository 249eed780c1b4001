import { parentPort, workerData } from 'node:worker_threads'
import type { Order } from '../network-threads.ts'

/** A thread that says nothing: that of the second network dies, others wait for ever. */

const { job } = workerData as Order
if (job.plan.name === 'network-2') process.exit(7)
parentPort?.on('message', () => undefined)
