import { summary } from '../core/describe.js'
import { checkOpen, own } from '../runtime/disposal.js'
import { backend } from '../runtime/backend.js'
import { BatchEntries } from '../counter/batch-entries.js'
import { Counters } from '../counter/counters.js'
import { checkArray, rangeError, typeError } from '../core/errors.js'
import { HdrBuckets, type HdrRange } from '../core/hdr-buckets.js'
import {
  HISTOGRAM_HEADER_BYTES,
  HistogramCounter,
  HistogramWord,
  SUM_UNIT,
  bucketsInHeader,
  histogramContent,
  histogramLength,
  stampOf,
  writeHistogramHeader,
} from '../core/histogram-layout.js'
import { HistogramSnapshot } from './snapshot.js'
import { Kind, Status, otherContent, refusedBuffer } from '../core/layout.js'
import type { Handle } from '../core/operations.js'
import { checkOptions } from '../core/options.js'
import {
  AdoptedBuffer,
  RegionHolder,
  bufferFor,
  checkBuffer,
  formatRegion,
  newMemory,
  newRegionSize,
  openRegion,
} from '../runtime/region.js'

const { countedAdd, countedAddInt32 } = backend.operations

/** A copy in this module: counters.ts explains why hot code needs one. */
const OK = Status.ok

const MOST_INT32 = 2 ** 31 - 1
const SUM = HistogramCounter.sum
const MERGED_SUM = HistogramCounter.mergedSum
const FIRST = HistogramCounter.first
/** The most additions in one call of native code: up to 254 buckets, and the two counters of the sum. */
const BATCH = 256
const BUCKETS_AT_ONCE = BATCH - 2
/** Bounds the compare-and-exchange loops. An exchange fails only if another thread's exchange has succeeded. */
const EXCHANGE_ATTEMPTS = 1 << 16

const DEFAULTS: HdrRange = { lowest: 1, highest: 3_600_000_000, digits: 2 }
const A_HISTOGRAM = 'the buffer of a PerCpuHistogram'

function refuse(problem: string): never {
  throw refusedBuffer(A_HISTOGRAM, problem)
}

/** Returns the buckets that the options of a new histogram describe. @throws TypeError, RangeError that name the wrong option. */
export function histogramBuckets(options: Partial<HdrRange>): HdrBuckets {
  return new HdrBuckets({ ...DEFAULTS, ...checkOptions('options', options, ['lowest', 'highest', 'digits']) })
}

function headerOf(buffer: SharedArrayBuffer): BigInt64Array {
  return new BigInt64Array(buffer, 0, HISTOGRAM_HEADER_BYTES / BigInt64Array.BYTES_PER_ELEMENT)
}

function newHistogram(options: Partial<HdrRange>): SharedArrayBuffer {
  const buckets = histogramBuckets(options)
  const length = histogramLength(buckets)
  const size = HISTOGRAM_HEADER_BYTES + newRegionSize(length)
  const buffer = newMemory(size, ['digits', buckets.range.digits])
  formatRegion(new Uint8Array(buffer, HISTOGRAM_HEADER_BYTES), Kind.counters, length, 'i64', 'cpu')
  writeHistogramHeader(headerOf(buffer), buckets.range)
  return buffer
}

/** Checks the header of a buffer and returns the buckets that it describes. */
function bucketsOf(buffer: unknown): HdrBuckets {
  checkBuffer(buffer, A_HISTOGRAM)
  if (buffer.byteLength <= HISTOGRAM_HEADER_BYTES) refuse('is too short')
  const header = headerOf(buffer).slice()
  const { isHistogram, isOfThisVersion } = stampOf(header)
  if (!isOfThisVersion) refuse(isHistogram ? 'was made by another version of it' : otherContent(buffer))
  try {
    return bucketsInHeader(header)
  } catch (error) {
    return refuse(`was overwritten (${(error as Error).message})`)
  }
}

function openCounters(owner: PerCpuHistogram, buckets: HdrBuckets): Counters {
  const counters = new Counters(own(owner, openRegion(owner.buffer, Kind.counters, HISTOGRAM_HEADER_BYTES)))
  const { region } = counters
  if (region.length !== histogramLength(buckets) || region.element !== 'i64') refuse('was overwritten')
  return counters
}

/**
 * The distribution of values that many threads record at once, such as latencies in microseconds or sizes in bytes. The
 * buckets have a bounded relative width; they are those of HdrHistogram (https://hdrhistogram.github.io/HdrHistogram/).
 *
 * {@link record} is two restartable sequences in one call, one on the value's bucket and one on the sum. The count is the sum
 * of the buckets. When no thread records, the count, the sum, the least and the greatest value are exact. In a snapshot that
 * is taken while threads record, count and sum may differ by the values in progress. A percentile is exact to the number of
 * digits.
 *
 * Memory: (possible CPUs + 1) x 8 bytes for each bucket. With 2 digits there are 128 buckets for each power of two up to
 * `highest`; with 3 digits, 1024.
 *
 * @example
 * ```ts
 * const latency = new PerCpuHistogram({ highest: 60_000_000, digits: 2 }) // µs, up to a minute
 * latency.record(1234)
 * latency.snapshot().percentile(99)
 * ```
 */
