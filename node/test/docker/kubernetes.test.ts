import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1'
import { Job } from 'kubernetes-models/batch/v1'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Namespace, Service } from 'kubernetes-models/v1'
import { temporaryDirectory } from '../cli/command-line.ts'
import { projectPath, readYaml, readYamls, sourceOf } from './declared.ts'

const FOLDERS = ['docker/kubernetes', 'docker/kubernetes/simulations', 'docker/kubernetes/spread-simulation'] as const

/** What may be declared, with what the API makes of it; and where its type is. */
const KINDS = {
  ConfigMap: [ConfigMap, 'v1'],
  Deployment: [Deployment, 'apps/v1'],
  Job: [Job, 'batch/v1'],
  Namespace: [Namespace, 'v1'],
  NetworkPolicy: [NetworkPolicy, 'networking.k8s.io/v1'],
  PodDisruptionBudget: [PodDisruptionBudget, 'policy/v1'],
  Service: [Service, 'v1'],
  StatefulSet: [StatefulSet, 'apps/v1'],
} as const

type Labels = Readonly<Record<string, string>>

interface Container {
  readonly name: string
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly { name: string; valueFrom?: { configMapKeyRef?: { name: string; key: string } } }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly securityContext: object
  readonly startupProbe?: Probe
  readonly livenessProbe?: Probe
  readonly readinessProbe?: Probe
  readonly volumeMounts: readonly { readonly name: string }[]
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}

interface Pod {
  readonly metadata: { readonly labels: Labels }
  readonly spec: {
    readonly automountServiceAccountToken: boolean
    readonly securityContext: object
    readonly containers: readonly Container[]
    readonly volumes: readonly { readonly name: string }[]
  }
}

interface Declared {
  readonly apiVersion: string
  readonly kind: keyof typeof KINDS
  readonly metadata: { readonly name: string }
  readonly data?: Labels
  readonly spec: {
    readonly template?: Pod
    readonly selector?: Labels & { readonly matchLabels?: Labels }
    readonly serviceName?: string
    readonly completions?: number
    readonly replicas?: number
    readonly ports?: readonly { readonly targetPort: string }[]
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
  }
}

interface Kustomization {
  readonly resources: readonly string[]
  readonly images: readonly { readonly name: string }[]
}

const kustomizationOf = (folder: string): Kustomization => readYaml(`${folder}/kustomization.yaml`) as Kustomization
const declaredIn = (folder: string): Declared[] =>
  kustomizationOf(folder).resources.flatMap((file) => readYamls(`${folder}/${file}`) as Declared[])
const all = FOLDERS.flatMap(declaredIn)
type Workload = Declared & { spec: { template: Pod } }
const workloads = all.filter((each): each is Workload => each.spec?.template !== undefined)
const ofKind = (kind: Declared['kind']): Declared[] => all.filter((each) => each.kind === kind)

const matches = (labels: Labels, selector: Labels): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value)

/** What the API would refuse, in its own words. */
function faultsOf(declared: Declared): string[] {
  const [Model, apiVersion] = KINDS[declared.kind]
  if (declared.apiVersion !== apiVersion) return [`${declared.kind}: ${declared.apiVersion}`]
  try {
    new Model(declared as never).validate()
    return []
  } catch (error) {
    return [`${declared.kind} ${declared.metadata.name}: ${(error as Error).message}`]
  }
}

/** Fields that no schema names: the API drops them without a word, and what they were to bring about is missing. */
async function unknownFields(objects: readonly Declared[]): Promise<string> {
  const packages = projectPath('node_modules/kubernetes-models')
  const lines = objects.map(
    (each, index) =>
      `import type { I${each.kind} as T${index} } from '${packages}/${KINDS[each.kind][1]}/${each.kind}.js'\n` +
      `export const object${index}: T${index} = ${JSON.stringify(each, null, 1)}\n`,
  )
  const at = await temporaryDirectory()
  try {
    await mkdir(at.path('types'))
    await writeFile(at.path('types/declared.ts'), lines.join(''))
    const tsc = projectPath('node_modules/typescript/bin/tsc')
    const words = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'preserve',
      '--ignoreConfig',
      at.path('types/declared.ts'),
    ]
    return await new Promise((resolve) => {
      execFile(process.execPath, [tsc, ...words], { cwd: at.path('types') }, (_error, out, err) => resolve(`${out}${err}`))
    })
  } finally {
    await rm(at.path('types'), { recursive: true })
    await at.remove()
  }
}

