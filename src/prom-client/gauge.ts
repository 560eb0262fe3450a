import { format } from 'node:util'
import { PROCESS_LABEL } from '../metrics/aggregator.js'
import { type Cell, SharedGaugeCell } from './cells.js'
import { type LabelValues, isObject, labelKey } from './labels.js'
import { type MetricConfiguration, type SeriesOf, startClock } from './metric.js'
import { ProcessGaugeCell } from './process-gauge.js'
import type { TextStyle, MetricObjectWithValues } from './registry.js'
import { ValueMetric } from './value-metric.js'

/** The configuration of a {@link Gauge}. */
export type GaugeConfiguration<T extends string> = MetricConfiguration<T>

/** A series of a gauge. */
export interface GaugeChild<T extends string> {
  /** Adds `value`, 1 by default. */
  inc(value?: number): void
  /** Subtracts `value`, 1 by default. */
  dec(value?: number): void
  /** Sets the value to any number. */
  set(value: number): void
  /** Sets the value to the seconds since 1970. */
  setToCurrentTime(): void
  /** Starts a timer. The function that it returns sets the value to the seconds since then and returns them. */
  startTimer(): (labels?: LabelValues<T>) => number
}

/**
 * A metric that goes up and down. All threads of the process share it, if its registry is shared: the last thread that sets it
 * wins, and additions of all threads count. If processes share the memory, each of them has a value, and an exposition shows
 * those of the living processes, combined by the gauge's aggregator.
 */
export class Gauge<T extends string = string> extends ValueMetric<T> {
  /** @throws TypeError, Error for a wrong configuration, or if a registry has a metric with the name. */
  constructor(config: GaugeConfiguration<T>, /** @internal */ scope?: string) {
    super(config, 'gauge', scope)
    this.register(null)
    this.showUnlabelled()
  }

  protected makeShared([slot = 0]: readonly number[]): Cell {
    return new SharedGaugeCell(slot)
  }

  /** @internal */
  protected override makeForProcesses(keyOf: (part: string) => string[]): Cell {
    return new ProcessGaugeCell(keyOf, this.aggregator, () => {
      this.warnOfRoom()
    })
  }

  /** @internal */
  protected override copy(numbers: Cell): Cell {
    return super.copy(numbers instanceof ProcessGaugeCell ? numbers.own : numbers)
  }

  /**
   * Returns the samples: of all threads, or if processes share the memory, of all living processes by the gauge's aggregator.
   * Calls `collect()` first.
   */
  override async get(): Promise<MetricObjectWithValues> {
    if (this.aggregator !== 'process') return super.get()
    const values = (await this.collected()).flatMap(({ labels, numbers }) => {
      const all = labels as Record<string, string | number>
      if (!(numbers instanceof ProcessGaugeCell)) return [{ value: numbers.value, labels: all }]
      return numbers
        .values()
        .map(([column, value]) => ({ value, labels: { ...all, [PROCESS_LABEL]: String(column) } }))
    })
    return { ...this.describe(), values }
  }

  /** @internal A series for each process has labels that are not those of the series. */
  override getText(style: TextStyle): Promise<string> | null {
    return this.aggregator === 'process' ? null : super.getText(style)
  }

  #seriesOf(first: unknown): SeriesOf<Cell> {
    return isObject(first) ? this.seriesOf(first) : this.children.unlabelled
  }

  /** Sets the value to any number, also NaN and the infinities. @throws TypeError if it is no number. */
  set(labels: LabelValues<T>, value: number): void
  set(value: number): void
  set(first: LabelValues<T> | number, second?: number): void {
    const value = isObject(first) ? second : first
    if (typeof value !== 'number') throw new TypeError(`Value is not a valid number: ${format(value)}`)
    this.#seriesOf(first).numbers.set(value)
  }

  /** Adds `value`, 1 by default. @throws TypeError if it is no number. */
  inc(labels: LabelValues<T>, value?: number): void
  inc(value?: number): void
  inc(first?: LabelValues<T> | number, second?: number): void {
    this.#add(first, second, 1)
  }

  /** Subtracts `value`, 1 by default. @throws TypeError if it is no number. */
  dec(labels: LabelValues<T>, value?: number): void
  dec(value?: number): void
  dec(first?: LabelValues<T> | number, second?: number): void {
    this.#add(first, second, -1)
  }

  #add(first: unknown, second: unknown, sign: number): void {
    const value = isObject(first) ? second : first
    const delta = value === undefined ? 1 : value
    if (typeof delta !== 'number') {
      throw new TypeError(`Delta is not a valid number: ${format(delta)}`)
    }
    this.#seriesOf(first).numbers.add(sign * delta)
  }

  /** Sets the value to the seconds since 1970. */
  setToCurrentTime(labels?: LabelValues<T>): void {
    const now = Date.now() / 1000
    if (labels === undefined) this.set(now)
    else this.set(labels, now)
  }

  /** Starts a timer. The function that it returns sets the value to the seconds since then and returns them. */
  startTimer(labels?: LabelValues<T>): (endLabels?: LabelValues<T>) => number {
    const clock = startClock()
    return (endLabels) => {
      const seconds = clock()
      this.set({ ...labels, ...endLabels } as LabelValues<T>, seconds)
      return seconds
    }
  }

  /** Returns the series of these labels. @throws Error for a label that the gauge has not. */
  labels(...values: string[]): GaugeChild<T>
  labels(labels: LabelValues<T>): GaugeChild<T>
  labels(...values: unknown[]): GaugeChild<T> {
    const labels = this.labelsOf(values) as LabelValues<T>
    this.seriesOf(labels)
    return {
      inc: (value) => {
        this.inc(labels, value)
      },
      dec: (value) => {
        this.dec(labels, value)
      },
      set: (value) => {
        this.set(labels, value)
      },
      setToCurrentTime: () => {
        this.setToCurrentTime(labels)
      },
      startTimer: () => this.startTimer(labels),
    }
  }

  /** @internal For prom-client's own tests: the value of a series, 0 if there is none. */
  _getValue(labels: Readonly<Record<string, unknown>> = {}): number {
    const names = [...this.labelNames].sort()
    const key = labelKey(names, labels)
    return this.shownSeries().find((one) => labelKey(names, one.labels) === key)?.numbers.value ?? 0
  }
}
