import { format } from 'node:util'
import { type Cell, SharedCounterCell } from './cells.js'
import { type LabelValues, isObject } from './labels.js'
import { type MetricConfiguration, type SeriesOf, checkExemplar } from './metric.js'
import { ValueMetric } from './value-metric.js'

/** The configuration of a {@link Counter}. */
export type CounterConfiguration<T extends string> = MetricConfiguration<T>

/** What `inc()` takes if the counter has exemplars. */
export interface IncreaseDataWithExemplar<T extends string> {
  /** The amount, 1 by default. */
  value?: number | undefined
  /** The labels of the series. */
  labels?: LabelValues<T>
  /** The labels of the exemplar; without them, the last exemplar stays. */
  exemplarLabels?: Readonly<Record<string, string | number>>
}

/** A series of a counter. */
export interface CounterChild {
  /** Adds `value`, 1 by default. @throws TypeError, Error if it is no finite number of 0 or more. */
  inc(value?: number): void
}

/** @throws TypeError if `value` is no finite number; Error if it is below 0. */
function checkAmount(value: unknown): asserts value is number {
  // prom-client adds NaN, and the counter then is no number for ever.
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new TypeError(`Value is not a valid number: ${format(value)}`)
  }
  if (value < 0) throw new Error('It is not possible to decrease a counter')
}

/** A metric that only grows. All threads of the process share it, if its registry is shared. */
export class Counter<T extends string = string> extends ValueMetric<T> {
  /** The objects that {@link labels} has returned. */
  readonly #held = new WeakMap<SeriesOf<Cell>, CounterChild>()

  /** @throws TypeError, Error for a wrong configuration, or if a registry has a metric with the name. */
  constructor(config: CounterConfiguration<T>, /** @internal */ scope?: string) {
    super(config, 'counter', scope)
    this.register(null)
    this.showUnlabelled()
  }

  protected makeShared([slot = 0]: readonly number[]): Cell {
    return new SharedCounterCell(slot)
  }

  /**
   * Adds `value`, 1 by default, exactly once. With exemplars, the only argument is an {@link IncreaseDataWithExemplar}.
   *
   * @throws TypeError, Error if the value is no finite number of 0 or more, or for a label that the counter has not.
   */
  inc(labels: LabelValues<T>, value?: number): void
  inc(value?: number): void
  inc(data: IncreaseDataWithExemplar<T>): void
  inc(first?: LabelValues<T> | number | IncreaseDataWithExemplar<T>, second?: number): void {
    if (this.enableExemplars) {
      this.#incWithExemplar(first as IncreaseDataWithExemplar<T> | undefined)
    } else if (isObject(first)) {
      this.#add(this.seriesOf(first), second)
    } else {
      this.#add(this.children.unlabelled, first)
    }
  }

  #add(series: SeriesOf<Cell>, value: number | null | undefined): void {
    if (value === undefined || value === null) {
      series.numbers.add(1)
      return
    }
    checkAmount(value)
    series.numbers.add(value)
  }

  #incWithExemplar({ labels = {}, value = 1, exemplarLabels }: IncreaseDataWithExemplar<T> = {}): void {
    const series = this.seriesOf(labels)
    this.#add(series, value)
    if (exemplarLabels === undefined) return
    checkExemplar(exemplarLabels)
    const exemplar = {
      labelSet: { ...exemplarLabels },
      value: value ? value : 1,
      timestamp: Date.now() / 1000,
    }
    series.exemplars ??= new Map()
    series.exemplars.set(0, exemplar)
  }

  /** Returns the series of these labels. Keep it where a series is incremented often. @throws Error as {@link inc}. */
  labels(...values: string[]): CounterChild
  labels(labels: LabelValues<T>): CounterChild
  labels(...values: unknown[]): CounterChild {
    const labels = this.labelsOf(values)
    const cached = this.children.cached(labels)
    if (cached === undefined && !this.#accepts(labels))
      return {
        inc: (value) => {
          this.inc(labels as LabelValues<T>, value)
        },
      }
    let series = cached ?? this.seriesOf(labels)
    let held = this.#held.get(series)
    if (held === undefined) {
      const inc = (value?: number): void => {
        // The series may have been removed since: the update begins it anew.
        if (series.numbers.isForgotten) series = this.seriesOf(labels)
        this.#add(series, value)
      }
      held = {
        inc: this.enableExemplars
          ? () => {
              this.inc(labels as never)
            }
          : inc,
      }
      this.#held.set(series, held)
    }
    return held
  }

  /** prom-client's `labels()` takes any label, and `inc()` throws. */
  #accepts(labels: object): boolean {
    return isObject(labels) && Object.keys(labels).every((label) => this.labelNames.includes(label as T))
  }
}
