import { useState } from 'preact/hooks'
import { MAX_PROOF_FILE_BYTES } from '../../../protocol/index.ts'
import { checkFile, type FileReport } from './check/file-check.ts'
import type { SignatureChecker } from './check/signatures.ts'

export interface DroppedFile {
  readonly name: string
  /** Undefined while it is being checked. */
  readonly report: FileReport | undefined
}

/** The file that was dropped or chosen last, and what it proves. */
export function useDroppedFile(checker: Promise<SignatureChecker>): readonly [DroppedFile | undefined, (file: File) => void] {
  const [dropped, setDropped] = useState<DroppedFile | undefined>(undefined)
  const take = async (file: File): Promise<void> => {
    const { name, size } = file
    setDropped({ name, report: undefined })
    const report: FileReport =
      size > MAX_PROOF_FILE_BYTES
        ? { type: 'too-large', bytes: size }
        : await checkFile(new Uint8Array(await file.arrayBuffer()), await checker)
    setDropped((now) => (now?.name === name ? { name, report } : now))
  }
  return [dropped, (file) => void take(file)]
}
