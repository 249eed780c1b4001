import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemPlatform } from '../../node/index.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import type { FromMachine, ToMachine } from './harbour.ts'
import type { ToWorker, WorkerInit } from './messages.ts'
import { forkWorker, type WorkerChannel } from './worker-channel.ts'

const AGAIN_MS = 500

export interface LendInit {
  readonly host: string
  readonly port: number
  readonly signal: AbortSignal
  /** What happens, a line each. */
  readonly note: (text: string) => void
}

/** Lends this machine to one run after the other until the signal comes: `simulate worker HOST:PORT`. */
export async function lendWorker({ host, port, signal, note }: LendInit): Promise<void> {
  let why = ''
  while (!signal.aborted) {
    try {
      const socket = await reach(host, port, signal)
      note(`${host}:${port}: takes part`)
      await serve(socket)
      note(`${host}:${port}: the run is over`)
      why = ''
    } catch (error) {
      if (!signal.aborted && why !== (error as Error).message) note(`${host}:${port}: ${(error as Error).message}; again`)
      why = (error as Error).message
    }
    await pause(signal)
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      systemPlatform.timers.clear(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = systemPlatform.timers.set(AGAIN_MS, end)
    signal.addEventListener('abort', end)
  })
}

/** The signal ends the connection too. */
function reach(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.removeListener('error', reject)
      resolve(socket)
    })
  })
}

/** One run: its worker process may be killed and forked again, and finds on its disk what it left. */
async function serve(socket: Socket): Promise<void> {
  const ground = mkdtempSync(path.join(tmpdir(), 'wattness-simulation-'))
  const reader = new FrameReader()
  let worker: WorkerChannel | undefined
  const say = (message: FromMachine): void => {
    if (!socket.destroyed) socket.write(encodeFrame(message))
  }
  const onOrder = (order: ToMachine): void => {
    if ('message' in order) worker?.send(grounded(order.message, ground))
    else if (order.act === 'kill') worker?.kill()
    else {
      worker?.kill()
      const own = forkWorker({
        onMessage: (message) => say({ message }),
        onEnd: (end) => {
          if (worker === own) worker = undefined
          say({ end })
        },
      })
      worker = own
    }
  }
  let fault: Error | undefined
  socket.setNoDelay(true)
  socket.on('error', (error) => {
    fault = error
  })
  socket.on('data', (piece: Buffer) => {
    try {
      for (const order of reader.read(piece)) onOrder(order as ToMachine)
    } catch (error) {
      socket.destroy(error as Error)
    }
  })
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  worker?.kill()
  rmSync(ground, { recursive: true, force: true })
  if (fault !== undefined) throw fault
}

/** Nodes keep their blocks on this machine's disk, or where they were told in memory. */
function grounded(message: ToWorker, ground: string): ToWorker {
  if (message === 'end' || message.order !== 'begin') return message
  const init = message.argument as WorkerInit
  return { ...message, argument: { ...init, ground, directory: init.directory === undefined ? undefined : ground } }
}
