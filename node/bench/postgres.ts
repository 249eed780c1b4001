import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { DAY_MS, type Home, YEAR_FROM_MS } from './query-store.ts'

/** The same readings as rows of PostgreSQL, on a cluster of its own in a temporary directory, reached by a socket there. */

const FOLDERS = ['/usr/lib/postgresql/15/bin', '/usr/local/bin', '/usr/bin']
const PATIENCE_MS = 20_000
const POLL_MS = 100

/** Of the user that runs it: PostgreSQL does not run as root. */
interface Account {
  readonly uid: number
  readonly gid: number
}

export class PostgresRows {
  readonly #home: string
  readonly #server: ChildProcess
  readonly #pool: pg.Pool

  private constructor(home: string, server: ChildProcess, pool: pg.Pool) {
    this.#home = home
    this.#server = server
    this.#pool = pool
  }

  /** Undefined where it is not installed, or may not be run; says why. */
  static async start(say: (line: string) => void): Promise<PostgresRows | undefined> {
    const folder = FOLDERS.find((each) => existsSync(join(each, 'initdb')) && existsSync(join(each, 'postgres')))
    if (folder === undefined) {
      say('PostgreSQL 15 is not installed: no yardstick')
      return undefined
    }
    const home = mkdtempSync(join(tmpdir(), 'wattness-postgres-'))
    try {
      const account = process.getuid?.() === 0 ? accountOf('postgres') : undefined
      chmodSync(home, 0o700)
      if (account !== undefined) chownSync(home, account.uid, account.gid)
      const data = join(home, 'data')
      const init = ['-D', data, '-U', 'bench', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
      execFileSync(join(folder, 'initdb'), init, { ...account, stdio: 'pipe', cwd: home })
      mkdirSync(join(home, 'socket'))
      if (account !== undefined) chownSync(join(home, 'socket'), account.uid, account.gid)
      // No port: the socket's directory is its own. Memory as a small server would be given.
      const settings = ['listen_addresses=', `unix_socket_directories=${join(home, 'socket')}`, 'shared_buffers=512MB', 'jit=off']
      const words = ['-D', data, ...settings.flatMap((each) => ['-c', each])]
      const server = spawn(join(folder, 'postgres'), words, { ...account, stdio: 'ignore', cwd: home })
      const pool = new pg.Pool({ host: join(home, 'socket'), user: 'bench', database: 'postgres', max: 2 })
      pool.on('error', () => undefined)
      const rows = new PostgresRows(home, server, pool)
      await rows.#untilReady()
      return rows
    } catch (error) {
      say(
        `PostgreSQL does not start here: no yardstick (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`,
      )
      rmSync(home, { recursive: true, force: true })
      return undefined
    }
  }

  async #untilReady(): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      try {
        await this.#pool.query('SELECT 1')
        return
      } catch (error) {
        if (waitedMs >= PATIENCE_MS || this.#server.exitCode !== null) throw error
        await wait(POLL_MS)
      }
    }
  }

  /** A row a reading, its key member and time, as rows of readings are kept; and a row a block for the ledger. */
  async fill(homes: readonly Home[], rowsPerBlock: number): Promise<void> {
    await this.#pool.query(
      'CREATE TABLE reading (member smallint, ended timestamptz, register smallint, wh integer, quality smallint, ' +
        'PRIMARY KEY (member, register, ended))',
    )
    await this.#pool.query(
      'CREATE TABLE block (member smallint, height integer, sealed timestamptz, hash bytea, body bytea, ' +
        'PRIMARY KEY (member, height))',
    )
    for (const [member, home] of homes.entries()) {
      const values = Array.from(home, (value) => (Number.isNaN(value) ? null : value))
      await this.#pool.query(
        "INSERT INTO reading SELECT $1::integer, to_timestamp($2) + (n * interval '30 minutes'), 29, wh, " +
          'CASE WHEN wh IS NULL THEN 2 ELSE 0 END FROM unnest($3::integer[]) WITH ORDINALITY AS each(wh, n)',
        [member, YEAR_FROM_MS / 1_000, values],
      )
      await this.#pool.query(
        "INSERT INTO block SELECT $1::integer, n, to_timestamp($2) + (n + 1) * $3::integer * interval '30 minutes' " +
          "+ $1::integer * interval '1 second', sha256(($1::integer || ' ' || n)::bytea), " +
          "sha256(($1::integer || ' ' || n)::bytea) FROM generate_series(0, $4::integer - 1) AS n",
        [member, YEAR_FROM_MS / 1_000, rowsPerBlock, Math.floor(home.length / rowsPerBlock)],
      )
    }
    await this.#pool.query('CREATE INDEX block_sealed ON block (sealed DESC, member)')
    await this.#pool.query('CREATE INDEX reading_ended ON reading (ended)')
    await this.#pool.query('VACUUM ANALYZE')
  }

  async month(member: number, fromMs: number, toMs: number): Promise<number> {
    const { rows } = await this.#pool.query({
      name: 'month',
      text:
        'SELECT ended, wh, quality FROM reading WHERE member = $1 AND register = 29 AND ended > $2 AND ended <= $3 ' +
        'ORDER BY ended',
      values: [member, new Date(fromMs), new Date(toMs)],
    })
    return rows.length
  }

  async year(member: number, fromMs: number, toMs: number, zone: string): Promise<number> {
    const { rows } = await this.#pool.query({
      name: 'year',
      text:
        "SELECT date_trunc('day', ended - interval '1 millisecond', $4) AS day, sum(wh), count(wh), count(*) FROM reading " +
        'WHERE member = $1 AND register = 29 AND ended > $2 AND ended <= $3 GROUP BY day ORDER BY day',
      values: [member, new Date(fromMs), new Date(toMs), zone],
    })
    return rows.length
  }

  /** Every home's hours of a day, added up. */
  async balance(fromMs: number): Promise<number> {
    const { rows } = await this.#pool.query({
      name: 'balance',
      text:
        "SELECT date_trunc('hour', ended - interval '1 millisecond') AS hour, sum(wh), count(wh), " +
        'array_agg(member) FILTER (WHERE wh IS NULL) FROM reading WHERE register = 29 AND ended > $1 AND ended <= $2 ' +
        'GROUP BY hour ORDER BY hour',
      values: [new Date(fromMs), new Date(fromMs + DAY_MS)],
    })
    return rows.length
  }

  async ledger(limit: number): Promise<number> {
    const { rows } = await this.#pool.query({
      name: 'ledger',
      text: 'SELECT member, height, sealed, hash FROM block ORDER BY sealed DESC, member LIMIT $1',
      values: [limit],
    })
    return rows.length
  }

  async readingBytes(): Promise<number> {
    const { rows } = await this.#pool.query("SELECT pg_total_relation_size('reading') AS bytes")
    return Number((rows[0] as { bytes: string }).bytes)
  }

  async stop(): Promise<void> {
    await this.#pool.end()
    const ended = new Promise((resolve) => this.#server.once('exit', resolve))
    // Fast shutdown.
    this.#server.kill('SIGINT')
    await ended
    rmSync(this.#home, { recursive: true, force: true })
  }
}

function accountOf(name: string): Account {
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }).trim())
  return { uid: idOf('-u'), gid: idOf('-g') }
}
