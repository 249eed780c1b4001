import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import { decodeData, MAX_DATA_DEPTH, MAX_DATA_ITEMS } from '../../collect/dlms-data.ts'
import { parseDlmsTime } from '../../collect/dlms-time.ts'
import {
  array,
  type Bytes,
  code,
  dateTime,
  float32,
  float64,
  hdlc,
  i8,
  i32,
  i64,
  join,
  notification,
  nul,
  octets,
  structure,
  text,
  u8,
  u16,
  u32,
  u64,
} from './dlms-encoder.ts'
import { CENTRAL_EUROPE, NOW, readDlms } from './dlms-stand.ts'
import { codesOf, linesOf, readingsOf, shown } from './inputs.ts'

const TIME = dateTime('2024-01-15T12:00:00')

async function list(data: Bytes, time: Bytes | undefined = TIME): Promise<string[]> {
  return shown(await readDlms(hdlc(notification(data, time))))
}

describe('DLMS data', () => {
  const refused = (bytes: Bytes): string => {
    try {
      decodeData(bytes, 0)
      return 'nothing'
    } catch (error) {
      return isWattnessError(error) ? error.code : String(error)
    }
  }

  it('every type has its size; what is behind is not touched', () => {
    const values = [
      nul,
      u8(1),
      i8(-1),
      u16(1),
      u32(1),
      i32(-2),
      u64(1n),
      i64(-1n),
      float32(1),
      float64(1),
      text('a'),
      octets(join(1)),
    ]
    const others = [join(3, 1), join(4, 9, 1, 2), join(12, 1, 65), join(13, 7), join(25, dateTime('2024-01-01T00:00:00'))]
    for (const value of [...values, ...others, join(26, [1, 2, 3, 4, 5]), join(27, [1, 2, 3, 4])]) {
      expect(decodeData(join(value, 0xaa), 0).end).to.equal(value.length)
      for (let cut = 0; cut < value.length; cut++) expect(refused(value.subarray(0, cut))).to.equal('DLMS_DATA_TRUNCATED')
    }
  })

  it('DLMS_DATA_MALFORMED: an unknown type, a length without end, and each bound', () => {
    expect(refused(join(99))).to.equal('DLMS_DATA_MALFORMED')
    expect(refused(join(9, 0x80))).to.equal('DLMS_DATA_MALFORMED')
    expect(refused(join(9, 0x84, 0, 0, 0, 1))).to.equal('DLMS_DATA_MALFORMED')
    expect(refused(join(9, 0x82, 0x04, 0x01))).to.equal('DLMS_DATA_MALFORMED')
    expect(refused(join(2, 0x82, (MAX_DATA_ITEMS + 1) >> 8, (MAX_DATA_ITEMS + 1) & 0xff))).to.equal('DLMS_DATA_MALFORMED')
    const deep = (levels: number): Bytes => (levels === 0 ? u8(1) : structure(deep(levels - 1)))
    expect(refused(deep(MAX_DATA_DEPTH))).to.equal('nothing')
    expect(refused(deep(MAX_DATA_DEPTH + 1))).to.equal('DLMS_DATA_MALFORMED')
    const many = structure(...Array.from({ length: 3 }, () => array(...Array.from({ length: 1_000 }, () => nul))))
    expect(refused(many)).to.equal('DLMS_DATA_MALFORMED')
  })
})

