import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { isWattnessError, WattnessError } from '../../protocol/index.ts'
import { checkSource, openSource, redactSpec, type SourceDeps } from '../collect/index.ts'
import { type Resolved, resolveConfig } from '../config/index.ts'
import { filesOf } from '../directory/index.ts'
import { addCommand, addDir, type Context, FOUND_WRONG, type SharedOptions } from './context.ts'
import type { Io } from './io.ts'

export function registerConfig(program: Command, context: Context): void {
  const config = program.command('config').description('check and show the configuration')
  addDir(
    addCommand(config, 'check', 'say whether config.json and the environment are valid', 'wattness config check --dir meter-01'),
  ).action((options: SharedOptions) => check(context, options))
  addDir(addCommand(config, 'show', 'print every setting and where it came from', 'wattness config show --dir meter-01')).action(
    (options: SharedOptions) => show(context, options),
  )
}

/** The configuration of a directory; sources are looked at as far as that goes without reading them. Throws CONFIG_INVALID. */
export function configOf(io: Io, dir: string, flags: Readonly<Record<string, unknown>> = {}): Resolved {
  const resolved = resolveConfig({ file: filesOf(dir).config, environment: io.environment, flags })
  const faults: string[] = []
  for (const source of resolved.config.sources) {
    try {
      openSource(source, sourceDepsOf(io, resolved))
    } catch (error) {
      if (!isWattnessError(error)) throw error
      faults.push(`${resolved.origins.sources}: ${error.message}`)
    }
  }
  assertNone(faults)
  return resolved
}

/** What sources of this configuration are opened with. */
export function sourceDepsOf({ platform, stdin }: Io, { sourcesDirectory }: Resolved): SourceDeps {
  const standardInput = (): AsyncIterable<Uint8Array> => stdin as AsyncIterable<Uint8Array>
  return { ...platform, standardInput, ...(sourcesDirectory === undefined ? {} : { directory: sourcesDirectory }) }
}

/** Also what sources name beside their input. Throws CONFIG_INVALID. */
async function checkedConfigOf(io: Io, dir: string): Promise<Resolved> {
  const resolved = configOf(io, dir)
  const faults: string[] = []
  for (const source of resolved.config.sources) {
    try {
      await checkSource(source, sourceDepsOf(io, resolved))
    } catch (error) {
      if (!isWattnessError(error)) throw error
      faults.push(`${resolved.origins.sources}: ${redactSpec(source)}: ${error.message}`)
    }
  }
  assertNone(faults)
  return resolved
}

function assertNone(faults: readonly string[]): void {
  if (faults.length === 0) return
  const lines = faults.map((fault) => `\n  ${fault}`).join('')
  throw new WattnessError('CONFIG_INVALID', `the configuration is not valid:${lines}`, { faults })
}

async function check(context: Context, options: SharedOptions): Promise<void> {
  const dir = context.dirOf(options)
  const file = filesOf(dir).config
  try {
    await checkedConfigOf(context.io, dir)
    // A directory that was mistyped must not look like one that was checked.
    const found = existsSync(file)
    const text = found ? `${file}: fine` : `there is no ${file}: all is as it is by default or in the environment`
    await context.print(options, { ok: true, file: found ? file : null, faults: [] }, text)
  } catch (error) {
    if (!isWattnessError(error, 'CONFIG_INVALID')) throw error
    context.status = FOUND_WRONG
    await context.print(options, { ok: false, file: existsSync(file) ? file : null, faults: error.data['faults'] }, error.message)
  }
}

async function show(context: Context, options: SharedOptions): Promise<void> {
  const { config: read, origins } = configOf(context.io, context.dirOf(options))
  const config = { ...read, sources: read.sources.map(redactSpec) }
  const keys = Object.keys(config) as (keyof typeof config)[]
  const values = keys.map((key) => ({ key, value: JSON.stringify(config[key]), from: origins[key] }))
  const width = (of: 'key' | 'value'): number => Math.max(...values.map((each) => each[of].length))
  const lines = values.map(({ key, value, from }) => `${key.padEnd(width('key'))}  ${value.padEnd(width('value'))}  ${from}`)
  const settings = Object.fromEntries(keys.map((key) => [key, { value: config[key], from: origins[key] }]))
  await context.print(options, settings, lines.join('\n'))
}
