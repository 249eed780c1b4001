import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError, type WattnessError } from '../../../protocol/errors.ts'
import { lockDirectory } from '../../store/index.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

const HOLD = (directory: string): string => `
  import { lockDirectory } from ${JSON.stringify(path.join(import.meta.dirname, '../../store/lock.ts'))}
  await lockDirectory(${JSON.stringify(directory)})
  process.stdout.write('held')
  setInterval(() => undefined, 1000)`
const NODE = [process.execPath, '--input-type=module-typescript', '-e'] as const
/** A process in a space of process numbers of its own, as in a container: it is number 1 there. */
const APART = ['unshare', '--pid', '--fork', '--kill-child'] as const

describe('directory lock', () => {
  const directories = temporaryDirectories()
  const children: ChildProcess[] = []
  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child)
  })

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  }

  async function hold(directory: string, ...before: readonly string[]): Promise<ChildProcess> {
    const [command, ...words] = [...before, ...NODE, HOLD(directory)]
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(child.stdout, 'data')
    return child
  }

  async function refusalOf(directory: string): Promise<WattnessError> {
    const refused: unknown = await lockDirectory(directory).catch((error: unknown) => error)
    if (isWattnessError(refused, 'STORE_LOCKED')) return refused
    throw new Error('nobody refused')
  }

  it('STORE_LOCKED: a second holder, by the number of the first', async () => {
    const directory = await directories.make()
    const lock = await lockDirectory(directory)
    const refused = await refusalOf(directory)
    expect([refused.message, refused.data['holder']]).to.deep.equal([
      `${directory} is in use by this process already`,
      process.pid,
    ])
    await lock.release()
    await (await lockDirectory(directory)).release()
    expect(await readdir(directory)).to.deep.equal(['guard'])
  })

  it('of ten that come at once one gets in', async () => {
    const directory = await directories.make()
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(directory)))
    expect(results.filter((result) => result.status === 'fulfilled').length).to.equal(1)
    for (const result of results) {
      if (result.status === 'fulfilled') await result.value.release()
      else expect(isWattnessError(result.reason, 'STORE_LOCKED')).to.equal(true)
    }
  })

  it('names another living process, and counts for nothing once that process is killed', async () => {
    const directory = await directories.make()
    const child = await hold(directory)
    const refused = await refusalOf(directory)
    expect([refused.message, refused.data['holder']]).to.deep.equal([`${directory} is in use by process ${child.pid}`, child.pid])
    await kill(child)
    await (await lockDirectory(directory)).release()
  }).timeout(10_000)

  it('a killed process that nobody has waited for holds nothing', async () => {
    const directory = await directories.make()
    // The shell turns into a program that waits for no child.
    const script = `${HOLD(directory)}; process.kill(process.pid, 'SIGKILL')`
    const node = `'${NODE[0]}' ${NODE[1]} -e "$SCRIPT"`
    const parent = spawn('/bin/sh', ['-c', `${node} & exec /bin/sleep 20`], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { SCRIPT: script },
    })
    children.push(parent)
    await once(parent.stdout, 'data')
    let code = 'STORE_LOCKED'
    while (code === 'STORE_LOCKED') code = await refusalCode(lockDirectory(directory))
    expect(code).to.equal('no error')
  }).timeout(15_000)

  it('holds whatever the file says: a number that is free here, another process, nothing at all', async () => {
    const directory = await directories.make()
    const child = await hold(directory)
    const file = path.join(directory, 'lock')
    const [pid, started, boot, space, host] = (await readFile(file, 'utf8')).trim().split(' ')
    const said = async (text: string | undefined): Promise<string> => {
      if (text === undefined) await rm(file)
      else await writeFile(file, text)
      return (await refusalOf(directory)).message.slice(`${directory} is in use by `.length)
    }
    expect(await said(`${pid} ${started} ${boot} pid:[1] box-2\n`)).to.equal(`process ${pid} of another container, box-2`)
    expect(await said(`4194304 1 ${boot} ${space} ${host}\n`)).to.equal('another process')
    expect(await said(`${pid} 1 ${boot} ${space} ${host}\n`)).to.equal('another process')
    expect(await said('what is this')).to.equal('another process')
    expect(await said(undefined)).to.equal('another process')
    await kill(child)
    await writeFile(file, `${process.pid} 1 ${boot} ${space} ${host}\n`)
    await (await lockDirectory(directory)).release()
  }).timeout(10_000)

  it('is shared by containers: by processes that cannot see each other', async function () {
    const directory = await directories.make()
    // Containers need rights that not everybody has; the case before this one fakes what they would say.
    const can = spawnSync(APART[0], [...APART.slice(1), 'true']).status === 0
    if (!can) console.log('      no namespaces here: containers are not tried')
    this.timeout(10_000)
    const child = await hold(directory, ...(can ? APART : []))
    const { message, data } = await refusalOf(directory)
    if (can) expect(message).to.match(/in use by process 1 of another container, /)
    else expect(data['holder']).to.equal(child.pid)
    await kill(child)
    let code = 'STORE_LOCKED'
    while (code === 'STORE_LOCKED') code = await refusalCode(lockDirectory(directory))
    expect(code).to.equal('no error')
  })

  it('a guard that is damaged is made anew', async () => {
    const directory = await directories.make()
    await (await lockDirectory(directory)).release()
    await writeFile(path.join(directory, 'guard', 'CURRENT'), 'nonsense')
    const lock = await lockDirectory(directory)
    expect((await refusalOf(directory)).data['holder']).to.equal(process.pid)
    await lock.release()
    await rm(path.join(directory, 'guard', 'CURRENT'))
    await (await lockDirectory(directory)).release()
  })

  it('a directory that is not there is not made', async () => {
    const directory = path.join(await directories.make(), 'typo')
    const error: unknown = await lockDirectory(directory).catch((caught: unknown) => caught)
    expect((error as NodeJS.ErrnoException).code).to.equal('ENOENT')
  })
})
