import type { Member } from '../../protocol/index.ts'
import { type GreenButtonLine, GreenButtonWriter } from '../collect/index.ts'
import type { ReadingsAnswer } from '../query/index.ts'

/** What an Atom feed is sent as. */
export const ATOM = 'application/atom+xml; charset=utf-8'

/** An answer of one register as a Green Button file; of readings as they were sealed only. */
export async function* greenButtonText(
  answer: ReadingsAnswer,
  { index, label }: Pick<Member, 'index' | 'label'>,
  updatedMs: number,
): AsyncGenerator<string> {
  const writer = new GreenButtonWriter({ title: label ?? `member ${index}`, updatedMs })
  const point = `member-${index}`
  yield writer.head() + writer.usagePoint(point, label ?? point)
  const { register, unit } = answer.head
  for await (const piece of answer.lines()) {
    const text = piece.map((line) => writer.addLine(point, { ...line, register, unit } as GreenButtonLine)).join('')
    if (text !== '') yield text
  }
  yield writer.end()
}
