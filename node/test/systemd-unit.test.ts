import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { UNATTENDED } from '../bench/installed.ts'
import { environmentName, SETTINGS } from '../config/settings-table.ts'
import { PROJECT_ROOT } from './harness/source-tree.ts'

/** The keys that systemd 252 (Debian 12) knows and that are used here: a misspelt one would be left out in silence. */
const KNOWN: Readonly<Record<string, string>> = {
  Unit: 'Description Documentation Wants After ConditionPathExists StartLimitIntervalSec',
  Service: `Type User Group SupplementaryGroups StateDirectory StateDirectoryMode UMask Environment EnvironmentFile
    ExecStart Restart RestartSec RestartPreventExitStatus TimeoutStopSec LimitNOFILE LogRateLimitIntervalSec
    LogRateLimitBurst NoNewPrivileges CapabilityBoundingSet AmbientCapabilities ProtectSystem ProtectHome
    PrivateTmp DevicePolicy DeviceAllow ProtectClock ProtectHostname ProtectKernelTunables ProtectKernelModules
    ProtectKernelLogs ProtectControlGroups ProtectProc RestrictNamespaces RestrictRealtime RestrictSUIDSGID
    LockPersonality KeyringMode RemoveIPC RestrictAddressFamilies SystemCallArchitectures SystemCallFilter
    SystemCallErrorNumber`,
  Install: 'WantedBy',
}

/** Values of each key, by section; a key may be given several times. */
function parseUnit(text: string): Map<string, Map<string, string[]>> {
  const sections = new Map<string, Map<string, string[]>>()
  let section: Map<string, string[]> | undefined
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    const name = /^\[(\w+)\]$/.exec(line)?.[1]
    if (name !== undefined) {
      section = new Map()
      sections.set(name, section)
      continue
    }
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (key === '' || section === undefined) throw new Error(`not a line of a unit: ${line}`)
    section.set(key, [...(section.get(key) ?? []), value])
  }
  return sections
}

describe('docker/systemd/wattness@.service', () => {
  const unit = parseUnit(readFileSync(path.join(PROJECT_ROOT, 'docker/systemd/wattness@.service'), 'utf8'))
  const service = unit.get('Service') ?? new Map<string, string[]>()

  it('has no key that systemd does not know', () => {
    for (const [name, section] of unit) {
      const known = new Set((KNOWN[name] ?? '').split(/\s+/))
      expect([...section.keys()].filter((key) => !known.has(key))).to.deep.equal([])
    }
  })

  it('runs as a user of its own, that may write nothing but its own directory', () => {
    expect(service.get('User')).to.deep.equal(['wattness'])
    expect(service.get('ProtectSystem')).to.deep.equal(['strict'])
    expect(service.get('StateDirectory')).to.deep.equal(['wattness/%i'])
    expect(service.get('NoNewPrivileges')).to.deep.equal(['yes'])
    expect(service.get('CapabilityBoundingSet')).to.deep.equal([''])
    expect(service.get('SystemCallFilter')).to.deep.equal(['@system-service', '~@privileged @resources'])
  })

  it('may open serial ports and no other device', () => {
    expect(service.get('DevicePolicy')).to.deep.equal(['closed'])
    expect(service.get('DeviceAllow')?.every((device) => /^char-tty\w+ rw$/.test(device))).to.equal(true)
    expect(service.get('PrivateDevices')).to.equal(undefined)
  })

  it('does not keep V8 from compiling', () => {
    expect(service.get('MemoryDenyWriteExecute')).to.equal(undefined)
  })

  it('waits for the time, and is started again for ever, unless a setting is wrong', () => {
    expect(unit.get('Unit')?.get('After')?.join(' ')).to.contain('time-sync.target')
    expect(unit.get('Unit')?.get('StartLimitIntervalSec')).to.deep.equal(['0'])
    expect(service.get('Restart')).to.deep.equal(['always'])
    expect(service.get('RestartPreventExitStatus')).to.deep.equal(['2'])
  })

  it('sets nothing in the environment that a node does not know', () => {
    const known = new Set(Object.keys(SETTINGS).map((key) => environmentName(key)))
    const names = [...(service.get('Environment')?.join(' ') ?? '').matchAll(/(\w+)=/g)].map(([, name = '']) => name)
    expect(names.filter((name) => name.startsWith('WATTNESS_') && !known.has(name))).to.deep.equal([])
    expect(names).to.include('COMMAND')
  })

  it('gives a node what the image gives it, and the soak and the bench', () => {
    const dockerfile = readFileSync(new URL('../../docker/Dockerfile', import.meta.url), 'utf8')
    for (const [name, value] of Object.entries(UNATTENDED)) {
      expect(service.get('Environment')).to.include(`${name}=${value}`)
      expect(dockerfile).to.include(`\nENV ${name}=${value}\n`)
    }
  })
})
