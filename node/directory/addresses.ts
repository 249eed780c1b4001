import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { readJsonFile, textsOf, writeJsonFile } from './json-file.ts'
import type { DirectoryFiles } from './layout.ts'

/**
 * The addresses under which this node was last reached, or will be. A port that the system chose is asked for again, so that
 * a ticket outlives a restart.
 */

export async function readAddresses(files: DirectoryFiles): Promise<readonly string[]> {
  const value = await readJsonFile(files.addresses)
  return value === undefined ? [] : textsOf(files.addresses, 'addresses', value['addresses'])
}

export async function rememberAddresses(files: DirectoryFiles, addresses: readonly string[]): Promise<void> {
  const known = await readAddresses(files).catch(() => [])
  const isSame = known.length === addresses.length && known.every((address, i) => address === addresses[i])
  if (!isSame) await writeJsonFile(files.addresses, { addresses })
}

const ANY_PORT = /^\/(ip[46])\/([^/]+)\/tcp\/0$/
const TCP_PORT = /^\/(ip[46])\/[^/]+\/tcp\/(\d+)(?:\/|$)/

/** `listen` with each port 0 replaced by the one of the last time, where that is still free. */
export async function rememberedListen(files: DirectoryFiles, listen: readonly string[]): Promise<string[]> {
  // Only a hint: whatever is wrong with the file, the system chooses a port then.
  const known = await readAddresses(files).catch(() => [])
  const used = new Set<string>()
  const chosen: string[] = []
  for (const address of listen) {
    const [, family, host] = ANY_PORT.exec(address) ?? []
    const port = family === undefined ? undefined : lastPort(known, family)
    if (host === undefined || port === undefined || used.has(port) || !(await isFree(Number(port), host))) chosen.push(address)
    else {
      used.add(port)
      chosen.push(`/${family}/${host}/tcp/${port}`)
    }
  }
  return chosen
}

function lastPort(known: readonly string[], family: string): string | undefined {
  return known.map((address) => TCP_PORT.exec(address)).find((match) => match?.[1] === family)?.[2]
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/**
 * Where the node of `key` will be reached once it listens on `listen`, remembered so that it does: what stands in a ticket
 * that is made before the first start.
 */
export async function promiseAddresses(
  files: DirectoryFiles,
  listen: readonly string[],
  key: Uint8Array,
): Promise<readonly string[]> {
  const id = peerIdFromPublicKey(publicKeyFromRaw(key)).toString()
  const promised: string[] = []
  for (const address of await rememberedListen(files, listen)) {
    const [, family, host, port] = TCP_ADDRESS.exec(address) ?? []
    if (family === undefined || host === undefined || port === undefined) continue
    const chosen = port === '0' ? await freePort(host) : Number(port)
    for (const each of hostsOf(host)) promised.push(`/${family}/${each}/tcp/${chosen}/p2p/${id}`)
  }
  if (promised.length > 0) await rememberAddresses(files, promised)
  return promised
}

const TCP_ADDRESS = /^\/(ip[46])\/([^/]+)\/tcp\/(\d+)$/

/** The machine's own addresses in place of "all of them". */
function hostsOf(host: string): readonly string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host]
  const family = host === '::' ? 'IPv6' : 'IPv4'
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter((each) => each.family === family && !each.address.startsWith('fe80'))
    .map(({ address }) => address)
}

function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port: 0, host, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
