import { expect } from 'chai'
import { acceptsGzip } from '../../observe/accept-encoding.ts'

describe('accept-encoding', () => {
  it('gzip is taken where it is named, or everything is, with a weight above nothing', () => {
    for (const header of ['gzip', 'GZIP', 'br, gzip', 'gzip;q=0.001', 'gzip ; q=1.0', '*', '*;q=0.5', 'identity, *;q=0.1'])
      expect(acceptsGzip(header), header).to.equal(true)
  })

  it('else it is not', () => {
    for (const header of [
      undefined,
      '',
      'br',
      'identity',
      'gzip;q=0',
      'gzip;q=0.000',
      '*;q=0',
      'gzip;q=0, *',
      'gzip;q=x',
      'xgzip',
    ])
      expect(acceptsGzip(header), String(header)).to.equal(false)
  })
})
