import { readFile } from 'node:fs/promises'
import { openSource } from '../../collect/formats.ts'
import type { SourceItem } from '../../collect/source.ts'
import { systemPlatform } from '../../platform.ts'
import { exact, type Outcome, sameTexts } from './outcome.ts'

interface ExpectedRecord {
  readonly status: string
  readonly payload?: { readonly RD: readonly { readonly RV?: number | string; readonly RU?: string }[] }
}

/** What each verdict of the other check is called here. */
const VERDICTS: readonly (readonly [RegExp, string])[] = [
  [/^signature valid$/, 'valid'],
  [/^signature INVALID$/, 'OCMF_SIGNATURE_INVALID'],
  [/^key not readable/, 'OCMF_KEY_UNREADABLE'],
  [/^no public key/, 'no-key'],
  [/^not OCMF text$/, 'OCMF_RECORD_MALFORMED'],
]

/** Every record's verdict, in order, and every value of those whose signature is right; the record is kept bit for bit. */
export async function compareOcmf(path: string, expected: string): Promise<Outcome> {
  const records = JSON.parse(await readFile(expected, 'utf8')) as ExpectedRecord[]
  const container = await readFile(path, 'latin1')
  const verdicts = records.map(({ status }) => VERDICTS.find(([said]) => said.test(status))?.[1] ?? status)
  const values = records.flatMap(({ status, payload }) => {
    return status === 'signature valid'
      ? (payload?.RD ?? []).map(({ RV, RU = '' }) => exact(String(RV).trim(), RU === 'sec' ? 's' : RU))
      : []
  })
  const found = await foundIn(path)
  if (found.frames.some((frame) => !container.includes(frame))) {
    return { state: 'differs', reason: 'a record that was kept is not what stands in the file' }
  }
  return sameTexts(
    [...verdicts.map((verdict, index) => `record ${index + 1}: ${verdict}`), ...values],
    [...found.verdicts.map((verdict, index) => `record ${index + 1}: ${verdict}`), ...found.values],
  )
}

async function foundIn(path: string): Promise<{ verdicts: string[]; values: string[]; frames: string[] }> {
  const verdicts: string[] = []
  const values: string[] = []
  const frames: string[] = []
  const items: AsyncIterable<SourceItem> = openSource(`ocmf:${path}`, systemPlatform).items(new AbortController().signal)
  for await (const item of items) {
    if (item.type === 'fault') verdicts.push(item.code)
    if (item.type !== 'reading') continue
    if (item.frame !== undefined) {
      verdicts.push(item.signature ?? 'none')
      frames.push(Buffer.from(item.frame).toString('latin1'))
    }
    for (const { register, value } of item.reading.values) {
      if (value !== null) values.push(exact(`${value}e${register.scaler}`, register.unit === 7 ? 's' : 'Wh'))
    }
  }
  return { verdicts, values, frames }
}
