import { expect } from 'chai'
import { Crew } from '../../demo/crew.ts'
import type { HostLink, HostLinkInit } from '../../demo/host-link.ts'
import type { Order } from '../../demo/messages.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { report } from './pictures.ts'

/** A host that says what the test says. */
class Puppet implements HostLink {
  readonly init: HostLinkInit
  readonly orders: Order[] = []
  isAlive = true
  killed = false

  constructor(init: HostLinkInit) {
    this.init = init
  }

  get names(): readonly string[] {
    return this.init.names
  }

  tell(order: Order): void {
    this.orders.push(order)
  }

  stop(): Promise<void> {
    this.isAlive = false
    return Promise.resolve()
  }

  kill(): void {
    this.killed = true
  }
}

describe('the crew of a demonstration', () => {
  function crewOf(...hosts: string[][]): { crew: Crew; puppets: Puppet[]; notes: string[]; time: VirtualTime } {
    const time = new VirtualTime()
    const puppets: Puppet[] = []
    const notes: string[] = []
    const crew = new Crew({
      timers: time.timers,
      note: (text) => notes.push(text),
      openHost: (init) => {
        const puppet = new Puppet(init)
        puppets.push(puppet)
        return puppet
      },
    })
    crew.open(hosts)
    return { crew, puppets, notes, time }
  }

  const ready = (puppet: Puppet | undefined): void => puppet?.init.onWord({ type: 'ready' })

  it('asks all at once and waits for every answer to this round', async () => {
    const { crew, puppets } = crewOf(['a'], ['b'])
    const asked = crew.ask()
    expect(puppets.map(({ orders }) => orders)).to.deep.equal([[{ type: 'report', id: 1 }], [{ type: 'report', id: 1 }]])
    for (const puppet of puppets) puppet.init.onWord({ type: 'report', id: 1, nodes: [report(puppet.names[0] as string)] })
    await asked
    expect([...crew.reports.keys()]).to.deep.equal(['a', 'b'])
  })

  it('goes on without a host that does not answer in time, and without a dead one at once', async () => {
    const { crew, puppets, time } = crewOf(['a'], ['b'])
    const late = crew.ask()
    puppets[0]?.init.onWord({ type: 'report', id: 1, nodes: [] })
    await time.advance(2_000)
    await late
    expect([...crew.silent]).to.deep.equal(['b'])
    ready(puppets[1])
    Object.assign(puppets[1] as Puppet, { isAlive: false })
    const second = crew.ask()
    puppets[0]?.init.onWord({ type: 'report', id: 2, nodes: [] })
    await second
    expect([...crew.silent]).to.deep.equal([])
  })

  it('a death is told with the names of all nodes of that process', () => {
    const { crew, puppets, notes } = crewOf(['a'], ['b', 'c'])
    for (const puppet of puppets) ready(puppet)
    puppets[1]?.init.onDeath('signal SIGSEGV')
    expect(notes).to.deep.equal(['b, c ended by signal SIGSEGV'])
    expect([...crew.dead]).to.deep.equal([
      ['b', 'signal SIGSEGV'],
      ['c', 'signal SIGSEGV'],
    ])
  })

  it('the same note is told once, and at most 500 different ones', () => {
    const { puppets, notes } = crewOf(['a'])
    for (let i = 0; i < 3; i++) puppets[0]?.init.onWord({ type: 'note', name: 'a', text: 'hung up on b' })
    expect(notes).to.deep.equal(['a: hung up on b'])
    for (let i = 0; i < 600; i++) puppets[0]?.init.onWord({ type: 'note', name: 'a', text: `note ${i}` })
    expect(notes).to.have.length(500)
  })

  it('what fails in a node that runs is a note; before, it ends the start', async () => {
    const { crew, puppets, notes } = crewOf(['a'], ['b'])
    ready(puppets[0])
    puppets[0]?.init.onWord({ type: 'failed', name: 'a', code: 'DISK_FULL', text: 'no room' })
    expect(notes).to.deep.equal(['a: no room'])
    const started = crew.untilStarted(['b'], new AbortController().signal).catch((error: unknown) => error)
    puppets[1]?.init.onWord({ type: 'failed', name: 'b', code: 'STORE_LOCKED', text: 'in use by process 7' })
    expect(await started).to.deep.include({ code: 'DEMO_NOT_STARTED', data: { cause: 'STORE_LOCKED' } })
  })

  it('waiting for the start ends with the signal’s reason', async () => {
    const { crew } = crewOf(['a'])
    const stop = new AbortController()
    const started = crew.untilStarted(['a'], stop.signal).catch((error: unknown) => error)
    stop.abort(new Error('Ctrl-C'))
    expect(await started).to.equal(stop.signal.reason)
  })

  it('the end of sealing is waited for, but not for ever', async () => {
    const { crew, puppets, time } = crewOf(['a'], ['b'])
    const ended = crew.endSealing(2_000)
    puppets[0]?.init.onWord({ type: 'sealing-ended' })
    await time.advance(2_000)
    await ended
    const again = crew.endSealing(2_000)
    puppets[1]?.init.onWord({ type: 'sealing-ended' })
    await again
  })

  it('kill reaches every process', () => {
    const { crew, puppets } = crewOf(['a'], ['b'])
    crew.kill()
    expect(puppets.map(({ killed }) => killed)).to.deep.equal([true, true])
  })
})
