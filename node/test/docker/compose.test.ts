import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { readText, readYaml, sourceOf } from './declared.ts'

interface Service {
  readonly image: string
  readonly build?: { readonly dockerfile: string; readonly target?: string }
  readonly profiles?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly command?: string | readonly string[]
  readonly networks?: readonly string[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly logging?: { readonly options: Readonly<Record<string, string>> }
}

const { services, networks } = readYaml('docker/compose.yaml') as {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
}
const wordsOf = ({ command = [] }: Service): readonly string[] => (typeof command === 'string' ? command.split(/\s+/) : command)

describe('what is declared for compose', () => {
  it('the neighbourhood comes without a profile, everything else with the one that docs/operations.md names', () => {
    const operations = readText('docs/operations.md')
    const profileOf = Object.fromEntries(Object.entries(services).map(([name, { profiles = [] }]) => [name, profiles]))
    expect(profileOf).to.deep.equal({
      ...{ registrar: [], meter: [], observer: [] },
      ...{ street: ['street'], demo: ['demo'], sim: ['sim'], 'sim-meter': ['sim'] },
      ...{ prometheus: ['monitoring'], grafana: ['monitoring'] },
    })
    for (const profile of new Set(Object.values(profileOf).flat())) expect(operations).to.include(`--profile ${profile}`)
  })

  it('what is started is there, on a read-only file system and without rights', () => {
    const dockerfile = readText('docker/Dockerfile')
    for (const [name, { build, entrypoint = [], read_only, cap_drop }] of Object.entries(services)) {
      expect([read_only, cap_drop], name).to.deep.equal([true, ['ALL']])
      const [, file] = entrypoint
      if (file !== undefined) expect(existsSync(sourceOf(file)), file).to.equal(true)
      if (build?.target !== undefined) expect(dockerfile, name).to.include(` AS ${build.target}\n`)
    }
  })

  it('every log has a bound', () => {
    for (const [name, { logging }] of Object.entries(services))
      expect(Object.keys(logging?.options ?? {}), name).to.deep.equal(['max-size', 'max-file'])
  })

  it('sim: meters call the run at its name and port, in a network of their own', () => {
    const [run, meter] = [services['sim'] as Service, services['sim-meter'] as Service]
    const words = wordsOf(run)
    expect(wordsOf(meter)).to.deep.equal(['worker', `sim:${words[words.indexOf('--workers') + 1]}`])
    expect(words[words.indexOf('--transport') + 1]).to.equal('libp2p')
    for (const { networks: own = [] } of [run, meter]) {
      expect(own).to.have.length(1)
      expect(networks[own[0] as string]?.internal).to.equal(true)
    }
  })
})
