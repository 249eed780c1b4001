import { connect, createServer, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { DELAYED_PORT, PORT } from './mesh.ts'

/** A long cable in user space: hands on each byte that comes to this host's node so many milliseconds later, in its order. */

const [delayMs = 0, jitterMs = 0] = process.argv.slice(2).map(Number)

/** On their way at once in one direction; more, and whoever sends has to wait, as with a real cable. */
const MOST_BYTES = 4 * 1024 * 1024

function handOn(from: Socket, to: Socket): void {
  let lastMs = 0
  let underWay = 0
  const later = (bytes: number, act: () => void): void => {
    // Never before what came before it.
    lastMs = Math.max(lastMs, Date.now() + delayMs + Math.random() * jitterMs)
    underWay += bytes
    if (underWay > MOST_BYTES) from.pause()
    setTimeout(() => {
      underWay -= bytes
      if (underWay <= MOST_BYTES) from.resume()
      act()
    }, lastMs - Date.now())
  }
  from.on('data', (bytes: Buffer) => later(bytes.length, () => to.writable && to.write(bytes)))
  from.on('end', () => later(0, () => to.end()))
  from.on('error', () => to.destroy())
  from.on('close', () => later(0, () => to.destroy()))
}

const own = networkInterfaces()['eth0']?.find(({ family }) => family === 'IPv4')?.address
if (own === undefined) throw new Error('this host has no address')

createServer({ allowHalfOpen: true }, (outside) => {
  const inside = connect({ host: own, port: PORT, allowHalfOpen: true })
  handOn(outside, inside)
  handOn(inside, outside)
}).listen(DELAYED_PORT, '0.0.0.0', () => console.log('ready'))
