import type { Member } from '../../schemas/index.ts'

/** What a text may mean, all of it at once: `12` is a height and a part of `Elm Street 12`. */
export interface SearchMeaning {
  readonly members: readonly Member[]
  /** Beginning of a block's hash, in lower case. */
  readonly hash: string | undefined
  readonly height: number | undefined
  /** UTC milliseconds: the day, or the moment. */
  readonly time: { readonly fromMs: number; readonly toMs: number } | undefined
}

export const MOST_MEMBERS = 20
const DAY_MS = 86_400_000

/** Dates as `2026-05-01`, `2026-05-01 13:30`, `1.5.2026`; in the reader's own time zone. */
export function meaningOf(text: string, members: readonly Member[]): SearchMeaning {
  const wanted = text.trim().toLowerCase()
  const found = members.filter(({ label, key, index }) => {
    if (label?.toLowerCase().includes(wanted) === true) return true
    return (wanted.length >= 4 && key.startsWith(wanted)) || (index === 0 && 'registrar'.startsWith(wanted) && wanted.length > 2)
  })
  return {
    members: found.slice(0, MOST_MEMBERS),
    hash: /^[0-9a-f]{8,64}$/.test(wanted) ? wanted : undefined,
    height: /^\d{1,12}$/.test(wanted) ? Number(wanted) : undefined,
    time: timeOf(wanted),
  }
}

function timeOf(text: string): SearchMeaning['time'] {
  const iso = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ t](\d\d?):(\d\d))?$/.exec(text)
  const local = /^(\d\d?)[./](\d\d?)[./](\d{4})(?:,? (\d\d?):(\d\d))?$/.exec(text)
  const [year, month, day] = iso === null ? [local?.[3], local?.[2], local?.[1]] : [iso[1], iso[2], iso[3]]
  if (year === undefined || month === undefined || day === undefined) return undefined
  const [hour, minute] = [(iso ?? local)?.[4], (iso ?? local)?.[5]]
  const at = new Date(Number(year), Number(month) - 1, Number(day), Number(hour ?? 0), Number(minute ?? 0))
  if (at.getMonth() !== Number(month) - 1 || at.getDate() !== Number(day)) return undefined
  return { fromMs: at.getTime(), toMs: at.getTime() + (hour === undefined ? DAY_MS : 3_600_000) }
}
