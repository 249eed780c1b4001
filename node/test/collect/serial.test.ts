import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Collector } from '../../collect/collector.ts'
import { openSource } from '../../collect/formats.ts'
import { type OpenPort, type OpenSerial, openNative, SerialLine } from '../../collect/serial-line.ts'
import { serialMode } from '../../collect/serial-mode.ts'
import type { SourceEvent, SourceFault } from '../../collect/source-watch.ts'
import type { TakenItem } from '../../collect/take-queue.ts'
import { transportOf } from '../../collect/transport.ts'
import { systemPlatform } from '../../platform.ts'
import { refusalCode } from '../store/temporary-directories.ts'
import { bytes, codesOf, itemsOf, shown } from './inputs.ts'
import { telegram } from './p1-made.ts'
import { type PseudoTerminal, plugIn } from './pseudo-terminal.ts'

const MODE = serialMode(115_200, '8N1')
const signal = (): AbortSignal => new AbortController().signal

/** A port that says these chunks, then nothing more, as the package has it where ports are no files. */
function madeUp(chunks: readonly string[], more: Partial<OpenPort> = {}): OpenPort & { written: string[] } {
  let waiting: ((error: Error) => void) | undefined
  const left = [...chunks]
  const port = {
    isOpen: true,
    written: [] as string[],
    read: (buffer: Buffer) => {
      const chunk = left.shift()
      if (chunk !== undefined) return Promise.resolve({ bytesRead: buffer.write(chunk, 'latin1') })
      return new Promise<{ bytesRead: number }>((_, reject) => {
        waiting = reject
      })
    },
    write: (data: Buffer) => {
      port.written.push(data.toString('latin1'))
      return Promise.resolve()
    },
    drain: () => Promise.resolve(),
    update: ({ baudRate }: { baudRate: number }) => {
      port.written.push(`<${baudRate} baud>`)
      return Promise.resolve()
    },
    close: () => {
      port.isOpen = false
      waiting?.(new Error('Canceled'))
      return Promise.resolve()
    },
    ...more,
  }
  return port
}

/** The system's way, and how often a port was opened: what is written before that is thrown away. */
function counted(): { openSerial: OpenSerial; opened: () => number } {
  let opened = 0
  const openSerial: OpenSerial = async (options) => {
    const port = await openNative(options)
    opened++
    return port
  }
  return { openSerial, opened: () => opened }
}

async function untilTrue(isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 800 && !isTrue(); tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(isTrue()).to.equal(true)
}

