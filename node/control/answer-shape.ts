/**
 * Answers of a running node that is of another version than whoever asks: while a neighbourhood is upgraded, that is so. What
 * such an answer lacks is not known, which is neither an error nor zero.
 */

/** Reads a value; the path of whatever is lacking, or is something else than expected, is added to `unknown`. */
export type Shape<T> = (value: unknown, path: string, unknown: Set<string>) => T

/** NaN where it is not known: no sum and no comparison can take it for a number. */
export const number: Shape<number> = leaf((value) => typeof value === 'number', Number.NaN)
export const text: Shape<string> = leaf((value) => typeof value === 'string', '?')
export const flag: Shape<boolean> = leaf(isFlag, false)
/** Where it is only worth a word when it is false. */
export const flagUsuallyTrue: Shape<boolean> = leaf(isFlag, true)

/** A value of a fixed set, which another version may have made larger: it stands as it came. */
export function word<T extends string>(): Shape<T> {
  return text as Shape<T>
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path, unknown) => {
    if (value === null) return null
    const found = new Set<string>()
    const read = shape(value, path, found)
    for (const each of found) unknown.add(each)
    return found.has(path) ? null : read
  }
}

export function list<T>(shape: Shape<T>): Shape<T[]> {
  return (value, path, unknown) => {
    if (Array.isArray(value)) return value.map((each) => shape(each, path, unknown))
    unknown.add(path)
    return []
  }
}

/** Every field of `T` is named: one that is added to it later does not compile until it stands here. */
export function record<T extends object>(fields: { readonly [Name in keyof T]-?: Shape<T[Name]> }): Shape<T> {
  return (value, path, unknown) => {
    const isRecord = typeof value === 'object' && value !== null
    if (!isRecord) unknown.add(path)
    // All of it is lacking: that is said once, and not of each field.
    const found = isRecord ? unknown : new Set<string>()
    const given = (isRecord ? value : {}) as { readonly [name: string]: unknown }
    const read = Object.entries<Shape<unknown>>(fields).map(
      ([name, shape]) => [name, shape(given[name], path === '' ? name : `${path}.${name}`, found)] as const,
    )
    return Object.fromEntries(read) as T
  }
}

function isFlag(value: unknown): boolean {
  return typeof value === 'boolean'
}

function leaf<T>(is: (value: unknown) => boolean, whenUnknown: T): Shape<T> {
  return (value, path, unknown) => {
    if (is(value)) return value as T
    unknown.add(path)
    return whenUnknown
  }
}

export interface ReadAnswer<T> {
  readonly value: T
  /** Paths, in order, such as `running.lacks`; of the items of a list without a number. */
  readonly unknown: readonly string[]
}

export function readAnswer<T>(shape: Shape<T>, answer: unknown): ReadAnswer<T> {
  const unknown = new Set<string>()
  const value = shape(answer, '', unknown)
  return { value, unknown: [...unknown] }
}

/** A count as people read it. */
export function shown(count: number): string {
  return Number.isNaN(count) ? '?' : String(count)
}
