/**
 * Reads all objects of a service again and again, its metrics among them.
 *
 * @module
 */
import { type ServicePlace, ServiceReader, type ServiceSnapshot } from '../inspect/index.js'
import { hasMetrics, withMetrics } from './objects.js'
import { MetricsReader } from './reader.js'

/** The reader of one service, with its metrics. What it has open it closes by {@link close}, and when nobody reads for ten seconds. */
export class WholeReader {
  readonly #objects: ServiceReader
  readonly #metrics: MetricsReader
  readonly #isEach: boolean

  /** @param isEach - whether each series is an object, too; files of metrics say how many they hold in any case. */
  constructor(place: ServicePlace, isEach: boolean) {
    this.#objects = new ServiceReader(place)
    this.#metrics = new MetricsReader(place)
    this.#isEach = isEach
  }

  /** @throws Error if the directory cannot be read. What is wrong with one file is in the result. */
  read(): ServiceSnapshot {
    const snapshot = this.#objects.read()
    if (!hasMetrics(snapshot)) return snapshot
    return withMetrics(snapshot, this.#metrics.read(this.#isEach), this.#isEach)
  }

  close(): void {
    this.#objects.close()
    this.#metrics.close()
  }
}