export class PerCpuHistogram extends RegionHolder {
  readonly #buckets = bucketsOf(this.buffer)
  readonly #counters = openCounters(this, this.#buckets)
  readonly #handle: Handle = this.#counters.region.handle
  readonly #header = headerOf(this.buffer)
  readonly #steps = this.#buckets.steps
  /** At most 31: JavaScript shifts by a count modulo 32, and {@link record} shifts values of 31 bits. */
  readonly #unit = Math.min(31, this.#buckets.unit)
  readonly #length = this.#buckets.length
  /** The highest bit of the values in the first group of buckets, and how many zeros stand in front of it in 32 bits. */
  readonly #firstBit = 1 << Math.min(30, this.#unit + this.#steps)
  readonly #zeros = Math.clz32(this.#firstBit)
  /**
   * This thread knows that the header's least value is at most `#least`, and its greatest value at least `#most`. Both have 31
   * bits, so that V8 compares integers.
   */
  #least = MOST_INT32
  #most = -1
  /** The first {@link recordMany} or {@link merge} makes it. */
  #batch: BatchEntries | null = null

  /**
   * Makes an empty histogram.
   *
   * @param options - `lowest` (by default 1): smaller differences are not told apart. `highest` (by default 3.6e9, an hour in
   *   µs): larger values share one bucket; the sum and the greatest value are exact also for them. `digits` (by default 2):
   *   1 to 5.
   * @throws TypeError, RangeError that name the wrong option; RangeError if the memory is not available.
   */
  constructor(options: Partial<HdrRange> = {}) {
    super(bufferFor('PerCpuHistogram', [options], () => newHistogram(options)))
  }

  /**
   * Opens the histogram that another thread made.
   *
   * @param buffer - its `buffer`, as received by `workerData` or a message.
   * @throws TypeError if it is no SharedArrayBuffer, RangeError if it holds something else, or is damaged.
   */
  static from(buffer: SharedArrayBuffer): PerCpuHistogram {
    return new PerCpuHistogram(new AdoptedBuffer(buffer) as Partial<HdrRange>)
  }

  /** The values that the histogram covers, and its precision. */
  get range(): HdrRange {
    return this.#buckets.range
  }

  /**
   * Counts a value exactly once, whatever interrupts the thread. Wait-free, O(1); relaxed memory order. A value below or above
   * all values that this thread has recorded takes some ten times as long.
   *
   * @param value - an integer from 0 to 2**53 - 1.
   * @throws TypeError if `value` is no number; RangeError if it is out of range.
   */
  record(value: number): void {
    if (typeof value === 'number' && (value | 0) === value && value >= this.#least && value <= this.#most) {
      // This is HdrBuckets.indexOf() for values of 31 bits. A value beyond all buckets is out of range in native code.
      const group = this.#zeros - Math.clz32(value | this.#firstBit)
      const index = (group << this.#steps) + (value >>> (group + this.#unit))
      const status = countedAddInt32(this.#handle, FIRST + index, SUM, value)
      if (status === OK) return
      if (status !== Status.outOfRange) this.#counters.fail(status)
    }
    this.#recordOther(value)
  }

  /** Records any value that {@link record} does not take itself, or throws the error for it. */
  #recordOther(value: number): void {
    this.#check('value', value)
    this.#extend(value, value)
    this.#count(value)
  }

  /** Counts a checked value after `#extend()` has included it in the least and greatest values. */
  #count(value: number): void {
    const status = countedAdd(this.#handle, FIRST + this.#indexOf(value), this.#handle, SUM, value)
    if (status !== OK) this.#counters.fail(status)
  }

  #indexOf(value: number): number {
    return Math.min(this.#length, this.#buckets.indexOf(value))
  }

  #check(argument: string, value: unknown): void {
    const expected = 'an integer from 0 to 2**53 - 1'
    if (typeof value !== 'number') throw typeError(argument, expected, value)
    if (!Number.isSafeInteger(value) || value < 0) throw rangeError(argument, expected, value)
  }