describe('serial ports', () => {
  it('a port is told by its place, or by a rate or mode given with it', () => {
    const kindOf = (target: string, options: Record<string, string> = {}): string =>
      transportOf({ text: target, kind: 'p1', target, options: new Map(Object.entries(options)) }, systemPlatform, MODE).kind
    expect(kindOf('/dev/ttyUSB0')).to.equal('serial')
    expect(kindOf('/dev/serial/by-id/usb-FTDI-if00-port0')).to.equal('serial')
    expect(kindOf('COM3')).to.equal('serial')
    expect(kindOf('/run/meter', { baud: '9600' })).to.equal('serial')
    expect(kindOf('/dev/stdin')).to.equal('file')
    expect(kindOf('/dev/fd/3')).to.equal('file')
    expect(kindOf('meter.txt')).to.equal('file')
    expect(kindOf('-')).to.equal('standard-input')
    expect(kindOf('tcp://192.0.2.7:23')).to.equal('tcp')
  })

  it('the mode is the format’s unless the spec says otherwise', async () => {
    const asked: unknown[] = []
    const deps = {
      ...systemPlatform,
      openSerial: (options: object) => {
        asked.push(options)
        return Promise.reject(new Error('enough'))
      },
    }
    for (const options of ['', '?baud=9600&mode=7E1', '?mode=8O2']) {
      await refusalCode(itemsOf(`p1:/dev/ttyUSB0${options}`, deps))
    }
    const path = '/dev/ttyUSB0'
    expect(asked).to.deep.equal([
      { path, baudRate: 115_200, dataBits: 8, parity: 'none', stopBits: 1 },
      { path, baudRate: 9_600, dataBits: 7, parity: 'even', stopBits: 1 },
      { path, baudRate: 115_200, dataBits: 8, parity: 'odd', stopBits: 2 },
    ])
  })

  it('SOURCE_OPTION_INVALID: a rate or mode that no line has, or that stands with what is no line', () => {
    const specs = ['p1:/dev/ttyS0?baud=fast', 'p1:/dev/ttyS0?baud=110', 'p1:/dev/ttyS0?mode=9N1', 'p1:tcp://h:1?baud=9600']
    for (const spec of [...specs, 'p1:-?mode=7E1']) {
      expect(() => openSource(spec, systemPlatform), spec)
        .to.throw()
        .with.property('code', 'SOURCE_OPTION_INVALID')
    }
  })

  const refusals: readonly (readonly [string, string, RegExp])[] = [
    ['SERIAL_PORT_ABSENT', 'Error: No such file or directory, cannot open /dev/ttyUSB0', /adapter plugged in/],
    [
      'SERIAL_PORT_REFUSED',
      'Error: Permission denied, cannot open /dev/ttyUSB0',
      /usermod -a -G dialout .*70-wattness-meters\.rules/,
    ],
    ['SERIAL_PORT_BUSY', 'Error Resource temporarily unavailable Cannot lock port', /another program.*fuser/],
    ['SOURCE_UNREADABLE', 'Error: Invalid argument, cannot open /dev/ttyUSB0', /Invalid argument/],
  ]
  for (const [code, reason, advice] of refusals) {
    it(`${code}: the message of a port that does not open says what to do`, async () => {
      const opened = SerialLine.open('/dev/ttyUSB0', MODE, {
        ...systemPlatform,
        openSerial: () => Promise.reject(new Error(reason)),
      })
      const error = await opened.then(
        () => undefined,
        (refused: Error) => refused,
      )
      expect(error).to.have.property('code', code)
      expect(error?.message).to.match(advice)
    })
  }

  it('SERIAL_PORT_ABSENT: as the system itself says it', async () => {
    expect(await refusalCode(itemsOf('p1:/dev/wattness-is-not-there'))).to.equal('SERIAL_PORT_ABSENT')
  })

  it('a made-up port: bytes in pieces, written and asked at another rate, closed in the middle', async () => {
    const port = madeUp(['/XMX5', 'LGB'])
    const line = await SerialLine.open('/dev/ttyUSB0', serialMode(300, '7E1'), {
      ...systemPlatform,
      openSerial: () => Promise.resolve(port),
    })
    await line.write(bytes('/?!\r\n'))
    await line.setBaudRate(9_600)
    expect(port.written).to.deep.equal(['/?!\r\n', '<9600 baud>'])
    const stop = new AbortController()
    let heard = ''
    for await (const chunk of line.bytes(stop.signal)) {
      heard += Buffer.from(chunk).toString('latin1')
      if (heard.length === 8) setImmediate(() => stop.abort())
    }
    expect(heard).to.equal('/XMX5LGB')
    expect(port.isOpen).to.equal(false)
  })

  it('SOURCE_UNREADABLE: the adapter breaks off', async () => {
    const port = madeUp([], { read: () => Promise.reject(new Error('EIO: i/o error')) })
    const deps = { ...systemPlatform, openSerial: () => Promise.resolve(port) }
    expect(await refusalCode(itemsOf('p1:/dev/ttyUSB0', deps))).to.equal('SOURCE_UNREADABLE')
  })

  describe('over a pseudo-terminal', () => {
    let dir = ''
    let terminal: PseudoTerminal | undefined
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'wattness-pty-'))
      terminal = await plugIn(join(dir, 'meter'))
    })
    afterEach(async () => {
      await terminal?.unplug()
      await rm(dir, { recursive: true, force: true })
    })

    it('a telegram in pieces is read whole', async () => {
      const text = telegram('260115120000', 1_000)
      const real = counted()
      const openSerial = terminal === undefined ? () => Promise.resolve(madeUp([text])) : real.openSerial
      const items = itemsOf(`p1:${join(dir, 'meter')}?baud=115200`, { ...systemPlatform, openSerial }, 1)
      if (terminal !== undefined) await untilTrue(() => real.opened() === 1)
      for (let at = 0; at < text.length; at += 50) {
        terminal?.write(text.slice(at, at + 50))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      expect(shown(await items)).to.deep.equal([
        '2026-01-15T11:00:00Z 1-0:1.8.1 1.000 kWh',
        '2026-01-15T11:00:00Z 1-0:1.7.0 0.512 kW',
      ])
      expect(codesOf(await items)).to.deep.equal([])
    })

    it('what is written arrives, and the line closes while it waits', async () => {
      if (terminal === undefined) return
      const line = await SerialLine.open(terminal.path, serialMode(9_600, '8N1'), systemPlatform)
      await line.write(bytes('/?!\r\n'))
      await untilTrue(() => terminal?.heard() === '/?!\r\n')
      await line.setBaudRate(300)
      const stop = new AbortController()
      setTimeout(() => stop.abort(), 20)
      for await (const _ of line.bytes(stop.signal)) expect.fail('nothing was said')
      await line.close()
    })

    it('SOURCE_UNREADABLE: pulled out while it waits, without asking again for ever', async () => {
      if (terminal === undefined) return
      const items = refusalCode(itemsOf(`p1:${terminal.path}?baud=9600`))
      await new Promise((resolve) => setTimeout(resolve, 100))
      await terminal.unplug()
      expect(await items).to.equal('SOURCE_UNREADABLE')
    })

    it('unplugged and plugged in again: nothing that was sent is lost, and both are events', async () => {
      if (terminal === undefined) return
      const { openSerial, opened } = counted()
      const taken: TakenItem[] = []
      const faults: SourceFault[] = []
      const events: SourceEvent[] = []
      const collector = new Collector({
        ...systemPlatform,
        sources: [openSource(`p1:${terminal.path}?baud=115200`, { ...systemPlatform, openSerial })],
        sampling: { mode: 'all', intervalMs: 1_000, others: 'drop', intervalData: false },
        take: async (items) => void taken.push(...items),
        onFault: (fault) => void faults.push(fault),
        onEvent: (event) => void events.push(event),
        backOff: { firstMs: 20, mostMs: 50 },
      })
      collector.start()
      try {
        await untilTrue(() => opened() === 1)
        terminal.write(telegram('260115120000', 1_000))
        await untilTrue(() => taken.length === 1)
        await terminal.unplug()
        await untilTrue(() => faults.some(({ message }) => /no such port|broke off/.test(message)))
        terminal = await plugIn(terminal.path)
        await untilTrue(() => opened() === 2)
        terminal?.write(telegram('260115120010', 1_001))
        await untilTrue(() => taken.length === 2)
        // The telegrams are of another day, which is told as well.
        const told = events.map(({ event }) => event).filter((event) => event !== 'clock-drift')
        expect(told).to.deep.equal(['source-failed', 'source-back'])
      } finally {
        await collector.stop()
      }
    })
  })

  it('the same line behind a network adapter: asked, answered, and SOURCE_UNREADABLE where it is gone', async () => {
    const server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('data', (asked) => {
          if (asked.toString('latin1') === '/?!\r\n') socket.write('/XMX5')
          else socket.destroy()
        })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const target = `tcp://127.0.0.1:${port}`
    const { openLine } = transportOf({ text: target, kind: 'p1', target, options: new Map() }, systemPlatform, MODE)
    const line = await openLine?.(signal())
    await line?.setBaudRate(9_600)
    await line?.write(bytes('/?!\r\n'))
    const heard: string[] = []
    for await (const chunk of line?.bytes(signal()) ?? []) {
      heard.push(Buffer.from(chunk).toString('latin1'))
      await line?.write(bytes('bye'))
    }
    expect(heard.join('')).to.equal('/XMX5')
    await line?.close()
    expect(await refusalCode(line?.write(bytes('again')) ?? Promise.resolve())).to.equal('SOURCE_UNREADABLE')
    await new Promise((resolve) => server.close(resolve))
    expect(await refusalCode(openLine?.(signal()) ?? Promise.resolve())).to.equal('SOURCE_UNREADABLE')
    const stopped = new AbortController()
    const opening = openLine?.(stopped.signal)
    stopped.abort()
    expect(await refusalCode(opening ?? Promise.resolve())).to.equal('SOURCE_UNREADABLE')
  })

  it('an aborted source opens no port', async () => {
    const stop = new AbortController()
    stop.abort()
    const deps = { ...systemPlatform, openSerial: () => expect.fail('opened') }
    for await (const _ of openSource('p1:/dev/ttyUSB0', deps).items(stop.signal)) expect.fail('read')
    expect(signal().aborted).to.equal(false)
  })
})
