import type { JSX } from 'preact'
import type { Member, PeersAnswer, StatusAnswer } from '../../schemas/index.ts'
import { useNarrow, usePage } from '../page-context.tsx'
import { memberPath } from '../routes.ts'
import { nameText } from './block-facts.tsx'
import { type MeshNode, MOST_NAMES, meshOf, RADIUS } from './mesh-layout.ts'

interface MeshProps {
  readonly members: readonly Member[]
  readonly peers: PeersAnswer['peers']
  readonly status: StatusAnswer | undefined
  /** Members of whom a block has just come. */
  readonly fresh: ReadonlySet<number>
  readonly late: ReadonlySet<number>
}

/**
 * The neighbourhood as a ring of members around this observer. A member's ring is closed as far as its chain is final; a line
 * is a connection of this observer's.
 */
export function Mesh(props: MeshProps): JSX.Element {
  const { t } = usePage()
  const { members, peers, status } = props
  const isNarrow = useNarrow()
  const mesh = meshOf(members, peers, status, isNarrow)
  return (
    <figure class={mesh.nodes.length > MOST_NAMES ? 'mesh crowd' : 'mesh'}>
      <svg
        viewBox={isNarrow ? '-225 -215 450 460' : '-310 -222 620 446'}
        role="img"
        aria-label={t('meshLabel', { n: members.length, peers: peers.length })}
      >
        <circle class="orbit" r={RADIUS} />
        {mesh.links.map(({ key, x, y, agreement }) => (
          <path key={key} class={`wire ${agreement}`} d={`M0 0Q${y * 0.16} ${-x * 0.16} ${x} ${y}`} />
        ))}
        <g class="self">
          <circle r={26} />
          <path d="M-12 -8l6 16 6-13 6 13 6-16" />
        </g>
        <text class="self-name" y={44}>
          {t('thisObserver')}
        </text>
        {mesh.nodes.map((node) => (
          <Home key={node.member.key} node={node} {...props} />
        ))}
      </svg>
      <figcaption class="legend small">
        <span>
          <i class="key-final" />
          {t('legendFinal')}
        </span>
        <span>
          <i class="key-witness" />
          {t('legendWitness')}
        </span>
        <span>
          <i class="key-wire" />
          {t('legendLink')}
        </span>
        {mesh.hasEvidence ? (
          <span class="bad">
            <i class="key-bad" />
            {t('legendEvidence')}
          </span>
        ) : null}
      </figcaption>
    </figure>
  )
}

/** While the members are awaited. */
export function MeshOutline(): JSX.Element {
  return (
    <div class="mesh">
      <svg viewBox="-310 -222 620 446" aria-hidden="true">
        <circle class="orbit" r={RADIUS} />
        <g class="self">
          <circle r={26} />
          <path d="M-12 -8l6 16 6-13 6 13 6-16" />
        </g>
      </svg>
    </div>
  )
}

function Home({ node, fresh, late }: MeshProps & { readonly node: MeshNode }): JSX.Element {
  const { t } = usePage()
  const { member, x, y, size, share, label, isWitness } = node
  const isBad = member.quarantined || member.contradicted
  const name = nameText(member, t)
  const length = 2 * Math.PI * size
  const classes = [
    'home',
    isBad ? 'bad' : '',
    member.size === 0 ? 'empty-chain' : '',
    fresh.has(member.index) ? 'fresh' : '',
    late.has(member.index) ? 'late' : '',
  ]
  const away = member.revoked === null ? '' : ' ended'
  return (
    <g transform={`translate(${x} ${y})`}>
      <a href={memberPath(member.index)} class={classes.join(' ') + away} tabIndex={-1}>
        <title>{`${name}: ${t('finalOf', { final: member.final, n: member.size })}`}</title>
        {isWitness ? <circle class="witness" r={size * 1.4} /> : null}
        <circle class="track" r={size} />
        {share > 0 ? (
          <circle class="share" r={size} stroke-dasharray={`${share * length} ${length}`} transform="rotate(-90)" />
        ) : null}
        {isBad ? <path class="cross" d="M-5-5 5 5M5-5-5 5" /> : <circle class="core" r={size * 0.36} />}
        {label !== undefined ? (
          <text class="home-name" text-anchor={label.anchor} x={label.x} y={label.y}>
            {name.length > label.letters ? `${name.slice(0, label.letters - 1)}…` : name}
          </text>
        ) : null}
      </a>
    </g>
  )
}