  /** Lowers the header's least value to `least` and raises its greatest value to `most`, where that is necessary. */
  #extend(least: number, most: number): void {
    this.#exchange(HistogramWord.most, BigInt(most), (seen, wanted) => seen < wanted)
    this.#exchange(
      HistogramWord.leastPlus1,
      BigInt(least) + 1n,
      (seen, wanted) => seen === 0n || seen > wanted,
    )
    this.#least = Math.min(this.#least, least)
    this.#most = Math.max(this.#most, Math.min(most, MOST_INT32))
  }

  /** Stores `value` in a word of the header, unless the word holds a value that is at least as good. */
  #exchange(word: number, value: bigint, isBetter: (seen: bigint, value: bigint) => boolean): void {
    let seen = Atomics.load(this.#header, word)
    for (let attempt = 0; attempt < EXCHANGE_ATTEMPTS && isBetter(seen, value); attempt++) {
      seen = Atomics.compareExchange(this.#header, word, seen, value)
    }
  }

  /**
   * Counts many values. Each call of native code adds up to 254 values to their buckets and to the sum. All values are
   * checked before any is counted: if one is refused, none is counted. O(values).
   *
   * @param values - integers from 0 to 2**53 - 1.
   * @param count - the number of values to count, from the beginning of the array; by default all.
   * @throws TypeError, RangeError as {@link record}, for the first wrong value.
   */
  recordMany(values: Float64Array, count?: number): void {
    const end = checkArray('values', values, count)
    // Copied, because another thread may write to the array between the check and the use.
    const own = values.slice(0, end)
    if (own.length === 0) return
    let [least, most] = [Number.MAX_SAFE_INTEGER, 0]
    for (const value of own) {
      this.#check('values', value)
      least = Math.min(least, value)
      most = Math.max(most, value)
    }
    this.#extend(least, most)
    const batch = this.#openBatch()
    let sum = 0
    for (const value of own) {
      if (batch.count === BUCKETS_AT_ONCE || !Number.isSafeInteger(sum + value)) {
        this.#commit(batch, sum)
        sum = 0
      }
      batch.add(FIRST + this.#indexOf(value), 1)
      sum += value
    }
    this.#commit(batch, sum)
  }

  #openBatch(): BatchEntries {
    checkOpen(this)
    this.#batch ??= new BatchEntries(this.#counters, BATCH)
    this.#batch.clear()
    return this.#batch
  }

  /** Adds a batch of buckets and their sum in one call. A Worker that is terminated has added all of them or none. */
  #commit(batch: BatchEntries, sum: number): void {
    if (Number.isSafeInteger(sum)) {
      batch.add(SUM, sum)
    } else {
      const units = Math.floor(sum / SUM_UNIT)
      batch.add(SUM, sum - units * SUM_UNIT)
      // Beyond 2**85 a histogram's count is not exact either.
      batch.add(MERGED_SUM, Math.min(units, Number.MAX_SAFE_INTEGER))
    }
    batch.commit()
  }

  /**
   * Adds the content of another histogram. The snapshot may have any range, and may be a decoded one. All values of a
   * bucket of the snapshot are added to the bucket of this histogram that contains the middle of the snapshot's bucket.
   * O(buckets).
   *
   * @throws TypeError if `snapshot` is no `HistogramSnapshot`.
   */
  merge(snapshot: HistogramSnapshot): void {
    if (!(snapshot instanceof HistogramSnapshot)) throw typeError('snapshot', 'a HistogramSnapshot', snapshot)
    if (snapshot.count === 0) return
    this.#extend(snapshot.min, snapshot.max)
    const batch = this.#openBatch()
    let rest = Math.round(snapshot.sum)
    let part = 0
    for (const { least, most, count } of snapshot.buckets()) {
      if (batch.count === BUCKETS_AT_ONCE) {
        this.#commit(batch, part)
        rest -= part
        part = 0
      }
      const middle = Math.ceil((least + most) / 2)
      batch.add(FIRST + this.#indexOf(middle), count)
      part += count * middle
    }
    this.#commit(batch, rest)
  }

  /**
   * Closes what this object has open in this thread. Other objects on the buffer are not affected; every later operation of
   * this object throws an Error. The second call does nothing.
   */
  override [Symbol.dispose](): void {
    this.#batch?.close()
    this.#batch = null
    super[Symbol.dispose]()
  }

  /** Returns a copy of the current content. Not atomic: see the class. O(buckets x possible CPUs). */
  snapshot(): HistogramSnapshot {
    const totals = this.#counters.snapshot(new Float64Array(histogramLength(this.#buckets)))
    const leastPlus1 = Atomics.load(this.#header, HistogramWord.leastPlus1)
    const most = Atomics.load(this.#header, HistogramWord.most)
    return new HistogramSnapshot({
      buckets: this.#buckets,
      ...histogramContent(this.#buckets, totals, leastPlus1, most),
    })
  }

  /** @internal */
  override [summary](): object {
    return this.snapshot()[summary]()
  }
}
