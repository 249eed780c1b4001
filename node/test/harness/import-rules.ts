import { type Import, listImports } from './imports.ts'
import { isTestOrBench, isTypeScript, type SourceFile } from './source-tree.ts'

/** A rule over the whole source; each fault is a line that names the file. */
export type Rule = (files: readonly SourceFile[]) => string[]

/** The rooms of node/; a new one is added here in the commit that opens it. */
export const ROOMS = [
  'collect',
  'seal',
  'validate',
  'store',
  'gossip',
  'sync',
  'witness',
  'query',
  'observe',
  'net',
  'membership',
  'directory',
  'config',
  'control',
  'audit',
  'archive',
  'demo',
  'cli',
] as const

/** Rooms that stand on the whole node: what is typed, and what shows a neighbourhood of many nodes. */
const ABOVE_THE_NODE = new Set(['cli', 'demo'])

/** Files that stand above the rooms and put them together. */
const WIRERS = new Set(['node/node.ts', 'node/parts.ts', 'node/open-node.ts', 'node/index.ts'])

/** `node/seal/sealer.ts` is in the room `seal`; files directly under node/, tests and benches are in none. */
function roomOf(path: string): string | undefined {
  const room = /^node\/([^/]+)\//.exec(path)?.[1]
  return room === 'test' || room === 'bench' ? undefined : room
}

function isIn(part: string, path: string | undefined): boolean {
  return path?.startsWith(`${part}/`) === true
}

function importFaults(
  files: readonly SourceFile[],
  concerns: (file: SourceFile) => boolean,
  fault: (file: SourceFile, imported: Import) => string | undefined,
): string[] {
  return files
    .filter((file) => isTypeScript(file) && concerns(file))
    .flatMap((file) =>
      listImports(file).flatMap((imported) => {
        const reason = fault(file, imported)
        return reason === undefined ? [] : [`${file.path} imports ${imported.specifier}: ${reason}`]
      }),
    )
}

export const protocolImports: Rule = (files) =>
  importFaults(
    files,
    (file) => isIn('protocol', file.path),
    (file, { specifier, target }) => {
      if (target !== undefined)
        return isIn('protocol', target) ? undefined : 'protocol/ imports nothing of the project but itself'
      if (isTestOrBench(file) || specifier.startsWith('@noble/hashes/')) return undefined
      return 'protocol/ imports no package but @noble/hashes'
    },
  )

export const nodeImports: Rule = (files) =>
  importFaults(
    files,
    (file) => isIn('node', file.path),
    (_file, { target }) =>
      target === undefined || isIn('node', target) || isIn('protocol', target)
        ? undefined
        : 'node/ sees itself and protocol/ only',
  )

export const simulationImports: Rule = (files) =>
  importFaults(
    files,
    (file) => isIn('simulations', file.path),
    (file, { target }) => {
      if (target === undefined || isIn('simulations', target) || isIn('protocol', target)) return undefined
      // What implements a port of the node runs the suite of that port.
      if (isTestOrBench(file) && isIn('node/test', target)) return undefined
      return target === 'node/index.ts' ? undefined : 'simulations/ see protocol/ and node/index.ts only'
    },
  )

export const dockerImports: Rule = (files) =>
  importFaults(
    files,
    (file) => isIn('docker', file.path),
    (_file, { target }) => (target === undefined || isIn('docker', target) ? undefined : 'docker/ uses the command line only'),
  )

export const roomDoors: Rule = (files) =>
  importFaults(
    files,
    (file) => isIn('node', file.path) && !isTestOrBench(file),
    (file, { target }) => {
      const room = target === undefined ? undefined : roomOf(target)
      if (room === undefined || room === roomOf(file.path) || target === `node/${room}/index.ts`) return undefined
      return `the room ${room} is entered by node/${room}/index.ts only`
    },
  )

export const wiring: Rule = (files) =>
  importFaults(
    files,
    (file) => isIn('node', file.path) && !isTestOrBench(file),
    (file, { target, typeOnly }) => {
      if (target === undefined || WIRERS.has(file.path)) return undefined
      const room = roomOf(file.path)
      // Types may be named anywhere: what is loaded is what wires.
      if (room === undefined && roomOf(target) !== undefined && !typeOnly) {
        return `outside the rooms only ${[...WIRERS].join(', ')} load them`
      }
      if (room !== undefined && !ABOVE_THE_NODE.has(room) && WIRERS.has(target)) return 'a room does not know the whole node'
      return roomOf(target) === 'cli' && room !== 'cli' ? 'nothing stands on the command line' : undefined
    },
  )

/** Types may point both ways; what is loaded may not, or the order of loading would decide what works. */
export const roomCycles: Rule = (files) => {
  const edges = new Map<string, Set<string>>()
  for (const file of files.filter((each) => isTypeScript(each) && !isTestOrBench(each))) {
    const from = roomOf(file.path)
    if (from === undefined) continue
    const known = edges.get(from) ?? new Set()
    edges.set(from, known)
    for (const { target, typeOnly } of listImports(file)) {
      const to = target === undefined || typeOnly ? undefined : roomOf(target)
      if (to !== undefined && to !== from) known.add(to)
    }
  }
  return findCycles(edges).map((cycle) => `node/: the rooms ${cycle.join(' → ')} import each other in a circle`)
}

function findCycles(edges: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const cycles: string[][] = []
  const finished = new Set<string>()
  const visit = (room: string, path: readonly string[]): void => {
    const seenAt = path.indexOf(room)
    if (seenAt !== -1) cycles.push([...path.slice(seenAt), room])
    if (seenAt !== -1 || finished.has(room)) return
    for (const next of edges.get(room) ?? []) visit(next, [...path, room])
    finished.add(room)
  }
  for (const room of edges.keys()) visit(room, [])
  return cycles
}

export const knownRooms: Rule = (files) => {
  const found = new Set(files.filter(isTypeScript).flatMap((file) => roomOf(file.path) ?? []))
  return [...found]
    .filter((room) => !ROOMS.some((known) => known === room))
    .map((room) => `node/${room}/: not a room; the rooms are ${ROOMS.join(', ')}`)
}
