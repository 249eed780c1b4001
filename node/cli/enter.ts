import {
  decodeLabelRecord,
  encodeLabelRecord,
  equalBytes,
  formatJoinRequest,
  type Genesis,
  type JoinAnswer,
  type JoinRequest,
  makeJoinRequest,
  parseJoinRequest,
  type Roles,
  SALT_BYTES,
  type Signer,
  type Ticket,
} from '../../protocol/index.ts'
import {
  createGenesisFile,
  createKeyFile,
  type DirectoryFiles,
  keyFileExists,
  makeDirectory,
  readEntry,
  readKeyFile,
  writeEntry,
} from '../directory/index.ts'
import { createLibp2pNetwork, createSigner } from '../index.ts'
import { type Asked, askAdmission } from '../membership/index.ts'
import type { Io } from './io.ts'
import { holdDirectory } from './ledger.ts'

/** A directory that was made ready for a network; its key exists from now on. */
export interface Entered {
  readonly files: DirectoryFiles
  readonly genesis: Genesis
  readonly seed: Uint8Array
  readonly signer: Signer
}

export interface Admission extends Asked {
  readonly answer?: JoinAnswer
  readonly request: JoinRequest
  /** For pasting into `member admit`. */
  readonly requestText: string
}

/**
 * Runs `work` while this process holds the directory, made for the ticket's network where it was not yet. May be repeated:
 * what was made before stays. Throws OTHER_NETWORK, STORE_LOCKED, KEY_EXPOSED, …
 */
export async function enterNetwork<T>(io: Io, dir: string, ticket: Ticket, work: (entered: Entered) => Promise<T>): Promise<T> {
  const files = await makeDirectory(dir)
  const lock = await holdDirectory(files.dir)
  try {
    await createGenesisFile(files, ticket.genesis)
    const seed = (await keyFileExists(files)) ? await readKeyFile(files) : await createKeyFile(files, io.platform.random)
    const before = await readEntry(files)
    const addresses = [...new Set([...ticket.addresses, ...(before?.addresses ?? [])])].slice(0, MAX_ENTRY_ADDRESSES)
    await writeEntry(files, { ...before, addresses })
    return await work({ files, genesis: ticket.genesis, seed, signer: createSigner(seed) })
  } finally {
    await lock.release()
  }
}

/** Of several tickets, the newest's first. */
const MAX_ENTRY_ADDRESSES = 64

/** Asks the registrar to be let in, by a network that listens nowhere. */
export async function seekAdmission(io: Io, entered: Entered, ticket: Ticket, label: string, roles: Roles): Promise<Admission> {
  const { files, genesis, seed } = entered
  const request = await requestOf(io, entered, ticket, label, roles)
  const requestText = formatJoinRequest(request)
  const addresses = (await readEntry(files))?.addresses ?? []
  await writeEntry(files, { addresses, request: requestText })
  const network = await createLibp2pNetwork({ seed, platform: io.platform, listen: [] })
  await network.start({
    admits: (key, direction) => direction === 'outbound' && equalBytes(key, genesis.registrar),
    onLink: () => undefined,
    onUnlink: () => undefined,
    onChannel: () => undefined,
  })
  try {
    const asked = await askAdmission(network, genesis, addresses, request, io.stopped)
    return { ...asked, request, requestText }
  } finally {
    await network.stop()
  }
}

/** The label's salt of an earlier try is kept: the registrar must not see two labels for one key. */
async function requestOf(
  io: Io,
  { files, genesis, signer }: Entered,
  ticket: Ticket,
  label: string,
  roles: Roles,
): Promise<JoinRequest> {
  const text = (await readEntry(files))?.request
  const before = text === undefined ? undefined : parseJoinRequest(text).label
  const isSame = before !== undefined && decodeLabelRecord(before).text === label
  const record = isSame ? before : encodeLabelRecord(io.platform.random.bytes(SALT_BYTES), label)
  const asked = { networkId: genesis.networkId, member: signer, roles, label: record }
  return makeJoinRequest(ticket.held === undefined ? asked : { ...asked, held: ticket.held }, createSigner)
}
