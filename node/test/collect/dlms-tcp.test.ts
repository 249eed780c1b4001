import { createServer, type Socket } from 'node:net'
import { expect } from 'chai'
import { openSource } from '../../collect/formats.ts'
import type { SourceItem } from '../../collect/source.ts'
import { systemPlatform } from '../../platform.ts'
import { AIDON_SHOWN, aidonList, hdlc, notification } from './dlms-encoder.ts'
import { codesOf, shown } from './inputs.ts'

const FRAME = hdlc(notification(aidonList()), 60)

/** A gateway that sends to each who connects; the test closes it. */
async function withGateway(send: (socket: Socket) => void, run: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(send)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await run((server.address() as { port: number }).port)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

describe('a DLMS source over TCP', () => {
  it('is live, joins in the middle of a message, reads what follows, and again after the connection was closed', async () => {
    await withGateway(
      (socket) => socket.end(Buffer.concat([FRAME.subarray(100), FRAME, FRAME])),
      async (port) => {
        const source = openSource(`dlms:tcp://127.0.0.1:${port}`, systemPlatform)
        expect(source).to.include({ live: true, kind: 'dlms', intervalData: false })
        for (const round of [1, 2]) {
          const items: SourceItem[] = []
          for await (const item of source.items(new AbortController().signal)) items.push(item)
          expect(shown(items), `round ${round}`).to.deep.equal([...AIDON_SHOWN, ...AIDON_SHOWN])
          expect(codesOf(items)).to.have.length.greaterThan(0)
        }
      },
    )
  })

  it('ends where it is told to', async () => {
    await withGateway(
      (socket) => void socket.write(FRAME),
      async (port) => {
        const stop = new AbortController()
        const items: SourceItem[] = []
        for await (const item of openSource(`dlms:tcp://127.0.0.1:${port}`, systemPlatform).items(stop.signal)) {
          items.push(item)
          stop.abort()
        }
        expect(shown(items)).to.deep.equal(AIDON_SHOWN)
      },
    )
  })
})
