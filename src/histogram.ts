import { types } from 'node:util'
import { backend } from './backend.js'
import { CounterBatch } from './counter-batch.js'
import type { PerCpuCounterArray } from './counter-array.js'
import { Counters, rememberCounters } from './counters.js'
import { rangeError, typeError } from './errors.js'
import { HdrBuckets, type HdrRange } from './hdr/buckets.js'
import { HistogramSnapshot } from './histogram-snapshot.js'
import { Kind, Status } from './layout.js'
import type { Handle } from './operations.js'
import { AdoptedBuffer, OverBuffer, formatRegion, newRegionSize, openRegion } from './region.js'

const { countedAdd } = backend.operations

/** A constant of this module: see counters.ts. */
const OK = Status.ok

const MAGIC = 0x48515352
const VERSION = 1
/** Before the region; see {@link HeaderWord}. */
const HEADER_BYTES = 128
/** Positions in a BigInt64Array. The least value is kept plus 1, so that 0 says that there is none. */
const HeaderWord = { magicAndVersion: 0, lowest: 1, highest: 2, digits: 3, leastPlus1: 4, most: 5 } as const
/** Counters of the region: the sum, the buckets, and one for what is beyond them. */
const SUM = 0
const FIRST = 1
/** Bounds the compare-and-exchange loops. One fails only when another thread's has succeeded. */
const EXCHANGE_ATTEMPTS = 1 << 16
const STAMP = BigInt(MAGIC) | (BigInt(VERSION) << 32n)

const DEFAULTS: HdrRange = { lowest: 1, highest: 3_600_000_000, digits: 2 }
const A_HISTOGRAM = 'the buffer of a PerCpuHistogram'

function refuse(problem: string): never {
  throw new RangeError(`buffer: expected ${A_HISTOGRAM}; this one ${problem}`)
}

function newHistogram(options: unknown): SharedArrayBuffer {
  if (typeof options !== 'object' || options === null) {
    throw typeError('options', 'an object such as { lowest: 1, highest: 3600000000, digits: 2 }', options)
  }
  const { range, length } = new HdrBuckets({ ...DEFAULTS, ...options })
  const buffer = new SharedArrayBuffer(HEADER_BYTES + newRegionSize(length + 2))
  formatRegion(new Uint8Array(buffer, HEADER_BYTES), Kind.counters, length + 2, 'i64', 'cpu')
  const header = new BigInt64Array(buffer, 0, HEADER_BYTES / 8)
  header[HeaderWord.magicAndVersion] = STAMP
  header[HeaderWord.lowest] = BigInt(range.lowest)
  header[HeaderWord.highest] = BigInt(range.highest)
  header[HeaderWord.digits] = BigInt(range.digits)
  return buffer
}

/** The buckets that a buffer says it has. */
function bucketsOf(buffer: unknown): HdrBuckets {
  if (!types.isSharedArrayBuffer(buffer)) throw typeError('buffer', A_HISTOGRAM, buffer)
  if (buffer.byteLength <= HEADER_BYTES) refuse('is too short')
  const header = new BigInt64Array(buffer, 0, HEADER_BYTES / 8).slice()
  if (header[HeaderWord.magicAndVersion] !== STAMP) refuse('was not made by this version of it')
  const number = (word: number): number => Number(header[word])
  try {
    const range = { lowest: number(HeaderWord.lowest), highest: number(HeaderWord.highest) }
    return new HdrBuckets({ ...range, digits: number(HeaderWord.digits) })
  } catch (error) {
    return refuse(`was overwritten (${(error as Error).message})`)
  }
}

function openCounters(buffer: SharedArrayBuffer, length: number): Counters {
  const counters = new Counters(openRegion(buffer, Kind.counters, HEADER_BYTES))
  const { region } = counters
  if (region.length !== length + 2 || region.element !== 'i64') refuse('was overwritten')
  return counters
}

/**
 * How values are distributed, in buckets of a known relative width (HdrHistogram's), recorded by many
 * threads at once: latencies in microseconds, sizes in bytes.
 *
 * {@link record} is two restartable sequences in one call, one on the value's bucket and one on the sum.
 * The count is the sum of the buckets. Once the threads that record are done, count and sum, the least and the
 * greatest value are all exact; a snapshot taken meanwhile may have one value more in the one than in the
 * other. The value of a percentile is exact to the number of digits.
 *
 * It takes (possible CPUs + 1) x 8 bytes for each bucket: with 2 digits, 128 buckets for each power of two up
 * to `highest`; with 3 digits, 1024.
 *
 * @example
 * ```ts
 * const latency = new PerCpuHistogram({ highest: 60_000_000, digits: 2 }) // µs, up to a minute
 * latency.record(1234)
 * latency.snapshot().percentile(99)
 * ```
 */
export class PerCpuHistogram extends OverBuffer {
  readonly #buckets = bucketsOf(this.buffer)
  readonly #counters = openCounters(this.buffer, this.#buckets.length)
  readonly #handle: Handle = this.#counters.region.handle
  readonly #header = new BigInt64Array(this.buffer, 0, HEADER_BYTES / 8)
  readonly #steps = this.#buckets.steps
  readonly #unit = this.#buckets.unit
  readonly #length = this.#buckets.length
  /** What this thread knows to be within the least and the greatest value. */
  #least = Number.MAX_SAFE_INTEGER
  #most = -1
  /** Made by the first {@link recordMany} or {@link merge}. */
  #batch: CounterBatch | null = null

