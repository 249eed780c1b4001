import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { PROJECT_ROOT } from '../harness/source-tree.ts'

/** What docker/ declares, read. */
export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: { readonly uid: string } }[]
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition: string }[] }
}

/** Of a file of the project. */
export const projectPath = (name: string): string => path.join(PROJECT_ROOT, name)

/** What a file of the image is made of: containers begin with what was compiled. */
export const sourceOf = (file: string): string =>
  projectPath(path.posix.relative('/app', file).replace(/^(docker\/entry\/.*)\.js$/, '$1.ts'))

export const readText = (name: string): string => readFileSync(projectPath(name), 'utf8')

export const readYaml = (name: string): unknown => parse(readText(name), { merge: true })

/** Throws where one of them is no YAML. */
export function readYamls(name: string): unknown[] {
  return parseAllDocuments(readText(name)).map((document) => {
    const [fault] = document.errors
    if (fault !== undefined) throw new Error(`${name}: ${fault.message}`)
    return document.toJS() as unknown
  })
}

export const ALERTS_FILE = 'docker/prometheus/alerts.yaml'

export function readAlerts(): Alert[] {
  const { groups } = readYaml(ALERTS_FILE) as { readonly groups: readonly { readonly rules: readonly Alert[] }[] }
  return groups.flatMap(({ rules }) => rules)
}

export const readDashboard = (): Dashboard => JSON.parse(readText('docker/grafana/dashboards/neighbourhood.json')) as Dashboard

/** Names of metrics in an expression. */
export const metricsOf = (expression: string): string[] => expression.match(/\bwattness_\w+/g) ?? []

/** What an address with `#` behind docs/operations.md leads to, as GitHub makes it of headings. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, text]) => text ?? '')
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}
