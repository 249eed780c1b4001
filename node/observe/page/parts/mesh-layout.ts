import type { Member, PeersAnswer, StatusAnswer } from '../../schemas/index.ts'

/** Of the ring that members stand on, in the units of the picture. */
export const RADIUS = 178

/** With more, names would overlap: they stand in the table. */
export const MOST_NAMES = 24

export interface MeshNode {
  readonly member: Member
  readonly x: number
  readonly y: number
  /** Radius of its ring. */
  readonly size: number
  /** How much of its chain is final, 0 to 1. */
  readonly share: number
  readonly anchor: 'start' | 'middle' | 'end'
  readonly isWitness: boolean
  readonly showsName: boolean
}

export interface MeshLink {
  readonly key: string
  readonly x: number
  readonly y: number
  readonly agreement: PeersAnswer['peers'][number]['agreement']
}

export interface MeshPicture {
  readonly nodes: readonly MeshNode[]
  readonly links: readonly MeshLink[]
  readonly hasEvidence: boolean
}

/** Members around the observer in the order of their indices, from the top, clockwise. Members that ended are left out. */
export function meshOf(members: readonly Member[], peers: PeersAnswer['peers'], status: StatusAnswer | undefined): MeshPicture {
  const shown = members.filter(({ revoked, quarantined }) => revoked === null || quarantined)
  const witnesses = new Set(status?.finality.attestations.map(({ index }) => index))
  const size = shown.length > 60 ? 6 : shown.length > MOST_NAMES ? 10 : 15
  const nodes = shown.map((member, at) => {
    const angle = (2 * Math.PI * at) / shown.length - Math.PI / 2
    const x = round(RADIUS * Math.cos(angle))
    const y = round(RADIUS * Math.sin(angle))
    const anchor = Math.abs(x) < RADIUS * 0.2 ? ('middle' as const) : x > 0 ? ('start' as const) : ('end' as const)
    const share = member.size === 0 ? 0 : Math.min(1, member.final / member.size)
    const showsName = shown.length <= MOST_NAMES
    return { member, x, y, size, share, anchor, isWitness: witnesses.has(member.index), showsName }
  })
  const links = peers.flatMap(({ key, agreement }) => {
    const node = nodes.find(({ member }) => member.key === key)
    return node === undefined ? [] : [{ key, x: node.x, y: node.y, agreement }]
  })
  return { nodes, links, hasEvidence: shown.some(({ quarantined, contradicted }) => quarantined || contradicted) }
}

const round = (value: number): number => Math.round(value * 10) / 10
