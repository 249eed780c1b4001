import type { Member, PeersAnswer, StatusAnswer } from '../../schemas/index.ts'

/** Of the ring that members stand on, in the units of the picture. */
export const RADIUS = 178

/** How members stand where one ring is not enough: rings from the outside inwards. */
interface Crowd {
  /** Radius of a member's own ring. */
  readonly size: number
  /** Between two members of a ring. */
  readonly spacing: number
  readonly rings: readonly number[]
}

const CROWD: Crowd = { size: 9, spacing: 32, rings: [204, 164, 124] }
/** Room for the largest network, 256. */
const THRONG: Crowd = { size: 5.5, spacing: 17, rings: [206, 178, 150, 122, 94] }

/** With more, names would overlap: they stand in the table. */
export const MOST_NAMES = 24
/** On a phone. */
export const MOST_NAMES_NARROW = 10

export interface MeshNode {
  readonly member: Member
  readonly x: number
  readonly y: number
  /** Radius of its ring. */
  readonly size: number
  /** How much of its chain is final, 0 to 1. */
  readonly share: number
  readonly isWitness: boolean
  /** Where its name stands beside it; undefined where there is no room for names. */
  readonly label: MeshLabel | undefined
}

export interface MeshLabel {
  readonly anchor: 'start' | 'middle' | 'end'
  readonly x: number
  readonly y: number
  /** What is longer is cut. */
  readonly letters: number
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
export function meshOf(
  members: readonly Member[],
  peers: PeersAnswer['peers'],
  status: StatusAnswer | undefined,
  isNarrow = false,
): MeshPicture {
  const shown = members.filter(({ revoked, quarantined }) => revoked === null || quarantined)
  const witnesses = new Set(status?.finality.attestations.map(({ index }) => index))
  const { size, places } = placesOf(shown.length)
  const nodes = shown.map((member, at) => {
    const [x, y] = places[at] as Place
    const share = member.size === 0 ? 0 : Math.min(1, member.final / member.size)
    const label = shown.length > (isNarrow ? MOST_NAMES_NARROW : MOST_NAMES) ? undefined : labelOf(x, y, size, isNarrow)
    return { member, x, y, size, share, isWitness: witnesses.has(member.index), label }
  })
  const links = peers.flatMap(({ key, agreement }) => {
    const node = nodes.find(({ member }) => member.key === key)
    return node === undefined ? [] : [{ key, x: node.x, y: node.y, agreement }]
  })
  return { nodes, links, hasEvidence: shown.some(({ quarantined, contradicted }) => quarantined || contradicted) }
}

type Place = readonly [x: number, y: number]

function placesOf(count: number): { readonly size: number; readonly places: readonly Place[] } {
  if (count <= MOST_NAMES) return { size: 15, places: ringOf(RADIUS, count) }
  const roomOn = (radius: number, { spacing }: Crowd): number => Math.floor((2 * Math.PI * radius) / spacing)
  const roomIn = (crowd: Crowd): number => sumOf(crowd.rings.map((radius) => roomOn(radius, crowd)))
  const crowd = roomIn(CROWD) >= count ? CROWD : THRONG
  // As many rings as are needed, each as full as the others: a last one with three members would look like an oversight.
  const needed = crowd.rings.findIndex((_, at) => roomIn({ ...crowd, rings: crowd.rings.slice(0, at + 1) }) >= count)
  const rings = crowd.rings.slice(0, needed === -1 ? undefined : needed + 1)
  const places: Place[] = []
  for (const [at, radius] of rings.entries()) {
    const share = (count - places.length) * (radius / sumOf(rings.slice(at)))
    places.push(...ringOf(radius, at === rings.length - 1 ? count - places.length : Math.round(share)))
  }
  return { size: crowd.size, places }
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0)

/** From the top, clockwise. */
function ringOf(radius: number, count: number): Place[] {
  return Array.from({ length: count }, (_, at) => {
    const angle = (2 * Math.PI * at) / count - Math.PI / 2
    return [round(radius * Math.cos(angle)), round(radius * Math.sin(angle))]
  })
}

/** Outwards; on a phone, where the sides have no room, below. */
function labelOf(x: number, y: number, size: number, isNarrow: boolean): MeshLabel {
  if (isNarrow) return { anchor: 'middle', x: 0, y: size + 26, letters: 11 }
  if (Math.abs(x) < RADIUS * 0.2) return { anchor: 'middle', x: 0, y: y > 0 ? size + 25 : -size - 14, letters: 24 }
  const away = size + 13
  return x > 0 ? { anchor: 'start', x: away, y: 5, letters: 14 } : { anchor: 'end', x: -away, y: 5, letters: 14 }
}

const round = (value: number): number => Math.round(value * 10) / 10
