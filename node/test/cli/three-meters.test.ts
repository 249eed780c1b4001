import { createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { type Broker, startBroker } from '../collect/broker.ts'
import { telegram } from '../collect/p1-made.ts'
import { type PseudoTerminal, plugIn } from '../collect/pseudo-terminal.ts'
import { meterFile } from '../collect/sml-encoder.ts'
import { event, type Running, say, start, temporaryDirectory, until } from './command-line.ts'

const START = Date.UTC(2026, 0, 15, 11)

/** A server that meters are read from over TCP; what is said goes to whoever is connected. */
class MeterServer {
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  port = 0

  async start(): Promise<void> {
    const server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => void this.#sockets.delete(socket))
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as { port: number }).port
  }

  get isHeard(): boolean {
    return this.#sockets.size > 0
  }

  say(bytes: Uint8Array | string): void {
    for (const socket of this.#sockets) socket.write(bytes)
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server?.close(resolve))
  }
}

interface Line {
  readonly time: string
  readonly register: string
  readonly value: string
  readonly timeSource: string
}

describe('a node that reads three meters at once', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let node: Running | undefined
  let broker: Broker
  let cable: PseudoTerminal | undefined
  const sml = new MeterServer()
  /** The P1 meter where the machine has no pseudo-terminal. */
  const p1 = new MeterServer()
  let sent = 0

  before(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    cable = await plugIn(at.path('p1-cable'))
    await Promise.all([sml.start(), p1.start()])
    broker = await startBroker()
  })
  after(async () => {
    await node?.stop()
    await broker.close()
    await Promise.all([sml.stop(), p1.stop(), cable?.unplug()])
    await at.remove()
  })

  function run(): Running {
    const p1Spec = cable === undefined ? `p1:tcp://127.0.0.1:${p1.port}` : `p1:${cable.path}?baud=115200`
    const mqtt = `mqtt:mqtt://127.0.0.1:${broker.port}?profile=tasmota&topic=tele/plug/SENSOR&zone=UTC`
    const sources = [p1Spec, `sml:tcp://127.0.0.1:${sml.port}`, mqtt].flatMap((spec) => ['--source', spec])
    const more = ['--listen', '/ip4/127.0.0.1/tcp/0', '--mdns', 'no', '--json', '--interval', '300ms', '--sampling', 'all']
    return start(['run', '--dir', at.path('registrar'), ...more, ...sources])
  }

  const exported = async (): Promise<Line[]> => {
    const { out } = await say(['export', '--dir', at.path('registrar'), '--format', 'ndjson'])
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
  }
  const p1Rows = (lines: readonly Line[]): string[] =>
    lines.filter(({ register }) => register === '1-0:1.8.1').map(({ time, value }) => `${time} ${value}`)
  const smlRows = (lines: readonly Line[]): string[] =>
    lines
      .filter(({ register, timeSource }) => register === '1-0:1.8.0' && timeSource === 'node-clock')
      .map(({ value }) => Number(value).toFixed(4))
  const plugRows = (lines: readonly Line[]): string[] =>
    lines
      .filter(({ register, timeSource }) => register === '1-0:1.8.0' && timeSource === 'meter-clock')
      .map(({ time, value }) => `${time} ${value}`)

  const second = (number: number): Date => new Date(START + number * 1_000)
  const iso = (number: number): string => second(number).toISOString().replace('.000Z', 'Z')
  const p1Sent = (): string[] => Array.from({ length: sent }, (_, n) => `${iso(n)} ${(1_000 + n / 1_000).toFixed(3)}`)
  const smlSent = (): string[] => Array.from({ length: sent }, (_, n) => ((50_000 + n) / 10_000).toFixed(4))
  const plugSent = (): string[] => Array.from({ length: sent }, (_, n) => `${iso(n)} ${(3 + n / 100).toFixed(5)}`)

  /** Each meter says the next `count` things. P1 meters say it until somebody hears: a cable has no connection to wait for. */
  async function sayAll(count: number, isPlugDone = false): Promise<void> {
    const from = sent
    sent += count
    if (!isPlugDone) await sayPlug(from, count)
    await until(
      () => Promise.resolve(sml.isHeard),
      (isHeard) => isHeard,
    )
    for (let n = from; n < sent; n++) {
      sml.say(meterFile(50_000 + n, 300 + n))
    }
    const p1Telegrams = Array.from({ length: count }, (_, index) => {
      // The meter's wall clock is an hour ahead of UTC in winter.
      const wall = new Date(START + 3_600_000 + (from + index) * 1_000)
      return telegram(wall.toISOString().replace(/[-:T]/g, '').slice(2, 14), 1_000_000 + from + index)
    }).join('')
    const isComplete = (lines: Line[]): boolean =>
      [p1Rows(lines), smlRows(lines), plugRows(lines)].every((rows) => rows.length >= sent)
    await until(async () => {
      const lines = await exported()
      if (p1Rows(lines).length < sent) (cable ?? { write: (text: string) => p1.say(text) }).write(p1Telegrams)
      return lines
    }, isComplete)
  }

  async function sayPlug(from: number, count: number): Promise<void> {
    for (let n = from; n < from + count; n++) {
      const ENERGY = { Total: 3 + n / 100, Power: 57 }
      await broker.publish('tele/plug/SENSOR', JSON.stringify({ Time: second(n).toISOString().slice(0, 19), ENERGY }))
    }
  }

  const connected = (before: number): Promise<unknown> =>
    until(
      () => Promise.resolve(broker.subscriptions()),
      (count) => count > before,
    )

  it('survives the restart of each, and its chain holds exactly what was sent', async () => {
    node = run()
    await connected(0)
    await sayAll(3)

    // The P1 cable is pulled out and put in again.
    await cable?.unplug()
    if (cable === undefined) await p1.stop()
    await node.line(event('sourceEvent', ({ what, source }) => what === 'source-failed' && String(source).startsWith('p1:')))
    if (cable === undefined) await p1.start()
    else cable = await plugIn(cable.path)

    // The SML meter's adapter is restarted.
    await sml.stop()
    await node.line(event('sourceEvent', ({ what, source }) => what === 'source-failed' && String(source).startsWith('sml:')))
    await sml.start()

    // The broker is restarted.
    const { port } = broker
    await broker.close()
    await node.line(event('sourceEvent', ({ what, source }) => what === 'source-failed' && String(source).startsWith('mqtt:')))
    broker = await startBroker(port)
    await connected(0)
    await sayAll(3)

    // The node is restarted; what comes to the broker meanwhile waits there.
    await node.stop()
    await sayPlug(sent, 3)
    node = run()
    await sayAll(3, true)

    await node.stop()
    node = undefined
    const lines = await exported()
    expect(p1Rows(lines).toSorted()).to.deep.equal(p1Sent())
    expect(smlRows(lines)).to.deep.equal(smlSent())
    expect(plugRows(lines)).to.deep.equal(plugSent())
    const verified = await say(['verify', '--dir', at.path('registrar')])
    expect(verified.status, verified.out + verified.err).to.equal(0)
  }).timeout(60_000)
})
