/**
 * Series for other addons: the object that `native/addon/series.h` reads.
 *
 * @module
 */
import { backend } from '../runtime/backend.js'
import { typeError } from '../core/errors.js'
import { ExponentialBuckets } from './buckets.js'
import { type Instrument, type Step, step } from './instruments.js'

/** A series as another addon opens it, with `percpu::Series` of `native/addon/series.h`. */
export interface NativeSeries {
  /** The series that it updates. */
  readonly series: Instrument
}

const Kind = { counter: 1, gauge: 2, histogram: 3 } as const
const NO_BOUNDS = new Float64Array(0)

function open(made: Step): object | null {
  if (made.kind === 'add') {
    const { counters, i, canFall } = made
    const { handle } = counters.region
    return backend.openSeries(
      canFall ? Kind.gauge : Kind.counter,
      handle,
      i,
      handle,
      i,
      Number(canFall),
      NO_BOUNDS,
    )
  }
  const { buckets, counts, base, sums, sum } = made
  const takesNegative = Number(!(buckets instanceof ExponentialBuckets))
  const { bounds } = buckets
  return backend.openSeries(
    Kind.histogram,
    counts.region.handle,
    base,
    sums.region.handle,
    sum,
    takesNegative,
    bounds,
  )
}

/**
 * Makes an object by which the C++ code of another addon updates a counter, gauge or histogram: `percpu::Series` of the header
 * `series.h`, in the directory that `require('rseq/include')` names. Any thread may update the series while the addon keeps
 * a reference to the object, and while the thread that called this function runs.
 *
 * @param series - a metric without labels, or a series that `labels()` gave.
 * @throws TypeError if `series` is something else; Error where the addon of this package is not in use (`info().backend` is
 *   `portable`), or the metrics are closed.
 */
export function nativeSeries(series: Instrument): NativeSeries {
  // From JavaScript, `series` may be anything.
  const given: unknown = series
  if (typeof given !== 'object' || given === null || !(step in given))
    throw typeError('series', 'a counter, gauge or histogram, or a series of one with labels', given)
  const made = open(series[step]())
  if (made === null) {
    throw new Error(
      'rseq: nativeSeries() needs open metrics and the native backend; info() tells why a thread has another one',
    )
  }
  return Object.defineProperty(made, 'series', { value: series, enumerable: true }) as NativeSeries
}
