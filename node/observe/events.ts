import Type from 'typebox'
import { fromHex, toHex, WattnessError } from '../../protocol/index.ts'
import { nameOf } from '../control/index.ts'
import type { Noun } from './api.ts'
import { EventRing } from './event-ring.ts'
import { Listener } from './listener.ts'
import type { ObservedNode } from './observed-node.ts'
import { routeSchema } from './route-schema.ts'
import { LedgerEvent, type MemberRef } from './schemas/index.ts'

const Query = Type.Object({
  after: Type.Optional(
    Type.String({ maxLength: 40, description: 'In place of the header Last-Event-ID, for whoever cannot send one.' }),
  ),
})

/** `/v1/events`: what happens, as it happens. */
export const events: Noun = (app, context, done) => {
  const { limits, timers } = context
  const ring = new EventRing(limits.keptEvents, context.random)
  const listeners = new Set<Listener>()
  const ofAddress = new Map<string, number>()
  const unsubscribe = follow(context.node, (event) => {
    const { text } = ring.add(event.type, event)
    for (const listener of listeners) listener.send(text)
  })
  app.addHook('preClose', (closed) => {
    unsubscribe()
    for (const listener of listeners) listener.end()
    closed()
  })

  app.get<{ Querystring: { readonly after?: string } }>(
    '/v1/events',
    {
      config: { answer: 'endless' },
      exposeHeadRoute: false,
      schema: routeSchema({
        noun: 'events',
        id: 'listenToEvents',
        summary: 'Blocks, finality, evidence and neighbours as they come (server-sent events)',
        description:
          `Resumes after Last-Event-ID where no more than ${limits.keptEvents} events were missed; else the first event is ` +
          '`reset`, and everything is to be asked for anew. So it is after a change to another observer.',
        query: Query,
        answer: LedgerEvent,
        answerType: 'text/event-stream',
      }),
    },
    (request, reply) => {
      const { ip } = request
      const mine = ofAddress.get(ip) ?? 0
      if (listeners.size >= limits.listeners || mine >= limits.listenersOfAddress) {
        throw new WattnessError('LISTENERS_FULL', `${listeners.size} listen already, ${mine} of them from this address`, {
          limit: limits.listeners,
          ofAddress: limits.listenersOfAddress,
        })
      }
      const id = request.headers['last-event-id'] ?? request.query.after
      reply.hijack()
      const response = reply.raw
      response.writeHead(200, {
        ...headersOf(reply.getHeaders()),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        // Of nginx: an event that waits for a full buffer is none.
        'x-accel-buffering': 'no',
      })
      const listener = new Listener(response, timers, limits)
      listeners.add(listener)
      ofAddress.set(ip, mine + 1)
      response.once('close', () => {
        listeners.delete(listener)
        const left = (ofAddress.get(ip) ?? 1) - 1
        if (left === 0) ofAddress.delete(ip)
        else ofAddress.set(ip, left)
      })
      listener.send(beginning(ring, typeof id === 'string' ? id : undefined))
    },
  )
  done()
}

/** What he missed; for a new one an id to come back with, after whatever happens from now on. */
function beginning(ring: EventRing, id: string | undefined): string {
  const missed = id === undefined ? [] : ring.after(id)
  if (missed === undefined) return `id: ${ring.lastId}\nevent: reset\ndata: {"type":"reset"}\n\n`
  if (missed.length > 0) return missed.map(({ text }) => text).join('')
  return `id: ${ring.lastId}\n: welcome\n\n`
}

function headersOf(headers: Record<string, number | string | string[] | undefined>): Record<string, number | string | string[]> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

type Told = Exclude<LedgerEvent, { readonly type: 'reset' }>

/** Returns what ends it. */
function follow(node: ObservedNode, tell: (event: Told) => void): () => void {
  const whose = (keyHex: string): MemberRef | undefined => {
    const { membership, heldMembership = membership } = node
    const member = heldMembership.member(fromHex(keyHex))
    return member === undefined ? undefined : { index: member.index, key: keyHex, label: member.label ?? null }
  }
  const ofMember = (keyHex: string, make: (member: MemberRef) => Told): void => {
    const member = whose(keyHex)
    if (member !== undefined) tell(make(member))
  }
  const ofPeer = (key: string, change: 'link' | 'unlink' | 'agreement', agreement: Agreement = null): void => {
    const member = whose(key)
    const label = member?.label ?? undefined
    const name = nameOf(label === undefined ? { keyHex: key } : { keyHex: key, label })
    tell({ type: 'peer', key, name, index: member?.index ?? null, change, agreement })
  }
  const ends = [
    node.on('stored', ({ member, from, count, state }) =>
      ofMember(member, (whose) => ({
        type: 'block',
        ...whose,
        from,
        count,
        size: state.size,
        head: toHex(state.lastHash),
        sealedAt: new Date(state.sealedAt).toISOString(),
      })),
    ),
    node.on('final', ({ member, size, root, epoch }) =>
      ofMember(member, (whose) => ({ type: 'final', ...whose, size, root: toHex(root), epoch })),
    ),
    node.on('evidence', ({ member }) => ofMember(member, (whose) => ({ type: 'evidence', ...whose, kind: 'author' }))),
    node.on('witnessEvidence', ({ member }) => ofMember(member, (whose) => ({ type: 'evidence', ...whose, kind: 'witness' }))),
    node.on('link', ({ peer }) => ofPeer(peer, 'link')),
    node.on('unlink', ({ peer }) => ofPeer(peer, 'unlink')),
    node.on('agreement', ({ peer, agreement }) => ofPeer(peer, 'agreement', agreement)),
  ]
  return () => {
    for (const end of ends) end()
  }
}

type Agreement = Extract<Told, { readonly type: 'peer' }>['agreement']
