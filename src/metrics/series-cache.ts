/**
 * What a thread makes once for each series, because it never changes.
 *
 * @module
 */
/** Values by series, for each metric and each way in which readers show it. They go with the metric. */
export class SeriesCache<Value> {
  readonly #ways = new Map<string, WeakMap<object, (Value | undefined)[]>>()

  /** Returns the values of a metric's series by their numbers. The caller fills in those that are missing. */
  of(metric: object, way = ''): (Value | undefined)[] {
    const metrics = this.#ways.get(way) ?? new WeakMap<object, (Value | undefined)[]>()
    this.#ways.set(way, metrics)
    const values = metrics.get(metric) ?? []
    metrics.set(metric, values)
    return values
  }
}
