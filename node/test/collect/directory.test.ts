import { join } from 'node:path'
import { expect } from 'chai'
import { checkSource } from '../../collect/index.ts'
import { systemPlatform } from '../../platform.ts'
import { itemsOf, readingsOf, thrownCode, withFiles } from './inputs.ts'

const MAPPING = JSON.stringify({
  layout: 'long',
  time: { column: 't', format: 'iso', names: 'end' },
  interval: '15m',
  values: [{ column: 'v', register: '1-0:1.29.0', unit: 'kWh', decimals: 3 }],
})
const FILES = {
  'a.csv': 't,v\n2025-01-01T00:15:00Z,1.000\n',
  'm.json': MAPPING,
  'bad.json': '{"layout":"round"}',
  'a.jsonl': '{"time":"2025-01-01T00:00:00Z","values":{"1-0:1.8.0":"1 kWh"}}\n',
  'a.txt': '/ISK5\\2M550T-1012\r\n\r\n0-0:1.0.0(250101000000W)\r\n1-0:1.8.1(000001.000*kWh)\r\n!\r\n',
}

describe('files that sources name', () => {
  it('are looked for in the directory that is given, and at the root where they begin there', () =>
    withFiles(FILES, async (directory) => {
      const deps = { ...systemPlatform, directory }
      const specs = ['csv:a.csv?map=m.json', 'jsonl:a.jsonl', 'p1:a.txt', 'p1:./a.txt']
      for (const spec of [...specs, `csv:a.csv?map=${join(directory, 'm.json')}`, `jsonl:${join(directory, 'a.jsonl')}`]) {
        expect(readingsOf(await itemsOf(spec, deps)), spec).to.have.length(1)
      }
      // A name that is found only where the process happens to run is not taken.
      for (const spec of ['jsonl:package.json', 'p1:package.json', 'csv:package.json']) {
        expect(await thrownCode(() => itemsOf(spec, deps)), spec).to.equal('SOURCE_UNREADABLE')
      }
    }))

  it('CSV_MAPPING_INVALID: a mapping is checked without its data', () =>
    withFiles(FILES, async (directory) => {
      const deps = { ...systemPlatform, directory }
      const codeOf = (spec: string): Promise<string> => thrownCode(() => checkSource(spec, deps))
      expect(await codeOf('csv:not-there-yet.csv?map=bad.json')).to.equal('CSV_MAPPING_INVALID')
      expect(await codeOf('csv:a.csv?map=nowhere.json')).to.equal('CSV_MAPPING_INVALID')
      for (const spec of ['csv:not-there-yet.csv?map=m.json', 'csv:a.csv', 'p1:a.txt', 'household:7']) {
        expect(await codeOf(spec), spec).to.equal('nothing thrown')
      }
      expect(await codeOf('csv:a.csv?mop=m.json')).to.equal('SOURCE_OPTION_INVALID')
    }))
})
