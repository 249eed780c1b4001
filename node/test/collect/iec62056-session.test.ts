import { expect } from 'chai'
import { openSource } from '../../collect/formats.ts'
import { ANSWER_TIMEOUT_MS, modeOf, readOut } from '../../collect/iec62056-session.ts'
import type { MeterLine } from '../../collect/meter-line.ts'
import type { SourceItem } from '../../collect/source.ts'
import { systemPlatform, systemTimers, type Timers } from '../../platform.ts'
import { block, withBcc } from './iec62056-encoder.ts'
import { bytes, codesOf, shown } from './inputs.ts'

/** A meter on a line: what it says to what it is told, and at which rate. */
class ToldLine implements MeterLine {
  readonly log: string[] = []
  closed = false
  readonly #answers: Readonly<Record<string, readonly string[]>>
  #waiting: string[] = []
  #wake: (() => void) | undefined

  constructor(answers: Readonly<Record<string, readonly string[]>>) {
    this.#answers = answers
  }

  async *bytes(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.addEventListener('abort', () => this.#wake?.())
    while (!signal.aborted) {
      const next = this.#waiting.shift()
      if (next !== undefined) yield bytes(next)
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  write(said: Uint8Array): Promise<void> {
    const text = Buffer.from(said).toString('latin1')
    this.log.push(JSON.stringify(text))
    this.#waiting.push(...(this.#answers[text] ?? []))
    this.#wake?.()
    return Promise.resolve()
  }

  setBaudRate(baudRate: number): Promise<void> {
    this.log.push(String(baudRate))
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.closed = true
    this.#wake?.()
    return Promise.resolve()
  }
}

/** Runs out at once, after all that is ready. */
const impatient: Timers = {
  set: (_ms, run) => systemTimers.set(20, run),
  clear: (timer) => systemTimers.clear(timer),
}

const DATA = withBcc('1.8.0(0008048.375*kWh)\r\n!\r\n\u0003')

async function asked(line: ToldLine, init: { canSwitch?: boolean; address?: string } = {}): Promise<unknown[]> {
  const { canSwitch = true, address = '' } = init
  const items = await readOut({ line, timers: impatient, address, baudRate: 300, canSwitch }, new AbortController().signal)
  return items.map((item) => (item.type === 'frame' ? [item.identification, item.check] : item.code))
}

describe('IEC 62056-21 session', () => {
  it('mode C: the rate is agreed on at 300 baud, then both change', async () => {
    const line = new ToldLine({
      '/?!\r\n': ['/?!\r\n/ISk', '5MT174-0001\r\n'],
      '\u0006050\r\n': ['\u0006050\r\n', DATA.slice(0, 9), DATA.slice(9)],
    })
    expect(await asked(line)).to.deep.equal([['/ISk5MT174-0001', 'ok']])
    expect(line.log).to.deep.equal(['300', '"/?!\\r\\n"', '"\\u0006050\\r\\n"', '9600'])
  })

  it('mode B: the rate changes without a word; mode A: it stays', async () => {
    expect(['0', '6', 'A', 'F', 'X', '9'].map(modeOf)).to.deep.equal(['C', 'C', 'B', 'B', 'A', 'A'])
    const b = new ToldLine({ '/?!\r\n': ['/LGZCXY\r\n', DATA] })
    expect(await asked(b)).to.deep.equal([['/LGZCXY', 'ok']])
    expect(b.log).to.deep.equal(['300', '"/?!\\r\\n"', '2400'])
    const a = new ToldLine({ '/?!\r\n': [`/LGZ-XY\r\n${DATA}`] })
    expect(await asked(a)).to.deep.equal([['/LGZ-XY', 'ok']])
    expect(a.log).to.deep.equal(['300', '"/?!\\r\\n"'])
  })

  it('a line that cannot change its rate is answered with the one it has; an address is named', async () => {
    const line = new ToldLine({ '/?12345678!\r\n': ['/ISk5MT174\r\n'], '\u0006000\r\n': [DATA] })
    expect(await asked(line, { canSwitch: false, address: '12345678' })).to.deep.equal([['/ISk5MT174', 'ok']])
    expect(line.log).to.deep.equal(['300', '"/?12345678!\\r\\n"', '"\\u0006000\\r\\n"'])
  })

  it('IEC_NO_ANSWER: nothing, no identification, or no whole read-out in time', async () => {
    expect(await asked(new ToldLine({}))).to.deep.equal(['IEC_NO_ANSWER'])
    expect(await asked(new ToldLine({ '/?!\r\n': ['x'.repeat(300)] }))).to.deep.equal(['IEC_NO_ANSWER'])
    expect(await asked(new ToldLine({ '/?!\r\n': ['/ISk5X\r\n'] }))).to.deep.equal(['IEC_NO_ANSWER'])
    const cut = new ToldLine({ '/?!\r\n': ['/ISk5X\r\n'], '\u0006050\r\n': [DATA.slice(0, 12)] })
    expect(await asked(cut)).to.deep.equal(['IEC_READOUT_TRUNCATED', 'IEC_NO_ANSWER'])
    expect(ANSWER_TIMEOUT_MS).to.be.above(1_500)
  })

  it('IEC_BCC_MISMATCH: the read-out is refused, and asked for again the next time', async () => {
    const line = new ToldLine({ '/?!\r\n': ['/LGZ-XY\r\n', DATA.replace('8048', '8049')] })
    expect(await asked(line)).to.deep.equal(['IEC_BCC_MISMATCH'])
  })
})

describe('IEC 62056-21 source that asks', () => {
  it('asks a meter behind a network adapter again and again', async () => {
    const { createServer } = await import('node:net')
    let times = 0
    const server = createServer((socket) => {
      socket.on('data', (said) => {
        if (String(said) !== '/?!\r\n') return
        times++
        const [identification, ...rest] = block(['1.8.0(1*kWh)'], '/TST-X').split(/(?<=\r\n)/)
        socket.write(bytes(identification as string))
        socket.write(bytes(rest.join('')))
      })
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const stop = new AbortController()
    try {
      const { port } = server.address() as { port: number }
      const source = openSource(`iec62056:tcp://127.0.0.1:${port}?ask=1ms`, systemPlatform)
      expect(source.live).to.equal(true)
      const items: SourceItem[] = []
      for await (const item of source.items(stop.signal)) {
        items.push(item)
        if (items.length === 3) stop.abort()
      }
      expect(codesOf(items)).to.deep.equal([])
      expect(shown(items).map((line) => line.replace(/^\S+ /, ''))).to.deep.equal(
        Array.from({ length: 3 }, () => '1-0:1.8.0 1 kWh'),
      )
      expect(times).to.be.at.least(3)
    } finally {
      server.close()
    }
  })
})
