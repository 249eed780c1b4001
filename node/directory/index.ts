/** The room of a node's directory: what stands in it, who may use it, and how its small files are written. */

export { promiseAddresses, readAddresses, rememberAddresses, rememberedListen } from './addresses.ts'
export { readIfThere, syncDirectory, systemCode, unusable, writeNewFile } from './durable-file.ts'
export { type Entry, readEntry, writeEntry } from './entry.ts'
export { explainFullDisk } from './full-disk.ts'
export { createKeyFile, keyFileExists, readKeyFile } from './key-file.ts'
export { assertGenesisSame, createGenesisFile, type DirectoryFiles, filesOf, makeDirectory, readGenesisFile } from './layout.ts'
export { readNeighbours, rememberNeighbours } from './neighbours.ts'
