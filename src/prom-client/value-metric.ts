import { type Cell, LocalCell } from './cells.js'
import { LineCache } from './line-cache.js'
import { Metric, type SeriesOf } from './metric.js'
import { type TextStyle, type MetricObjectWithValues, numberText, sampleFront } from './registry.js'

/** The base class of metrics whose series have one number each: counters and gauges. */
export abstract class ValueMetric<T extends string> extends Metric<T, Cell> {
  /** The lines of the last exposition. One in the other format has another name for the samples of a counter. */
  #kept: { readonly sampleName: string; readonly cache: LineCache<SeriesOf<Cell>> } | undefined

  protected get parts(): readonly string[] {
    return ['']
  }

  protected makeLocal(): Cell {
    return new LocalCell()
  }

  protected copy(numbers: Cell): Cell {
    const copy = new LocalCell()
    copy.set(numbers.value)
    return copy
  }

  /** Returns the samples of all threads. Calls `collect()` first. */
  async get(): Promise<MetricObjectWithValues> {
    const values = (await this.collected()).map(({ labels, numbers, exemplars }) => ({
      value: numbers.value,
      labels: labels as Record<string, string | number>,
      ...(exemplars === null ? {} : { exemplar: exemplars.get(0) }),
    }))
    return { ...this.describe(), values }
  }

  /** @internal */
  getText(style: TextStyle): Promise<string> | null {
    return this.enableExemplars ? null : this.#textOf(style)
  }

  async #textOf({ head, sampleName, isOpenMetrics, exposition }: TextStyle): Promise<string> {
    await this.collect?.()
    const all = this.allSeries(exposition)
    // The exposition may have read the numbers before collect() has updated them.
    const totals = this.collect === undefined ? exposition.totalsFor(all.length) : null
    if (this.#kept?.sampleName !== sampleName) this.#kept = { sampleName, cache: new LineCache() }
    return this.#kept.cache.write(
      head,
      all,
      ({ numbers }) =>
        numbers.isShown ? ((totals === null ? null : numbers.valueIn?.(totals)) ?? numbers.value) : undefined,
      ({ labels }) => `\n${sampleFront(sampleName, labels)} `,
      (value) => numberText(value, isOpenMetrics),
    )
  }

  /** Removes all series. A metric without labels begins anew at 0. */
  reset(): void {
    this.removeAll()
    this.showUnlabelled()
  }
}
