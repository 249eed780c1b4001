import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { MAX_PROOF_FILE_BYTES, parseTicket } from '../../protocol/index.ts'
import { checkFile } from '../control/index.ts'
import { useNativeHash, verifySignature } from '../index.ts'
import { addCommand, type Context, FOUND_WRONG, type SharedOptions, usage } from './context.ts'

interface CheckFlags extends SharedOptions {
  readonly ticket?: string
}

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
  const bytes = await readSome(resolve(file))
  const { ok, result, words } = checkFile(bytes, { verify: verifySignature, ticketGenesis })
  if (!ok) context.status = FOUND_WRONG
  const hint = flags.ticket === undefined && ok ? '\nIs it the right network? --ticket makes sure.' : ''
  await context.print(flags, result, words + hint)
}

/** Of a file that is too large, so much that it shows. Throws USAGE for what cannot be read. */
async function readSome(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path)
    try {
      // A pipe has no size, and gives its bytes in pieces.
      const bytes = Buffer.alloc(MAX_PROOF_FILE_BYTES + 1)
      for (let at = 0; ; ) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at)
        at += bytesRead
        if (bytesRead === 0 || at === bytes.length) return bytes.subarray(0, at)
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    throw usage(`${path}: cannot be read: ${(error as Error).message}`)
  }
}
