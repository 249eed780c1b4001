import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/errors.ts'
import { lockDirectory, lockHolder } from '../../store/index.ts'
import { refusalCode, temporaryDirectories } from './temporary-directories.ts'

describe('directory lock', () => {
  const directories = temporaryDirectories()

  it('STORE_LOCKED: a second holder, by the number of the first', async () => {
    const directory = await directories.make()
    const lock = await lockDirectory(directory)
    const refused = await lockDirectory(directory).catch((error: unknown) => error)
    expect(isWattnessError(refused, 'STORE_LOCKED') && refused.data.holder).to.equal(process.pid)
    expect(await lockHolder(directory)).to.equal(process.pid)
    await lock.release()
    expect(await lockHolder(directory)).to.equal(undefined)
    await (await lockDirectory(directory)).release()
    expect(await readdir(directory)).to.deep.equal([])
  })

  it('of ten that come at once one gets in', async () => {
    const directory = await directories.make()
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(directory)))
    expect(results.filter((result) => result.status === 'fulfilled').length).to.equal(1)
  })

  it('names another living process, and counts for nothing once that process is killed', async () => {
    const directory = await directories.make()
    const script = `
      import { lockDirectory } from ${JSON.stringify(path.join(import.meta.dirname, '../../store/lock.ts'))}
      await lockDirectory(${JSON.stringify(directory)})
      process.stdout.write('held')
      setInterval(() => undefined, 1000)`
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    const refused = await lockDirectory(directory).catch((error: unknown) => error)
    expect(isWattnessError(refused, 'STORE_LOCKED') && refused.message).to.contain(`process ${child.pid}`)
    child.kill('SIGKILL')
    await once(child, 'close')
    await (await lockDirectory(directory)).release()
  }).timeout(10_000)

  it('a killed process that nobody has waited for holds nothing', async () => {
    // Zombies are told by /proc.
    if (!existsSync('/proc/self/stat')) return
    const directory = await directories.make()
    const script = `
      import { lockDirectory } from ${JSON.stringify(path.join(import.meta.dirname, '../../store/lock.ts'))}
      await lockDirectory(${JSON.stringify(directory)})
      process.kill(process.pid, 'SIGKILL')`
    // The shell turns into a program that waits for no child.
    const node = `'${process.execPath}' --input-type=module-typescript -e "$SCRIPT"`
    const parent = spawn('/bin/sh', ['-c', `${node} & exec /bin/sleep 20`], { stdio: 'ignore', env: { SCRIPT: script } })
    try {
      const stateOf = async (): Promise<string> => {
        const pid = (await readFile(path.join(directory, 'lock'), 'utf8').catch(() => '')).split(' ')[0] ?? ''
        return pid === '' ? '' : ((await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).split(') ')[1]?.[0] ?? '')
      }
      while ((await stateOf()) !== 'Z') await new Promise((resolve) => setImmediate(resolve))
      expect(await lockHolder(directory)).to.equal(undefined)
      await (await lockDirectory(directory)).release()
    } finally {
      parent.kill('SIGKILL')
    }
  }).timeout(15_000)

  it('is not fooled by a later process of the same number', async () => {
    const directory = await directories.make()
    const lock = await lockDirectory(directory)
    const file = path.join(directory, 'lock')
    const [pid, , boot] = (await readFile(file, 'utf8')).split(' ')
    await writeFile(file, `${pid} 1 ${boot}`)
    expect(await lockHolder(directory)).to.equal(undefined)
    const second = await lockDirectory(directory)
    await lock.release()
    await second.release()
  })

  it('takes over from a lock file that says nothing', async () => {
    const directory = await directories.make()
    await writeFile(path.join(directory, 'lock'), 'what is this')
    expect(await lockHolder(directory)).to.equal(undefined)
    expect(await refusalCode(lockDirectory(directory))).to.equal('no error')
  })
})
