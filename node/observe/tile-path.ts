import { WattnessError } from '../../protocol/index.ts'
import { TILE_WIDTH } from '../store/index.ts'

/** Of c2sp.org/tlog-tiles. */
export const MAX_PATH_LEVEL = 63

/** What stands behind `<prefix>/tile/`. */
export interface TilePath {
  /** Level of the tree's tiles, 0 to 63, or the log's entries themselves. */
  readonly level: number | 'entries'
  /** Tiles before it on its level. Inexact above 2^53, where no chain has any. */
  readonly index: number
  /** Hashes or entries asked for: 1 to 255 of a partial tile, 256 of a full one. */
  readonly width: number
}

const PATH = /^(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/

/** `0/x001/x234/067.p/8`: level, index in groups of three digits, width of a partial tile. Throws PATH_MALFORMED. */
export function parseTilePath(path: string): TilePath {
  const [, levelText, groups, widthText] = PATH.exec(path) ?? refuse(path, 'expected L/N, L/N.p/W, entries/N or entries/N.p/W')
  const level = levelText === 'entries' ? levelText : Number(levelText)
  if (level !== 'entries' && level > MAX_PATH_LEVEL) refuse(path, `expected a level from 0 to ${MAX_PATH_LEVEL}`)
  if ((groups as string).startsWith('x000/')) refuse(path, 'expected an index without leading groups of zeros')
  const width = widthText === undefined ? TILE_WIDTH : Number(widthText)
  if (widthText !== undefined && width >= TILE_WIDTH) refuse(path, `expected a width from 1 to ${TILE_WIDTH - 1}`)
  return { level, index: Number((groups as string).replace(/[x/]/g, '')), width }
}

/** The path that parseTilePath reads back. */
export function formatTilePath({ level, index, width }: TilePath): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/[0-9]{3}/g) as string[]
  const last = groups.pop() as string
  const suffix = width === TILE_WIDTH ? '' : `.p/${width}`
  return `${level}/${groups.map((group) => `x${group}/`).join('')}${last}${suffix}`
}

function refuse(path: string, expected: string): never {
  throw new WattnessError('PATH_MALFORMED', `tile path: found ${JSON.stringify(path.slice(0, 80))}, ${expected}`, { expected })
}
