import { constants, createReadStream, open } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { MAX_PROOF_FILE_BYTES, parseTicket } from '../../protocol/index.ts'
import { checkFile } from '../control/index.ts'
import { useNativeHash, verifySignature } from '../index.ts'
import { addCommand, type Context, FOUND_WRONG, type SharedOptions, usage } from './context.ts'

interface CheckFlags extends SharedOptions {
  readonly ticket?: string
}

/** Nothing came for so long: the person at the keyboard is told why nothing happens. */
const LATE_MS = 1_000

export function registerCheck(program: Command, context: Context): void {
  addCommand(
    program,
    'check <file>',
    'what a file of `prove` or `evidence` proves, in plain words; needs no node, no directory and no network',
    'wattness check proof.json --ticket wattness-ticket:1:…',
  )
    .option('--ticket <ticket>', 'the network it must be of; without it the file is believed which network it is of')
    .addHelpText('after', '\nStatus 1 where it proves nothing, with the part that is wrong.')
    .action((file: string, flags: CheckFlags) => check(context, file, flags))
}

async function check(context: Context, file: string, flags: CheckFlags): Promise<void> {
  useNativeHash()
  const ticketGenesis = flags.ticket === undefined ? undefined : parseTicket(flags.ticket).genesis.bytes
  const bytes = await readSome(context, resolve(file))
  const { ok, result, words } = checkFile(bytes, { verify: verifySignature, ticketGenesis })
  if (!ok) context.status = FOUND_WRONG
  const hint = flags.ticket === undefined && ok ? '\nIs it the right network? --ticket makes sure.' : ''
  await context.print(flags, result, words + hint)
}

/** Of a file that is too large, so much that it shows. Throws USAGE for what cannot be read. */
async function readSome(context: Context, path: string): Promise<Uint8Array> {
  try {
    return (await stat(path)).isFIFO() ? await readPipe(context, path) : await readUpTo(createReadStream(path))
  } catch (error) {
    context.io.stopped.throwIfAborted()
    throw usage(`${path}: cannot be read: ${(error as Error).message}`)
  }
}

/**
 * What another command writes at the same time, which may take it long, or which may never come. An open that waits for it
 * could not even be ended by a signal: this one does not wait, the reading does.
 */
async function readPipe(context: Context, path: string): Promise<Uint8Array> {
  const { stopped, platform } = context.io
  const { fd } = await openNow(path)
  const pipe = new Socket({ fd, writable: false, signal: stopped })
  const late = platform.timers.set(LATE_MS, () => {
    void context.note(`${path} is a pipe: waiting for whoever writes it`)
  })
  try {
    return await readUpTo(pipe)
  } finally {
    platform.timers.clear(late)
  }
}

function openNow(path: string): Promise<{ readonly fd: number }> {
  return new Promise((resolve, reject) => {
    open(path, constants.O_RDONLY | constants.O_NONBLOCK, (error, fd) => (error === null ? resolve({ fd }) : reject(error)))
  })
}

async function readUpTo(stream: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of stream) {
    parts.push(part)
    length += part.length
    if (length > MAX_PROOF_FILE_BYTES) break
  }
  return Buffer.concat(parts).subarray(0, MAX_PROOF_FILE_BYTES + 1)
}
