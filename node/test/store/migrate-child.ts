import { writeSync } from 'node:fs'
import { migrateLedger, type SchemaPlan } from '../../store/index.ts'
import { SCHEMA } from '../../store/schema.ts'
import { inventedSchema } from './invented-schema.ts'

/**
 * Run by the tests of migration and killed: takes the large steps and says, line by line, how far it is. With a number it takes
 * this program's own steps, and kills itself once it has said so many lines; else an invented one, and is killed by the test.
 */
export const MIGRATED_RECORDS = 400

const [, script, directory, lines] = process.argv
if (script !== undefined && import.meta.filename === script && directory !== undefined) {
  const plan: SchemaPlan = lines === undefined ? inventedSchema('large', MIGRATED_RECORDS) : SCHEMA
  let said = 0
  await migrateLedger({
    directory,
    plan,
    onProgress: ({ done }) => {
      writeSync(1, `${done}\n`)
      if (++said === Number(lines)) process.kill(process.pid, 'SIGKILL')
    },
  })
}
