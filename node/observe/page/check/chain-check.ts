import { blockHash, decodeHeader, isWattnessError, toHex } from '../../../../protocol/index.ts'
import type { BlockHead } from '../../schemas/index.ts'

/** Entries of one C2SP tile. */
export const TILE_ENTRIES = 256

/**
 * The bundles of entries, as paths below `/tlog/<member>/tile/`, that hold the headers of these heights, and none above: however
 * much the chain has grown since the heights were told, they are there.
 */
export function entryTiles(low: number, high: number): { readonly path: string; readonly first: number }[] {
  const tiles: { path: string; first: number }[] = []
  for (let index = Math.floor(low / TILE_ENTRIES); index * TILE_ENTRIES <= high; index++) {
    const first = index * TILE_ENTRIES
    const width = Math.min(TILE_ENTRIES, high + 1 - first)
    const digits = String(index)
    const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) ?? []
    const name = groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join('/')
    tiles.push({ path: `entries/${name}${width === TILE_ENTRIES ? '' : `.p/${width}`}`, first })
  }
  return tiles
}

/** Each entry stands behind its length in two bytes, big-endian. Undefined for bytes that are no such bundle. */
export function splitEntries(bytes: Uint8Array): Uint8Array[] | undefined {
  const entries: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    const end = at + 2 + length
    if (at + 2 > bytes.length || end > bytes.length || entries.length === TILE_ENTRIES) return undefined
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return entries
}

/**
 * Whether rows, the newest first, are the chain below a block whose signature was checked: each header hashes to the hash that
 * the one above it names, and says what its row says. What is wrong, with the height, in words; undefined where nothing is.
 */
export function chainFault(rows: readonly BlockHead[], headers: ReadonlyMap<number, Uint8Array>): string | undefined {
  let named: string | undefined
  for (const row of rows) {
    const fault = rowFault(row, headers.get(row.height), named)
    if (fault !== undefined) return `height ${row.height}: ${fault}`
    named = row.previous
  }
  return undefined
}

function rowFault(row: BlockHead, headerBytes: Uint8Array | undefined, named: string | undefined): string | undefined {
  if (headerBytes === undefined) return 'no header to check it with'
  try {
    const header = decodeHeader(headerBytes)
    const hash = toHex(blockHash(headerBytes))
    if (hash !== row.hash) return `hash: found ${row.hash}, its header has ${hash}`
    if (named !== undefined && named !== hash) return `the block above names ${named}, and this is ${hash}`
    if (header.height !== row.height) return `its header says height ${header.height}`
    if (toHex(header.previous) !== row.previous)
      return `previous: found ${row.previous}, its header has ${toHex(header.previous)}`
    if (toHex(header.member) !== row.key) return `its header is of member ${toHex(header.member)}`
    return header.sealedAt === Date.parse(row.sealedAt) ? undefined : `sealed at: found ${row.sealedAt}, not what its header says`
  } catch (error) {
    return isWattnessError(error) ? `${error.code}: ${error.message}` : String(error)
  }
}
