import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import fastify from 'fastify'
import { StreamGate } from '../../observe/streams.ts'

const PIECE = 'x'.repeat(65_536)
/** Beyond what buffers of the system and of the stream hold. */
const MANY = 4_000

describe('answers that are made while they are read', () => {
  it('whoever does not read holds up what is made for him, and it ends when he goes', async () => {
    const gate = new StreamGate()
    let made = 0
    const ended = Promise.withResolvers<void>()
    function* pieces(): Generator<string> {
      try {
        for (; made < MANY; made++) yield PIECE
      } finally {
        ended.resolve()
      }
    }
    const app = fastify()
    app.get('/', (_request, reply) => gate.send(reply, 'text/plain', async () => pieces()))
    await app.listen({ host: '127.0.0.1', port: 0 })
    try {
      const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
      await once(socket, 'data')
      socket.pause()
      for (let before = -1; before !== made; ) {
        before = made
        await wait(50)
      }
      expect(made).to.be.within(1, MANY - 1)
      expect(gate.open).to.equal(1)
      socket.destroy()
      await ended.promise
      while (gate.open > 0) await wait(5)
    } finally {
      await app.close()
    }
  })

  it('what fails before the first piece is an error, and makes room', async () => {
    const gate = new StreamGate(1)
    const app = fastify()
    app.get('/', (_request, reply) =>
      gate.send(reply, 'text/plain', async () => {
        throw new Error('nothing to send')
      }),
    )
    for (let i = 0; i < 3; i++) expect((await app.inject('/')).json()).to.include({ message: 'nothing to send' })
    expect(gate.open).to.equal(0)
    await app.close()
  })

  it('an answer without a piece is empty', async () => {
    const gate = new StreamGate(1)
    const app = fastify()
    app.get('/', (_request, reply) => gate.send(reply, 'text/plain', async () => nothing()))
    for (let i = 0; i < 3; i++) expect((await app.inject('/')).body).to.equal('')
    await app.close()
  })
})

async function* nothing(): AsyncGenerator<string> {
  // No piece.
}
