import { environmentName, SETTINGS, type Setting } from './settings-table.ts'

/** The table of docs/configuration.md; a test holds that it stands there. */
export function formatConfigReference(): string {
  const rows = Object.entries<Setting>(SETTINGS).map(([key, { flag, preset, expected, what }]) => {
    const cells = [
      `\`${key}\``,
      `\`${environmentName(key)}\``,
      `\`${flag}\``,
      `\`${JSON.stringify(preset)}\``,
      `${what} Expected: ${expected}.`,
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| config.json | environment | flag | default | meaning |', '|---|---|---|---|---|', ...rows].join('\n')
}
