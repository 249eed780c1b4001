import { createServer } from 'node:net'
import { readJsonFile, textsOf, writeJsonFile } from './json-file.ts'
import type { DirectoryFiles } from './layout.ts'

/**
 * The addresses under which this node was last reached. A port that the system chose is asked for again, so that a ticket
 * outlives a restart.
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