  /**
   * An empty histogram.
   *
   * @param options - `lowest` (1): what is smaller need not be told apart. `highest` (3.6e9, an hour in µs):
   * larger values are counted together, but in the sum and the greatest value. `digits` (2): 1 to 5.
   * @throws TypeError, RangeError naming the option that is wrong.
   */
  constructor(options: Partial<HdrRange> = {}) {
    super(options instanceof AdoptedBuffer ? options.buffer : newHistogram(options))
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

  get range(): HdrRange {
    return this.#buckets.range
  }

  /**
   * Counts a value: exactly once, whatever interrupts it. Wait-free, O(1); relaxed memory order. A value that
   * is smaller or greater than all that this thread has seen costs some ten times as much.
   *
   * @param value - an integer from 0 to 2**53 - 1.
   * @throws TypeError if it is no number, RangeError if it is another one.
   */
  record(value: number): void {
    if ((value | 0) === value && value >= this.#least && value <= this.#most) {
      // HdrBuckets.indexOf() for 31 bits; `| 1` as there is no logarithm of 0.
      const group = Math.max(0, 31 - Math.clz32(value | 1) - this.#unit - this.#steps)
      const index = (group << this.#steps) + (value >>> (group + this.#unit))
      if (index < this.#length) {
        const status = countedAdd(this.#handle, FIRST + index, this.#handle, SUM, value)
        if (status !== OK) this.#counters.fail(status)
        return
      }
    }
    this.#recordOther(value)
  }

  /** Any other value, or what is wrong with it. */
  #recordOther(value: number): void {
    this.#check('value', value)
    this.#extend(value, value)
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

  /** Makes sure that the least and the greatest value hold these. */
  #extend(least: number, most: number): void {
    this.#exchange(HeaderWord.most, BigInt(most), (seen, wanted) => seen < wanted)
    this.#exchange(HeaderWord.leastPlus1, BigInt(least) + 1n, (seen, wanted) => seen === 0n || seen > wanted)
    this.#least = Math.min(this.#least, least)
    this.#most = Math.max(this.#most, most)
  }

  #exchange(word: number, value: bigint, isBetter: (seen: bigint, value: bigint) => boolean): void {
    let seen = Atomics.load(this.#header, word)
    for (let attempt = 0; attempt < EXCHANGE_ATTEMPTS && isBetter(seen, value); attempt++) {
      seen = Atomics.compareExchange(this.#header, word, seen, value)
    }
  }

  /**
   * Counts many values, in as few crossings into native code as there are 256 of them. All are checked first:
   * if one is refused, none is counted.
   *
   * @param count - how many of them, by default all.
   * @throws TypeError, RangeError as {@link record}, for the first that is wrong.
   */
  recordMany(values: Float64Array, count: number = values.length): void {
    if (!(values instanceof Float64Array)) throw typeError('values', 'a Float64Array', values)
    // A copy: another thread may write the array between check and use.
    const own = values.slice(0, count)
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
      batch.add(FIRST + this.#indexOf(value), 1)
      if (!Number.isSafeInteger(sum + value)) {
        batch.add(SUM, sum)
        sum = 0
      }
      sum += value
    }
    batch.add(SUM, sum)
    batch.commit()
  }

  #openBatch(): CounterBatch {
    if (this.#batch === null) {
      // No array of counters is to be had of a histogram; a batch asks only for what is known of this key.
      const key: object = {}
      rememberCounters(key, this.#counters)
      this.#batch = new CounterBatch(key as unknown as PerCpuCounterArray)
    }
    this.#batch.clear()
    return this.#batch
  }

  /**
   * Adds what another histogram held: a snapshot of any range, also a decoded one. Values of a bucket that is
   * wider than this histogram's own go where the middle of that bucket is.
   *
   * @throws TypeError if it is no snapshot.
   */
  merge(snapshot: HistogramSnapshot): void {
    if (!(snapshot instanceof HistogramSnapshot)) throw typeError('snapshot', 'a HistogramSnapshot', snapshot)
    if (snapshot.count === 0) return
    this.#extend(snapshot.min, snapshot.max)
    const batch = this.#openBatch()
    for (const { least, most, count } of snapshot.buckets()) {
      batch.add(FIRST + this.#indexOf(Math.ceil((least + most) / 2)), count)
    }
    batch.add(SUM, Math.min(Math.round(snapshot.sum), Number.MAX_SAFE_INTEGER))
    batch.commit()
  }

  /** What is recorded now. O(buckets x possible CPUs). */
  snapshot(): HistogramSnapshot {
    const words = this.#counters.snapshot(new Float64Array(this.#length + 2))
    const leastPlus1 = Number(Atomics.load(this.#header, HeaderWord.leastPlus1))
    return new HistogramSnapshot({
      buckets: this.#buckets,
      counts: words.slice(FIRST),
      sum: words[SUM] as number,
      min: Math.max(0, leastPlus1 - 1),
      max: Number(Atomics.load(this.#header, HeaderWord.most)),
    })
  }
}
