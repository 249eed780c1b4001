import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { Aedes, type AedesOptions, type Client } from 'aedes'

/** A broker in this process, on a port of the system's choice the first time and on the same one again. */
export interface Broker {
  readonly port: number
  /** Resolves when it has gone out to whoever is there, or is kept for whoever is not. */
  publish(topic: string, payload: string | Uint8Array, more?: { qos?: 0 | 1; retain?: boolean }): Promise<void>
  readonly clients: () => number
  /** Subscriptions that were granted since the start. */
  readonly subscriptions: () => number
  /** Messages that a subscriber has not acknowledged are sent again when it comes back. */
  hangUp(): void
  close(): Promise<void>
}

/** With `tls` it speaks nothing else. */
export async function startBroker(port = 0, options: AedesOptions = {}, tls?: TlsOptions): Promise<Broker> {
  const broker = await Aedes.createBroker({ concurrency: 10, ...options })
  const clients = new Set<Client>()
  broker.on('client', (client) => void clients.add(client))
  broker.on('clientDisconnect', (client) => void clients.delete(client))
  let subscriptions = 0
  broker.on('subscribe', () => void subscriptions++)
  const welcome = (socket: Socket): void => {
    socket.on('error', () => undefined)
    broker.handle(socket)
  }
  const server: Server = tls === undefined ? createServer(welcome) : createTlsServer(tls, welcome)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    publish: (topic, payload, { qos = 1, retain = false } = {}) =>
      new Promise((resolve, reject) => {
        const packet = { cmd: 'publish' as const, topic, payload: Buffer.from(payload), qos, retain, dup: false }
        broker.publish(packet, (error) => (error ? reject(error) : resolve()))
      }),
    clients: () => clients.size,
    subscriptions: () => subscriptions,
    hangUp: () => {
      for (const client of clients) client.conn.destroy()
    },
    close: async () => {
      for (const client of clients) client.conn.destroy()
      await new Promise<void>((resolve) => broker.close(() => resolve()))
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Lets in who knows the password; the others get the broker's word for it. */
export const withPassword = (username: string, password: string): AedesOptions => ({
  authenticate: (_client, user, given, done) => {
    if (user === username && given?.toString() === password) return done(null, true)
    done(Object.assign(new Error('refused'), { returnCode: 4 }), null)
  },
})
