import { writeFileSync } from 'node:fs'
import { fromHex, toHex } from '../../bytes.ts'
import { WattnessError } from '../../errors.ts'
import { decodeEvents, EVENT_CODES, encodeEvents, type MeterEvent } from '../../event-body.ts'

const START = Date.parse('2013-01-01T00:00:00Z')

const inputs: readonly { readonly name: string; readonly events: readonly MeterEvent[] }[] = [
  { name: 'one event without detail', events: [{ time: START, code: EVENT_CODES['power-fail'], detail: '' }] },
  {
    name: 'every code that has a name',
    events: Object.values(EVENT_CODES).map((code, i) => ({ time: START + i, code, detail: '' })),
  },
  { name: 'a code without a name, and detail beyond ASCII', events: [{ time: START, code: 200, detail: 'Zähler 7 ⚡' }] },
  { name: 'times that go back, the largest first', events: [2 ** 52 - 1, 0].map((time) => ({ time, code: 0, detail: 'x' })) },
]

const refusedInputs = [
  ['no byte', ''],
  ['no event', '00'],
  ['257 events', '8201'],
  ['an event cut short', '010001'],
  ['a time of 2^52', '0188808080808080000000'],
  ['detail of 201 bytes', `010001c9${'61'.repeat(201)}`],
  ['detail that is no UTF-8', '01000101ff'],
  ['a byte too many', '0100010000'],
] as const

function refusal(name: string, hex: string): string {
  try {
    decodeEvents(fromHex(hex))
  } catch (error) {
    if (error instanceof WattnessError) return error.code
  }
  throw new Error(`${name} is not refused`)
}

export const eventBodyVectors = {
  comment: 'Content of bodies of kind event (rules R30 to R34), without salt. Made by make-event-body.ts.',
  cases: inputs.map((input) => ({ ...input, hex: toHex(encodeEvents(input.events)) })),
  refused: refusedInputs.map(([name, hex]) => ({ name, hex, refused: refusal(name, hex) })),
}

if (import.meta.main) {
  writeFileSync(new URL('event-body.json', import.meta.url), `${JSON.stringify(eventBodyVectors, null, 2)}\n`)
}
