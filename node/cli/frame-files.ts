import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { equalBytes, fromBase64, toUtf8, WattnessError } from '../../protocol/index.ts'
import type { FrameLine } from '../control/index.ts'
import { readIfThere, unusable, writeNewFile } from '../directory/index.ts'

/** Telegrams tell when somebody was at home: for their owner alone. */
const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/**
 * Each frame as a file of its own, bit for bit, named by time, hash and format; beside a signed record the public key that it was
 * checked with. Nothing is overwritten: a file that is there already with the same bytes is left as it is.
 */
export class FrameFiles {
  readonly #directory: string
  #written = 0
  #known = 0
  #unreadable = 0

  constructor(directory: string) {
    this.#directory = resolve(directory)
  }

  /** Throws FILE_EXISTS where other bytes have the name, DIRECTORY_UNUSABLE, DISK_FULL. */
  async take({ time, sha256, format, frame, signature }: FrameLine): Promise<void> {
    if (frame === undefined || sha256 === null) {
      this.#unreadable++
      return
    }
    const name = `${time.replaceAll(':', '-')}-${sha256.slice(0, 16)}.${format ?? 'bin'}`
    if (await this.#write(name, fromBase64(frame))) this.#written++
    else this.#known++
    if (signature?.publicKey !== undefined) await this.#write(`${name}.publickey`, toUtf8(`${signature.publicKey}\n`))
  }

  async #write(name: string, bytes: Uint8Array): Promise<boolean> {
    await mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE }).catch((error: unknown) => {
      throw unusable(this.#directory, 'cannot be made', error)
    })
    const path = join(this.#directory, name)
    if (await writeNewFile(path, bytes, FILE_MODE)) return true
    const found = await readIfThere(path)
    if (found !== undefined && equalBytes(found, bytes)) return false
    throw new WattnessError('FILE_EXISTS', `${path} is there already with other bytes: it is not overwritten`, { path })
  }

  get report(): object {
    return { directory: this.#directory, written: this.#written, known: this.#known, unreadable: this.#unreadable }
  }

  get text(): string {
    const known = this.#known === 0 ? '' : `, ${this.#known} there already`
    const unreadable = this.#unreadable === 0 ? '' : `, ${this.#unreadable} CANNOT BE READ`
    return `${this.#directory}: ${this.#written} written${known}${unreadable}`
  }
}
