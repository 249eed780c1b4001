import { dlmsItems } from '../../collect/dlms.ts'
import type { DlmsKeys } from '../../collect/dlms-keys.ts'
import { parseZone } from '../../collect/local-time.ts'
import type { SourceItem } from '../../collect/source.ts'
import { all, pieces, stream } from './inputs.ts'

/** The node's clock of these tests. */
export const NOW = Date.UTC(2025, 5, 1, 12)
export const CENTRAL_EUROPE = { zone: parseZone('Europe/Amsterdam'), standardOffsetMs: 3_600_000 }

export interface How {
  /** Bytes of a piece; all at once unless given. */
  readonly size?: number
  readonly keys?: DlmsKeys
  readonly live?: boolean
}

export async function readDlms(input: Uint8Array, { size = input.length, keys, live = true }: How = {}): Promise<SourceItem[]> {
  const how = { zone: CENTRAL_EUROPE, live, now: () => NOW, ...(keys === undefined ? {} : { keys }) }
  return all(dlmsItems(stream(pieces(input, Math.max(1, size))), how))
}
