import { fromUtf8, toUtf8 } from '../../protocol/index.ts'

/** Small files of a node's directory that go with its store. What belongs to one machine or one run stays behind. */
export const ARCHIVED_FILES: readonly string[] = ['genesis.json', 'config.json', 'entry.json', 'neighbours.json']

/** Only where it was asked for by name. */
export const PRIVATE_KEY_FILE = 'key'

/** Bytes of one of them: a genesis of 256 members comes to a tenth. */
export const MAX_ARCHIVED_FILE_BYTES = 524_288

export function modeOf(name: string): number {
  return name === 'genesis.json' ? 0o644 : 0o600
}

/**
 * The configuration without the word that no other copy of the key exists: the store that it was said of went on since, or may
 * have. The same bytes where there is no such word, or where it cannot be read.
 */
export function withoutSealAlone(content: Uint8Array): Uint8Array {
  try {
    const config: unknown = JSON.parse(fromUtf8(content))
    if (typeof config !== 'object' || config === null || !('sealAlone' in config)) return content
    const { sealAlone: _, ...rest } = config
    return toUtf8(`${JSON.stringify(rest, null, 2)}\n`)
  } catch {
    return content
  }
}
