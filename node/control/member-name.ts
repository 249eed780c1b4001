import { type Member, type Membership, WattnessError } from '../../protocol/index.ts'

/** Fewer digits of a key than this name nobody: they are met by chance. */
const LEAST_KEY_DIGITS = 6

/** Candidates named in an error; a neighbourhood is 256. */
const NAMED_CANDIDATES = 8

/** What a member is called where space is short: its label, else the first digits of its key. */
export function nameOf(member: Pick<Member, 'label' | 'keyHex'>): string {
  return member.label ?? member.keyHex.slice(0, 12)
}

/**
 * The member that `text` means: a label, the first six digits or more of a key, or an index. Throws MEMBER_UNKNOWN, and
 * MEMBER_AMBIGUOUS where it may mean several.
 */
export function findMember(membership: Membership, text: string): Member {
  const wanted = text.trim()
  const found = membership.members.filter((member) => isNamed(member, wanted))
  const [first] = found
  if (first !== undefined && found.length === 1) return first
  if (first === undefined) {
    const last = membership.members.length - 1
    const expected = `a label, the first ${LEAST_KEY_DIGITS} digits or more of a key, or an index from 0 to ${last}`
    throw new WattnessError('MEMBER_UNKNOWN', `no member is called ${JSON.stringify(wanted)}: expected ${expected}`, {
      found: wanted,
    })
  }
  const candidates = found.map(describe)
  const more = found.length > NAMED_CANDIDATES ? ` and ${found.length - NAMED_CANDIDATES} more` : ''
  const list = candidates.slice(0, NAMED_CANDIDATES).join(', ')
  throw new WattnessError('MEMBER_AMBIGUOUS', `${JSON.stringify(wanted)} may mean ${list}${more}: give the key`, { candidates })
}

function isNamed({ label, keyHex, index }: Member, wanted: string): boolean {
  if (label === wanted) return true
  if (/^\d{1,3}$/.test(wanted) && Number(wanted) === index) return true
  const digits = wanted.toLowerCase()
  return digits.length >= LEAST_KEY_DIGITS && /^[0-9a-f]+$/.test(digits) && keyHex.startsWith(digits)
}

function describe(member: Member): string {
  return `${member.index} ${member.label === undefined ? '' : `"${member.label}" `}(${member.keyHex.slice(0, 16)})`
}
