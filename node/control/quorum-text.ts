import { quorumOf, toleratedOf } from '../../protocol/index.ts'

/** What stands beside everything that is shown as final: how many say so, and how many of them may lie (rule W2). */
export function formatQuorum(witnesses: number): string {
  if (Number.isNaN(witnesses)) return 'how many witnesses is not known'
  const quorum = quorumOf(witnesses)
  if (quorum === undefined) return 'no witnesses: nothing becomes final'
  const tolerated = toleratedOf(witnesses)
  if (tolerated > 0) return `${witnesses} witnesses, quorum ${quorum}, up to ${tolerated} may lie or be away`
  const needed = witnesses === 1 ? '1 witness' : `${witnesses} witnesses, all needed`
  return `${needed}: fewer than four tolerate no liar`
}
