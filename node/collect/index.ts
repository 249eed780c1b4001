/** The room's door: meter sources, what of them is kept, and their way to the spool. Other rooms import nothing else of it. */

export { type BackFillCounts, type BackFillRow, backFill } from './back-fill.ts'
export { type BackOffPolicy, DEFAULT_BACK_OFF } from './back-off.ts'
export { Collector, type CollectorInit } from './collector.ts'
export { type CsvMapping, CsvMappingSchema } from './csv-mapping.ts'
export { type DataDir, openDataDir, type SkippedFile } from './data-dir.ts'
export { checkSource, FORMATS, openSource, parseSpec } from './formats.ts'
export { type FrameSignature, frameFormat, frameSignature } from './frame-format.ts'
export { type GreenButtonExport, type GreenButtonLine, GreenButtonWriter, greenButtonFeed } from './green-button-writer.ts'
export { type HouseholdOptions, householdReading, householdReadings } from './household.ts'
export { type ReadCounts, type ReadLine, type ReadOptions, readFile, readLines, writeReadings } from './read.ts'
export { Replay, type Stretch } from './replay.ts'
export { DEFAULT_SAMPLING, Sampler, type SamplingPolicy } from './sampling.ts'
export type {
  EventItem,
  FaultItem,
  MeterSource,
  OfferedSource,
  ReadingItem,
  SourceDeps,
  SourceFormat,
  SourceItem,
  SourceSpec,
} from './source.ts'
export { fileMemory, type SourceMemory } from './source-memory.ts'
export { sourceName } from './source-name.ts'
export { redactSpec } from './source-spec.ts'
export type { SourceCounts, SourceEvent, SourceFault, SourceState } from './source-watch.ts'
export type { TakenItem } from './take-queue.ts'
export { TOLD_FAULTS } from './told-faults.ts'