describe('DLMS date and time', () => {
  const at = (bytes: Bytes): string => {
    const found = parseDlmsTime(bytes, CENTRAL_EUROPE)
    if (found === undefined) return 'none'
    return new Date(found.time).toISOString() + (found.isDoubtful ? ' doubtful' : '')
  }

  it('the deviation leads to UTC; hundredths count', () => {
    expect(at(dateTime('2024-01-15T12:00:00', -60))).to.equal('2024-01-15T11:00:00.000Z')
    expect(at(dateTime('2024-07-15T12:00:00', -120, 0x80, 25))).to.equal('2024-07-15T10:00:00.250Z')
    expect(at(dateTime('2022-11-03T15:38:25', -180, 0xff))).to.equal('2022-11-03T12:38:25.000Z')
    expect(at(dateTime('2024-01-15T12:00:00', 0))).to.equal('2024-01-15T12:00:00.000Z')
  })

  it('a deviation of the other sign is taken where the zone bears it out', () => {
    expect(at(dateTime('2024-01-15T12:00:00', 60))).to.equal('2024-01-15T11:00:00.000Z')
    expect(at(dateTime('2024-07-15T12:00:00', 120))).to.equal('2024-07-15T10:00:00.000Z')
    expect(at(dateTime('2024-07-15T12:00:00', 330))).to.equal('2024-07-15T17:30:00.000Z')
  })

  it('without deviation it is wall clock; in the doubled hour the summer bit decides, else it is doubtful', () => {
    expect(at(dateTime('2024-07-15T12:00:00'))).to.equal('2024-07-15T10:00:00.000Z')
    expect(at(dateTime('2024-10-27T02:30:00', -0x8000, 0x80))).to.equal('2024-10-27T00:30:00.000Z')
    expect(at(dateTime('2024-10-27T02:30:00', -0x8000, 0x00))).to.equal('2024-10-27T01:30:00.000Z doubtful')
    expect(at(dateTime('2024-10-27T02:30:00', -0x8000, 0xff))).to.equal('2024-10-27T01:30:00.000Z doubtful')
    expect(at(dateTime('2024-10-27T02:30:00', -120, 0x80))).to.equal('2024-10-27T00:30:00.000Z')
    expect(at(dateTime('2024-10-27T02:30:00', -60, 0x00))).to.equal('2024-10-27T01:30:00.000Z')
  })

  it('the clock status: invalid and doubtful are told, FF says nothing, summer time alone neither', () => {
    const statuses = [0x00, 0x01, 0x02, 0x04, 0x08, 0x80, 0xff]
    const doubtful = statuses.filter((status) => at(dateTime('2024-01-15T12:00:00', -60, status)).endsWith('doubtful'))
    expect(doubtful).to.deep.equal([0x01, 0x02, 0x08])
  })

  it('what names no time', () => {
    const wrong = [
      '2024-13-01T00:00:00',
      '2024-02-30T00:00:00',
      '65535-01-01T00:00:00',
      '1980-01-01T00:00:00',
      '2024-01-01T25:00:00',
    ]
    for (const iso of wrong) expect(at(dateTime(iso)), iso).to.equal('none')
    expect(at(dateTime('2024-03-31T02:30:00')), 'the hour that spring leaves out').to.equal('none')
    expect(at(dateTime('2024-01-01T00:00:00', 900)), 'a deviation of fifteen hours').to.equal('none')
    expect(at(dateTime('2024-01-01T00:00:00', 0, 0, 100)), 'hundredths').to.equal('none')
    expect(at(join(1, 2, 3))).to.equal('none')
  })

  it('DLMS_CLOCK_INVALID: the node clock stands in, and says so; a file makes it doubtful', async () => {
    const data = structure(code('1-0:1.8.0'), u32(1))
    const bytes = hdlc(notification(data, dateTime('2024-13-01T00:00:00')))
    const [live, file] = [await readDlms(bytes), await readDlms(bytes, { live: false })]
    expect([codesOf(live), codesOf(file)]).to.deep.equal([['DLMS_CLOCK_INVALID'], ['DLMS_CLOCK_INVALID']])
    expect([linesOf(live)[0]?.quality, linesOf(file)[0]?.quality]).to.deep.equal(['good', 'clock-doubtful'])
    expect(readingsOf(live)[0]?.reading).to.include({ time: NOW, timeSource: 'node-clock' })
    expect(codesOf(await readDlms(hdlc(notification(data))))).to.deep.equal([])
  })

  it('Aidon and Kamstrup run on standard time all year where the deviation says nothing; others on wall clock', async () => {
    const summer = dateTime('2024-07-15T12:00:00')
    const timeOf = async (name: string, stamp = summer): Promise<string | undefined> =>
      (await list(structure(text(name), code('1-0:1.8.0'), u32(1)), stamp))[0]?.split(' ')[0]
    expect(await timeOf('AIDON_V0001')).to.equal('2024-07-15T11:00:00Z')
    expect(await timeOf('Kamstrup_V0001')).to.equal('2024-07-15T11:00:00Z')
    expect(await timeOf('KFM_001')).to.equal('2024-07-15T10:00:00Z')
    expect(await timeOf('Kamstrup_V0001', dateTime('2024-07-15T12:00:00', -120, 0x80))).to.equal('2024-07-15T10:00:00Z')
    expect(await timeOf('Kamstrup_V0001', dateTime('2024-10-27T02:30:00'))).to.equal('2024-10-27T01:30:00Z')
  })

  it("the list's own clock counts before the message's", async () => {
    const data = structure(code('1-0:1.8.0'), u32(1), code('0-1:1.0.0'), octets(dateTime('2024-01-15T12:00:05', -60, 0x02)))
    expect(await list(data)).to.deep.equal(['2024-01-15T11:00:05Z 1-0:1.8.0 1 Wh clock-doubtful'])
  })
})
