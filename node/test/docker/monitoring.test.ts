import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { event, type Running, say, start, temporaryDirectory, until } from '../cli/command-line.ts'
import { OBSERVER, ObservedStreet } from '../observe/observed-street.ts'
import {
  ALERTS_FILE,
  anchorsOf,
  metricsOf,
  type Panel,
  projectPath,
  readAlerts,
  readDashboard,
  readText,
  readYaml,
} from './declared.ts'
import { findPrometheus, Prometheus, promtool, type Target } from './prometheus.ts'

const prometheus = findPrometheus()
const alerts = readAlerts()
const dashboard = readDashboard()
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
const operations = readText('docs/operations.md')
const monitoring = /^## Monitoring\n([\s\S]*?)(?=^## )/m.exec(operations)?.[1] ?? ''

/** Of one page of a node that serves. */
async function servedMetrics(): Promise<Set<string>> {
  const street = await ObservedStreet.create({ rounds: 1 })
  try {
    const { body } = await street.app(OBSERVER, { dataDir: '/tmp' }).inject({ url: '/metrics' })
    return new Set([...body.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name ?? ''))
  } finally {
    await street.stop()
  }
}

describe('monitoring: what is declared', () => {
  let served: Set<string>
  before(async () => {
    served = await servedMetrics()
  })

  it('Prometheus is found in the usual places, or where PROMETHEUS says, which must be true', () => {
    expect(findPrometheus({}, (place) => place === '/usr/local/bin/prometheus')).to.equal('/usr/local/bin/prometheus')
    expect(findPrometheus({}, () => false)).to.equal(undefined)
    expect(findPrometheus({ PROMETHEUS: '/here' }, () => true)).to.equal('/here')
    expect(() => findPrometheus({ PROMETHEUS: '/nowhere' }, () => false)).to.throw('/nowhere')
    if (prometheus === undefined) console.log('    no Prometheus is found: rules and queries are not run (PROMETHEUS names one)')
  })

  it('alerts and panels ask for metrics that a node has, and every metric is asked for', () => {
    const asked = [...alerts, ...queries].flatMap(({ expr }) => metricsOf(expr))
    expect([...new Set(asked)].filter((name) => !served.has(name))).to.deep.equal([])
    expect([...served].filter((name) => !asked.includes(name))).to.deep.equal([])
  })

  it('an alert has a name of its own, a severity, what is said, and a place in docs/operations.md', () => {
    const anchors = anchorsOf(operations)
    const names = alerts.map(({ alert }) => alert)
    expect(new Set(names).size).to.equal(names.length)
    for (const { alert, labels, annotations } of alerts) {
      expect(alert).to.match(/^Wattness[A-Z][A-Za-z]+$/)
      expect(['critical', 'warning', 'info'], alert).to.include(labels['severity'])
      expect(Object.keys(annotations), alert).to.deep.equal(['summary', 'description', 'runbook_url'])
      const [file, anchor] = (annotations['runbook_url'] ?? '').split('#')
      expect(file, alert).to.equal('docs/operations.md')
      expect(anchors.has(anchor ?? ''), `${alert}: ${anchor}`).to.equal(true)
      expect(monitoring.includes(`\`${alert}\``), `${alert} in docs/operations.md`).to.equal(true)
    }
    const explained = [...monitoring.matchAll(/`(Wattness\w+)`/g)].map(([, name]) => name)
    expect(explained.filter((name) => !names.includes(name ?? ''))).to.deep.equal([])
  })

  it('each alert has a unit test that it fires', () => {
    interface RuleTest {
      readonly promql_expr_test: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[]
    }
    const { tests } = readYaml('docker/prometheus/alerts.test.yaml') as { readonly tests: readonly RuleTest[] }
    const fired = tests.flatMap((test) => test.promql_expr_test.flatMap(({ exp_samples }) => exp_samples))
    const names = fired.map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1])
    expect(new Set(names)).to.deep.equal(new Set(alerts.map(({ alert }) => alert)))
  })

  it('a dashboard: ids of their own, panels side by side, a data source that is provisioned, and what each says', () => {
    const { datasources } = readYaml('docker/grafana/datasources/prometheus.yaml') as {
      readonly datasources: readonly { readonly uid: string }[]
    }
    const known = datasources.map(({ uid }) => uid)
    expect(dashboard.schemaVersion).to.be.at.least(39)
    expect(dashboard.uid).to.match(/^[a-z-]{1,40}$/)
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).to.equal(ids.length)
    expect(new Set(panels.map(({ title }) => title)).size).to.equal(panels.length)
    for (const { title, description = '', datasource, targets = [] } of panels) {
      expect(description.length, title).to.be.above(10)
      expect(known, title).to.include(datasource?.uid)
      expect(targets.length, title).to.be.above(0)
      expect(new Set(targets.map(({ refId }) => refId)).size, title).to.equal(targets.length)
      for (const target of targets) expect(known, title).to.include(target.datasource.uid)
      expect(monitoring.includes(`«${title}»`), `«${title}» in docs/operations.md`).to.equal(true)
    }
    expect(overlaps(dashboard.panels)).to.deep.equal([])
    const variables = new Set(['__rate_interval', ...dashboard.templating.list.map(({ name }) => name)])
    for (const { title, expr } of queries)
      for (const [, name] of expr.matchAll(/\$(\w+)/g)) expect(variables.has(name ?? ''), `${title}: $${name}`).to.equal(true)
  })

  it('compose: images have tags, what is mounted is there and read-only, and nothing is open to other machines', () => {
    interface Service {
      readonly image: string
      readonly ports: readonly string[]
      readonly volumes: readonly string[]
      readonly profiles: readonly string[]
    }
    const { services, volumes } = readYaml('docker/compose.yaml') as {
      readonly services: Readonly<Record<string, Service>>
      readonly volumes: Readonly<Record<string, unknown>>
    }
    for (const name of ['prometheus', 'grafana']) {
      const service = services[name] as Service
      expect(service.profiles).to.deep.equal(['monitoring'])
      expect(service.image).to.match(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/)
      for (const port of service.ports) expect(port).to.match(/^127\.0\.0\.1:/)
      for (const volume of service.volumes) {
        const [from = '', , mode] = volume.split(':')
        if (!from.startsWith('./')) expect(Object.keys(volumes)).to.include(from)
        else expect([existsSync(projectPath(`docker/${from}`)), mode], volume).to.deep.equal([true, 'ro'])
      }
    }
    interface Scraped {
      readonly scrape_configs: readonly { readonly dns_sd_configs: readonly { readonly names: readonly string[] }[] }[]
    }
    const { scrape_configs } = readYaml('docker/prometheus/prometheus.yaml') as Scraped
    const asked = scrape_configs.flatMap(({ dns_sd_configs }) => dns_sd_configs.flatMap(({ names }) => names))
    expect(Object.keys(services)).to.include.members(asked)
  })
})

