// Statistics of measurements.

/** Returns the value below which `share` of the values lie; NaN for no values. */
export function quantile(values, share) {
  if (values.length === 0) return NaN
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}

export function median(values) {
  return quantile(values, 0.5)
}

export function sum(values) {
  return values.reduce((total, value) => total + value, 0)
}

/** Returns the minimum, the median and the 90th percentile. */
export function spread(values) {
  return {
    least: quantile(values, 0),
    median: median(values),
    p90: quantile(values, 0.9),
    count: values.length,
  }
}
