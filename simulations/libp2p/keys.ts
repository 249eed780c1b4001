import { sha256, toUtf8 } from '../../protocol/index.ts'

/** The seed of a key that nobody needs to keep secret: the same in every process of a run. */
export function keySeedOf(seed: string, name: string): Uint8Array {
  return sha256(toUtf8(`simulation on sockets ${seed} ${name}`))
}
