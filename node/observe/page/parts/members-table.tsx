import type { JSX } from 'preact'
import type { Static } from 'typebox'
import type { Member } from '../../schemas/index.ts'
import type { Finality } from '../../schemas/status.ts'
import { usePage } from '../page-context.tsx'
import { memberPath } from '../routes.ts'
import { Name } from './block-facts.tsx'
import { Chip } from './notice.tsx'

type Witness = Static<typeof Finality>['attestations'][number]

interface MembersTableProps {
  readonly members: readonly Member[]
  readonly late: ReadonlySet<number>
  readonly fresh: ReadonlySet<number>
  readonly clock: number
}

export function MembersTable({ members, late, fresh, clock }: MembersTableProps): JSX.Element {
  const { t, formats } = usePage()
  return (
    <div class="scroll">
      <table class="members">
        <caption class="unseen">{t('membersCaption')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('member')}</th>
            <th scope="col" class="number">
              {t('blocks')}
            </th>
            <th scope="col" class="number">
              {t('finalBlocks')}
            </th>
            <th scope="col">{t('lastReading')}</th>
            <th scope="col">{t('health')}</th>
          </tr>
        </thead>
        <tbody>
          {members.map((member) => {
            const isBad = member.quarantined || member.contradicted
            return (
              <tr key={member.key} class={`${isBad ? 'bad' : ''}${fresh.has(member.index) ? ' fresh' : ''}`}>
                <th scope="row">
                  <a href={memberPath(member.index)}>
                    <Name index={member.index} label={member.label} keyHex={member.key} />
                  </a>
                  <RoleText roles={member.roles} />
                </th>
                <td class="number" data-label={t('blocks')}>
                  {formats.count(member.size)}
                </td>
                <td class="number" data-label={t('finalBlocks')}>
                  {formats.count(member.final)}
                </td>
                <td data-label={t('lastReading')}>
                  {member.lastReadingAt === null ? (
                    <span class="muted">{t('none')}</span>
                  ) : (
                    <time dateTime={member.lastReadingAt} title={formats.exact(member.lastReadingAt)}>
                      {formats.moment(member.lastReadingAt, clock)}
                    </time>
                  )}
                </td>
                <td data-label={t('health')}>
                  <Health member={member} isLate={late.has(member.index)} witness={undefined} />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

export function RoleText({ roles }: { readonly roles: string }): JSX.Element {
  const { t } = usePage()
  const names = { registrar: t('roleRegistrar'), meter: t('roleMeter'), witness: t('roleWitness'), observer: t('roleObserver') }
  const shown = roles.split(',').map((role) => names[role as keyof typeof names] ?? role)
  return <span class="roles small muted">{shown.join(', ')}</span>
}

interface HealthProps {
  readonly member: Member
  readonly isLate: boolean
  readonly witness: Witness | undefined
}

export function Health({ member, isLate, witness }: HealthProps): JSX.Element {
  const { t } = usePage()
  const { quarantined, contestedFrom, contradicted, health, counts } = member
  if (quarantined) {
    return (
      <Chip tone="bad" title={contestedFrom === null ? undefined : t('contestedFrom', { height: contestedFrom })}>
        {t('twoStories')}
      </Chip>
    )
  }
  if (contradicted) return <Chip tone="bad">{t('twoStoriesWitness')}</Chip>
  if (health === 'ended') return <Chip tone="plain">{t('ended')}</Chip>
  if (!counts) return <Chip tone="plain">{t('countsNotYet')}</Chip>
  if (isLate) return <Chip tone="warn">{t('late')}</Chip>
  if (health === 'new') return <Chip tone="plain">{t('isNew')}</Chip>
  return (
    <span class="row">
      <Chip tone="good">{t('fine')}</Chip>
      {witness !== undefined && witness.isCurrent ? <Chip tone="plain">{t('attestsAll')}</Chip> : null}
    </span>
  )
}
