import { writeSync } from 'node:fs'
import { migrateLedger } from '../../store/index.ts'
import { inventedSchema } from './invented-schema.ts'

/** Run by the test of migration and killed by it: takes a large invented step and says, line by line, how far it is. */
export const MIGRATED_RECORDS = 400

const [, script, directory] = process.argv
if (script !== undefined && import.meta.filename === script && directory !== undefined) {
  await migrateLedger({
    directory,
    plan: inventedSchema('large', MIGRATED_RECORDS),
    onProgress: ({ done }) => void writeSync(1, `${done}\n`),
  })
}
