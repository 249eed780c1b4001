/** The room where a whole store becomes one file, and a file a store again. */
export { type ArchiveEnd, type ArchiveHead } from './archive-format.ts'
export {
  type ArchiveProgress,
  type ArchiveReport,
  archiveDirectory,
  type CreateArchiveInit,
  createArchive,
} from './create-archive.ts'
export { type RestoreArchiveInit, type RestoreReport, restoreArchive } from './restore-archive.ts'