describe('what is declared for Kubernetes', () => {
  it('every file is of a kustomization, and every image has a name that it sets', () => {
    for (const folder of FOLDERS) {
      const { resources, images } = kustomizationOf(folder)
      const files = readdirSync(projectPath(folder)).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
      expect([...resources].sort()).to.deep.equal(files.sort())
      const known = images.map(({ name }) => name)
      const used = declaredIn(folder).flatMap(({ spec }) => spec?.template?.spec.containers.map(({ image }) => image) ?? [])
      for (const image of used) expect(known).to.include(image)
    }
  })

  it("every object is as the API's schemas say; what is wrong is found", () => {
    expect(all.flatMap(faultsOf)).to.deep.equal([])
    const [meter] = ofKind('StatefulSet')
    expect(faultsOf({ ...meter, spec: { ...meter?.spec, replicas: 'four' } } as unknown as Declared)).to.have.length(1)
    expect(faultsOf({ ...meter, apiVersion: 'apps/v1beta1' } as Declared)).to.have.length(1)
    const names = all.map(({ kind, metadata: { name } }) => `${kind} ${name}`)
    expect(new Set(names).size).to.equal(names.length)
  })

  it('no object has a field that the API does not know; one that it does not is found', async () => {
    expect(await unknownFields(all)).to.equal('')
    const [policy] = ofKind('PodDisruptionBudget')
    const strange = { ...policy, spec: { ...policy?.spec, maxAvailable: 1 } } as Declared
    expect(await unknownFields([strange])).to.include('maxAvailable')
  })

  it('what selects finds, and what is referred to is there', () => {
    const settings = ofKind('ConfigMap')
    for (const { metadata, spec } of [...ofKind('Service'), ...ofKind('PodDisruptionBudget')]) {
      const selector = spec.selector?.matchLabels ?? spec.selector ?? {}
      const found = workloads.filter(({ spec: { template } }) => matches(template.metadata.labels, selector))
      expect(found.length, metadata.name).to.equal(1)
      const ports = found[0]?.spec.template.spec.containers.flatMap((container) => container.ports ?? []) ?? []
      for (const { targetPort } of spec.ports ?? []) expect(ports.map(({ name }) => name)).to.include(targetPort)
    }
    for (const { metadata, spec } of workloads) {
      if (spec.selector?.matchLabels !== undefined)
        expect(matches(spec.template.metadata.labels, spec.selector.matchLabels), metadata.name).to.equal(true)
      if (spec.serviceName !== undefined) expect(ofKind('Service').map((each) => each.metadata.name)).to.include(spec.serviceName)
      const volumes = [
        ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name),
        ...spec.template.spec.volumes.map(({ name }) => name),
      ]
      for (const { command = [], env = [], volumeMounts } of spec.template.spec.containers) {
        for (const { name } of volumeMounts) expect(volumes, metadata.name).to.include(name)
        const [, file = ''] = command
        if (file !== '') expect(existsSync(sourceOf(file)), file).to.equal(true)
        for (const { valueFrom } of env) {
          const wanted = valueFrom?.configMapKeyRef
          if (wanted === undefined) continue
          const map = settings.find((each) => each.metadata.name === wanted.name)
          expect(map?.data, wanted.key).to.have.property(wanted.key)
        }
      }
    }
  })

  it('no container is root, writes beside its volumes, gains rights or asks the cluster', () => {
    for (const { spec, metadata } of workloads) {
      const { automountServiceAccountToken, securityContext, containers } = spec.template.spec
      expect(automountServiceAccountToken, metadata.name).to.equal(false)
      expect(securityContext).to.deep.include({ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } })
      for (const container of containers)
        expect(container.securityContext, metadata.name).to.deep.equal({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
    }
  })

  it('each node is asked /healthz and /readyz, at a port that it has', () => {
    const nodes = declaredIn('docker/kubernetes').filter((each): each is Workload => each.spec?.template !== undefined)
    expect(nodes.map(({ metadata }) => metadata.name)).to.have.members(['registrar', 'meter', 'observer'])
    for (const { spec } of nodes)
      for (const { startupProbe, livenessProbe, readinessProbe, ports = [] } of spec.template.spec.containers) {
        const probes = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet)
        expect(probes.map((probe) => probe?.path)).to.deep.equal(['/healthz', '/healthz', '/readyz'])
        for (const probe of probes) expect(ports.map(({ name }) => name)).to.include(probe?.port)
      }
  })

  it('the job has a pod for each scenario', () => {
    const scenarios = readdirSync(projectPath('simulations/scenarios')).filter((file) => file.endsWith('.ts'))
    const [job] = declaredIn('docker/kubernetes/simulations').filter(({ kind }) => kind === 'Job')
    expect(job?.spec.completions).to.equal(scenarios.length)
  })

  it('a run over pods waits for as many as there are, at the port and under the name that they call', () => {
    const spread = declaredIn('docker/kubernetes/spread-simulation')
    const set = spread.find(({ kind }) => kind === 'StatefulSet') as Workload
    const job = spread.find(({ kind }) => kind === 'Job') as Workload
    const [[worker], [run]] = [set.spec.template.spec.containers, job.spec.template.spec.containers]
    const words = run?.args ?? []
    expect(words[words.indexOf('--machines') + 1]).to.equal(String(set.spec.replicas))
    expect(words[words.indexOf('--workers') + 1]).to.equal(String(run?.ports?.[0]?.containerPort))
    expect(worker?.args).to.deep.equal(['worker', `${job.metadata.name}:${run?.ports?.[0]?.containerPort}`])
    expect(spread.some(({ kind, metadata }) => kind === 'Service' && metadata.name === job.metadata.name)).to.equal(true)
  })
})
