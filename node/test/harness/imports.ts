import path from 'node:path'
import { maskSource } from './mask.ts'
import type { SourceFile } from './source-tree.ts'

/** One import, re-export or import() of a file. */
export interface Import {
  /** As written. */
  readonly specifier: string
  /** For a relative one the file it names, from the top of the project; undefined for a package. */
  readonly target: string | undefined
  /** Erased by the compiler, so nothing of it is loaded. */
  readonly typeOnly: boolean
}

const PATTERNS = [
  /\b(?:import|export)\s+(?<type>type\s+)?[\w$*\s{},]*?\bfrom\s*['"](?<inside>[^'"]*)['"]/dg,
  /\bimport\s*['"](?<inside>[^'"]*)['"]/dg,
  /\bimport\s*\(\s*['"](?<inside>[^'"]*)['"]/dg,
]

export function listImports(file: SourceFile): Import[] {
  const masked = maskSource(file.text)
  return PATTERNS.flatMap((pattern) =>
    [...masked.matchAll(pattern)].map((match) => {
      const [start, end] = match.indices?.groups?.['inside'] ?? [0, 0]
      const specifier = file.text.slice(start, end)
      const target = specifier.startsWith('.') ? path.posix.join(path.posix.dirname(file.path), specifier) : undefined
      return { specifier, target, typeOnly: match.groups?.['type'] !== undefined }
    }),
  )
}
