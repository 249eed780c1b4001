import { decodeFrame, type Frame, toHex } from '../../../protocol/index.ts'
import type { Channel } from '../../net/index.ts'
import { Session } from '../../sync/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'

/** A session over a channel that goes nowhere: what it was sent is kept. */
export function fakeSession(name: string, nowMs = 0): Session & { readonly sent: Frame[] } {
  const sent: Frame[] = []
  const peer = signerOf(name).publicKey
  const channel: Channel = {
    peer,
    peerHex: toHex(peer),
    queuedBytes: 0,
    send: (bytes) => {
      sent.push(decodeFrame(bytes))
      return true
    },
    drained: () => Promise.resolve(),
    onFrame: () => undefined,
    onClose: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    close: () => undefined,
  }
  return Object.assign(new Session(channel, nowMs), { sent })
}
