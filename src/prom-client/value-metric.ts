import { type Cell, LocalCell } from './cells.js'
import { Metric } from './metric.js'
import { type LinesStyle, type MetricObjectWithValues, numberText, sampleFront } from './registry.js'

/** The base class of metrics whose series have one number each: counters and gauges. */
export abstract class ValueMetric<T extends string> extends Metric<T, Cell> {
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
  getLines(style: LinesStyle): Promise<string> | null {
    return this.enableExemplars ? null : this.#linesOf(style)
  }

  async #linesOf({ sampleName, isOpenMetrics, exposition }: LinesStyle): Promise<string> {
    const all = await this.collected(exposition)
    // The exposition may have read the numbers before collect() has updated them.
    const totals = this.collect === undefined ? exposition.totalsFor(all.length) : null
    let lines = ''
    for (const series of all) {
      const { numbers } = series
      // An exposition in the other format has another name for the samples of a counter.
      if (series.front?.name !== sampleName) {
        series.front = { name: sampleName, text: `\n${sampleFront(sampleName, series.labels)} ` }
      }
      const value = (totals === null ? null : numbers.valueIn?.(totals)) ?? numbers.value
      lines += series.front.text + numberText(value, isOpenMetrics)
    }
    return lines
  }

  /** Removes all series. A metric without labels begins anew at 0. */
  reset(): void {
    this.removeAll()
    this.showUnlabelled()
  }
}