/** Pairs of panels that lie on each other, and panels beyond the 24 columns there are. */
function overlaps(all: readonly Panel[]): string[] {
  const beyond = all.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24).map(({ title }) => title)
  const pairs = all.flatMap((a, index) => all.slice(index + 1).map((b) => [a, b] as const))
  const isApart = (a: Panel['gridPos'], b: Panel['gridPos']): boolean =>
    a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
  return [...beyond, ...pairs.filter(([a, b]) => !isApart(a.gridPos, b.gridPos)).map(([a, b]) => `${a.title}, ${b.title}`)]
}

if (prometheus !== undefined) {
  describe('monitoring: in a real Prometheus', () => {
    it('promtool takes the configuration and the rules, and their unit tests pass', async () => {
      const folder = projectPath('docker/prometheus')
      const checks = [
        ['check', 'config', `${folder}/prometheus.yaml`],
        ['check', 'rules', `${folder}/alerts.yaml`],
        ['test', 'rules', `${folder}/alerts.test.yaml`],
      ]
      for (const words of checks) {
        const { status, output } = await promtool(prometheus, ...words)
        expect(status, output).to.equal(0)
      }
    })

    runQueries(prometheus)
  })
}

function runQueries(executable: string): void {
  describe('every query of the dashboard returns data from a running neighbourhood', () => {
    const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0', '--http', '0']
    const QUICK = ['--interval', '500ms', '--attest-delay', '100ms']
    const running: Running[] = []
    let at: Awaited<ReturnType<typeof temporaryDirectory>>
    let server: Prometheus | undefined

    const run = async (role: string, ...words: readonly string[]): Promise<Target> => {
      const command = start([...words, ...LOOPBACK])
      running.push(command)
      const isHttp = event('listening', ({ address }) => String(address).startsWith('http'))
      const { address } = JSON.parse(await command.line(isHttp)) as { address: string }
      return { address: new URL(address).host, role }
    }
    const member = (...words: readonly string[]): ReturnType<typeof say> => say([...words, '--dir', at.path('registrar')])

    before(async () => {
      at = await temporaryDirectory()
      await member('network', 'create', '--name', 'Elm Street', '--open-observers')
      const targets = [await run('registrar', 'run', '--dir', at.path('registrar'), ...QUICK)]
      const ticket = (await member('ticket', '--invite')).out.trim()
      const joined = await say(['join', ticket, '--dir', at.path('meter'), '--label', 'Elm Street 7'])
      expect(joined.status, joined.err).to.equal(0)
      const source = 'household:7?solar=4kWp&interval=500ms'
      targets.push(await run('meter', 'run', '--dir', at.path('meter'), '--source', source, ...QUICK))
      const open = (await member('ticket')).out.trim()
      targets.push(await run('observer', 'observe', open, '--dir', at.path('observer')))
      const appointed = await member('member', 'role', '1', 'meter,witness')
      expect(appointed.status, appointed.err).to.equal(0)
      server = await Prometheus.start(executable, targets, projectPath(ALERTS_FILE))
    })
    after(async () => {
      await server?.stop()
      await Promise.all(running.map((command) => command.stop()))
      await at.remove()
    })

    for (const { title, expr } of queries) {
      it(`${title}: ${expr}`, async () => {
        const expression = expr.replaceAll('$__rate_interval', '10s').replaceAll('$instance', '.+')
        const found = await until(
          () => (server as Prometheus).query(expression),
          (samples) => samples.length > 0 && samples.every(({ value }) => Number.isFinite(value)),
        )
        expect(found.length).to.be.above(0)
      })
    }

    it('what the dashboard lets one choose from: every node', async () => {
      const [variable] = dashboard.templating.list
      const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(variable?.definition ?? '') ?? []
      const found = await (server as Prometheus).query(metric)
      expect(new Set(found.map((sample) => sample.metric[label])).size).to.equal(3)
    })

    it('every alert rule is evaluated, and nothing is wrong with any', async () => {
      const health = await until(
        () => (server as Prometheus).rules(),
        (all) => all.size > 0 && ![...all.values()].includes('unknown'),
      )
      expect(Object.fromEntries(health)).to.deep.equal(Object.fromEntries(alerts.map(({ alert }) => [alert, 'ok'])))
    })

    it('the answers are those of the neighbourhood: three nodes, two members, a witness, blocks that become final', async () => {
      const one = async (expression: string): Promise<number | undefined> =>
        (await (server as Prometheus).query(expression))[0]?.value
      expect(await one('sum(up)')).to.equal(3)
      expect(await one('max(wattness_members)')).to.equal(2)
      expect(await one('max(wattness_witnesses)')).to.equal(1)
      expect(await one('sum(wattness_sources{state="reading"})')).to.equal(1)
      await until(
        () => one('max(wattness_chain_final_blocks{member="1"})'),
        (blocks) => (blocks ?? 0) > 0,
      )
    })
  })
}
