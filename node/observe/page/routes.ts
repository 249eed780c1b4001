/** What the page shows, as the part of its address behind `#`. */
export type Route =
  | { readonly view: 'neighbourhood' }
  | { readonly view: 'member'; readonly member: string; readonly query: URLSearchParams }
  | { readonly view: 'block'; readonly hash: string }
  | { readonly view: 'ledger'; readonly query: URLSearchParams }
  | { readonly view: 'search'; readonly text: string }
  | { readonly view: 'balance'; readonly query: URLSearchParams }
  | { readonly view: 'check' }
  | { readonly view: 'unknown' }

/** `#/member/3?span=week` and the like. Whatever is no address of the page is `unknown`, never an error. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split('?', 2)
  const query = new URLSearchParams(search)
  const [view = '', ...rest] = path.split('/')
  const text = decoded(rest.join('/'))
  if (text === undefined) return { view: 'unknown' }
  switch (view) {
    case '':
      return { view: 'neighbourhood' }
    case 'member':
      return /^(\d{1,3}|[0-9a-f]{64})$/.test(text) ? { view, member: text, query } : { view: 'unknown' }
    case 'block':
      return /^[0-9a-f]{64}$/.test(text) ? { view, hash: text } : { view: 'unknown' }
    case 'search':
      return { view, text }
    case 'ledger':
    case 'balance':
      return { view, query }
    case 'check':
      return { view }
    default:
      return { view: 'unknown' }
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

export const memberPath = (index: number | string, query = ''): string => `#/member/${index}${query === '' ? '' : `?${query}`}`
export const blockPath = (hash: string): string => `#/block/${hash}`
export const searchPath = (text: string): string => `#/search/${encodeURIComponent(text)}`
