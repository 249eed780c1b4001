import { type LevelWithSilent, type Logger as PinoLogger, pino } from 'pino'
import { isWattnessError } from '../../protocol/index.ts'
import { type Io, write } from './io.ts'

export interface LogInit {
  readonly level: LevelWithSilent
  /** One line of text for each event, or one of JSON. */
  readonly format: 'text' | 'json'
}

/** What happens, on standard output. The clock is the injected one, as everywhere. */
export function createLog(io: Io, { level, format }: LogInit): PinoLogger {
  const destination = {
    write: (line: string): void => void write(io.stdout, format === 'json' ? line : `${formatLogLine(line)}\n`),
  }
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(io.platform.clock.now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    destination,
  )
}

/** No stack: a log is read by people who run meters. */
function describeError(error: unknown): object {
  if (isWattnessError(error)) return { code: error.code, message: error.message }
  return { message: error instanceof Error ? error.message : String(error) }
}

/** `2026-01-31T12:00:00.000Z warn  message: cause`. */
export function formatLogLine(line: string): string {
  const { time, level, msg, err } = JSON.parse(line) as {
    time: string
    level: string
    msg: string
    err?: { code?: string; message: string }
  }
  const cause = err === undefined ? '' : `: ${err.message}${err.code === undefined ? '' : ` (${err.code})`}`
  return `${time} ${level.padEnd(5)} ${msg}${cause}`
}
