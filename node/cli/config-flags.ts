import type { Command } from 'commander'
import { type ConfigKey, KEYS, SETTINGS, type Setting } from '../config/index.ts'
import { collect } from './context.ts'

/** Gives a command a flag for each setting; those for meters only where readings are taken. */
export function addConfigFlags(command: Command, readsMeters: boolean): Command {
  for (const key of KEYS) {
    const { flag, what, preset, forMeters }: Setting = SETTINGS[key]
    if (forMeters === true && !readsMeters) continue
    const text = `${what.replaceAll('`', '')} (default: ${JSON.stringify(preset)})`
    if (Array.isArray(preset)) command.option(flag, text, collect)
    else command.option(flag, text)
  }
  return command
}

/** What was given, by setting. */
export function configFlags(options: Readonly<Record<string, unknown>>): Partial<Record<ConfigKey, unknown>> {
  const given: Partial<Record<ConfigKey, unknown>> = {}
  for (const key of KEYS) {
    const value = options[optionName(SETTINGS[key])]
    if (value !== undefined) given[key] = value
  }
  return given
}

/** `--announce-delay <duration>` is `announceDelay` to commander. */
function optionName({ flag }: Setting): string {
  return (flag.split(' ')[0] as string).slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
