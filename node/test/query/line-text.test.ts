import { expect } from 'chai'
import { WattnessError } from '../../../protocol/index.ts'
import { type BalanceAnswer, balanceText, type ReadingsAnswer, readingsText, type TextFormat } from '../../query/index.ts'
import { codeOf } from './made-home.ts'

const LINE = { time: '2025-01-01T00:00:00Z', value: '1.000', quality: 'good', timeSource: 'meter-clock' } as const

/** Two batches, then `error` or the end. */
const answer = (error?: Error): ReadingsAnswer => ({
  head: { register: '1-0:1.8.0', unit: 'kWh', kind: 'counter', from: 'a', to: 'b', resolution: 'raw', tz: 'UTC' },
  lines: async function* lines() {
    yield [LINE]
    yield [LINE, LINE]
    if (error !== undefined) throw error
    return { total: null, count: 3, gaps: [], gapCount: 0, quality: { good: 3 } }
  },
})

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  return text
}

describe('answers as text', () => {
  const damaged = new WattnessError('STORE_DAMAGED', 'block 7 is damaged')

  it('that break off must not look whole: ndjson says why, json and csv end with the error', async () => {
    const lines = (await textOf(readingsText(answer(damaged), 'ndjson', {}))).trimEnd().split('\n')
    expect(lines).to.have.length(4)
    expect(JSON.parse(lines[3] as string)).to.deep.equal({ error: { code: 'STORE_DAMAGED', message: 'block 7 is damaged' } })
    for (const format of ['json', 'csv'] as const)
      expect(await codeOf(() => textOf(readingsText(answer(damaged), format, {}))), format).to.equal('STORE_DAMAGED')
    const unforeseen = new Error('unforeseen')
    const found = await textOf(readingsText(answer(unforeseen), 'ndjson', {})).catch((error: unknown) => error)
    expect(found).to.equal(unforeseen)
  })

  it('come in pieces, and are whole together', async () => {
    const whole = JSON.parse(await textOf(readingsText(answer(), 'json', { member: 3 }))) as { values: unknown[]; count: number }
    expect(whole).to.deep.include({ member: 3, register: '1-0:1.8.0', count: 3 })
    expect(whole.values).to.deep.equal([LINE, LINE, LINE])
  })

  it('of balances of any length are whole too', () => {
    const line = {
      import: '1',
      export: null,
      selfConsumption: null,
      net: '1',
      feeder: null,
      loss: null,
      missing: [2, 3],
      estimated: [],
    }
    const balance = (count: number): BalanceAnswer => ({
      unit: 'kWh',
      from: 'a',
      to: 'b',
      lines: function* lines() {
        for (let i = 0; i < count; i++) yield { from: String(i), to: String(i + 1), ...line }
      },
      total: line,
    })
    for (const count of [0, 1, 512, 1_300]) {
      const text = (format: TextFormat): string => [...balanceText(balance(count), format, { feeder: null })].join('')
      const json = JSON.parse(text('json')) as { intervals: unknown[]; total: unknown; unit: string }
      expect([json.intervals.length, json.total, json.unit]).to.deep.equal([count, line, 'kWh'])
      expect(text('ndjson').trimEnd().split('\n')).to.have.length(count + 1)
      const csv = text('csv').trimEnd().split('\n')
      expect(csv).to.have.length(count + 1)
      if (count > 0) expect(csv[1]).to.equal('0,1,1,,,1,,,kWh,2 3,')
    }
  })
})
