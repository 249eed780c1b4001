import { isWattnessError } from '../../../protocol/errors.ts'
import { type ReadLine, type ReadOptions, readFile } from '../../collect/read.ts'
import type { FaultItem } from '../../collect/source.ts'
import { systemPlatform } from '../../platform.ts'

/** A capture through the door that everybody's files go through. */
export interface Capture {
  readonly lines: readonly ReadLine[]
  readonly faults: readonly FaultItem[]
  /** Why it could not be opened at all. */
  readonly error?: string
}

export async function readCapture(path: string, options: ReadOptions = {}): Promise<Capture> {
  const lines: ReadLine[] = []
  const faults: FaultItem[] = []
  try {
    for await (const item of readFile(path, systemPlatform, options)) {
      if ('type' in item) faults.push(item)
      else lines.push(item)
    }
    return { lines, faults }
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return { lines, faults, error: `${error.code}: ${error.message}` }
  }
}

/** Why a capture gave nothing, in a line. */
export function refusalOf({ faults, error }: Capture): string {
  const [first] = faults
  return error ?? (first === undefined ? 'nothing was read, and no fault was told' : `${first.code}: ${first.message}`)
}
