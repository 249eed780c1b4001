/** Whether the header of that name lets an answer be in gzip (RFC 9110 section 12.5.3). */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  const weights = new Map(
    String(header ?? '')
      .split(',')
      .map(weightOf),
  )
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0
}

/** `gzip;q=0.5`; a weight that is none counts as nothing. */
function weightOf(item: string): readonly [name: string, weight: number] {
  const [name = '', ...parameters] = item.toLowerCase().split(';')
  const weight = parameters.map((parameter) => /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/.exec(parameter)?.[1])[0]
  return [name.trim(), parameters.length === 0 ? 1 : Number(weight ?? 0)]
}
