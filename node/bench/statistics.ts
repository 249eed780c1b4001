/** The value below which the share `q` of them lies, between neighbours interpolated. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * q
  const low = Math.floor(place)
  const [below, above] = [sorted[low] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN]
  return below + (above - below) * (place - low)
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** As many decimals as say something. */
export function round(value: number): number {
  return Number(value.toPrecision(4))
}
