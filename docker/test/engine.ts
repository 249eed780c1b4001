import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Engine and composition of one run of the test: everything it makes has the project's name, and goes with it. */
export class Engine {
  readonly project = `wattness-test-${process.pid}`
  readonly image: string
  readonly #file: string
  #compose: readonly string[] = []
  #environment: NodeJS.ProcessEnv

  constructor(file: string, image: string, port: number) {
    this.#file = file
    this.image = image
    this.#environment = { ...process.env, WATTNESS_IMAGE: image, OBSERVER_PORT: `${port}`, INTERVAL: '5s' }
  }

  /** Throws where no engine answers, with what is needed. */
  async open(): Promise<void> {
    await this.docker('info').catch((error: Error) => {
      throw new Error(
        `no container engine answers (DOCKER_HOST says which; a Docker engine and compose are needed): ${error.message}`,
      )
    })
    for (const words of [['docker', 'compose'], ['docker-compose']]) {
      const works = await this.#run([...words, 'version']).then(
        () => true,
        () => false,
      )
      if (!works) continue
      this.#compose = words
      return
    }
    throw new Error('neither `docker compose` nor `docker-compose` is installed')
  }

  docker(...words: readonly string[]): Promise<string> {
    return this.#run(['docker', ...words])
  }

  compose(...words: readonly string[]): Promise<string> {
    return this.#run([...this.#compose, '-p', this.project, '-f', this.#file, ...words])
  }

  /** What a container has written, to either stream. */
  async logs(container: string): Promise<string> {
    const { stdout, stderr } = await execute('docker', ['logs', container], { maxBuffer: 16 * 1_048_576 })
    return `${stdout}${stderr}`
  }

  /** Containers of a service, by number. */
  async containers(service: string): Promise<string[]> {
    const found = await this.docker(
      'ps',
      '-a',
      '--filter',
      `label=com.docker.compose.project=${this.project}`,
      '--filter',
      `label=com.docker.compose.service=${service}`,
      '--format',
      '{{.Names}}',
    )
    return found.split('\n').filter(Boolean).sort()
  }

  async #run([program = '', ...words]: readonly string[]): Promise<string> {
    const { stdout } = await execute(program, words, { env: this.#environment, maxBuffer: 16 * 1_048_576, timeout: 900_000 })
    return stdout.trim()
  }
}
