/**
 * The kinds of objects that processes share: for each kind, how the arguments of its method of {@link SharedDirectory} become
 * a specification, and which class opens the memory.
 *
 * @module
 */
// To add a kind, add its name to `names.ts`, a row to KIND and a method to SharedDirectory.
import { PerCpuArray, type ArrayOptions } from '../array/array.js'
import { checkChoice, checkInteger, rangeError } from '../core/errors.js'
import type { HdrRange } from '../core/hdr-buckets.js'
import {
  HISTOGRAM_HEADER_BYTES,
  HISTOGRAM_VERSION,
  bucketsInHeader,
  histogramLength,
  stampOf,
  writeHistogramHeader,
} from '../core/histogram-layout.js'
import {
  ARRAY_HEAD,
  ELEMENTS,
  Kind,
  LEAST_RING,
  LOCK_LENGTH,
  MAX_LENGTH,
  MOST_RING,
  POLICIES,
  RING_HEAD,
  RingWake,
  STACK_HEAD,
  TOO_LONG,
} from '../core/layout.js'
import { checkOptions } from '../core/options.js'
import { PerCpuCounterArray } from '../counter/counter-array.js'
import { PerCpuCounter } from '../counter/counter.js'
import type { CounterOptions } from '../counter/counters.js'
import { PerCpuHistogram, histogramBuckets } from '../histogram/histogram.js'
import { PerCpuLock } from '../lock/cpu-lock.js'
import { Mutex } from '../lock/mutex.js'
import { SharedMap } from '../map/map.js'
import { PerCpuRing, type RingOptions } from '../ring/ring.js'
import { backend } from '../runtime/backend.js'
import { openRegion, openRing } from '../runtime/region.js'
import { remoteError } from '../runtime/remote-errors.js'
import { PerCpuList, type ListOptions, listShape } from '../stack/list.js'
import { PerCpuPool, type PoolOptions, fillPool, poolShape } from '../stack/pool.js'
import { PerCpuStack, type StackOptions } from '../stack/stack.js'
import { specifyMap } from './map-specification.js'
import type { SharedKind } from './names.js'
import { type Specification, regionSpecification } from './specification.js'

const ARRAY_ELEMENTS = ['i64', 'i32', 'f64'] as const

/** How objects of one kind are specified and opened. */
export interface SharedClass<Arguments extends readonly unknown[], Opened> {
  /** Checks the arguments after the object's name. @throws TypeError, RangeError for arguments that are not accepted. */
  readonly specify: (...given: Arguments) => Specification
  /** Opens the memory: the static method `from` of the class. */
  readonly from: (buffer: SharedArrayBuffer) => Opened
}

/** Returns `shared` with the types of its row. */
function row<Arguments extends readonly unknown[], Opened>(
  shared: SharedClass<Arguments, Opened>,
): SharedClass<Arguments, Opened> {
  return shared
}

/** @throws RangeError if `index` is not `'cpu'`: concurrency ids number the threads of one process only. */
function checkIndex(index: unknown): void {
  if (index === undefined || index === 'cpu') return
  throw rangeError(
    'index',
    "'cpu' in memory that processes share, as concurrency ids are each process's own",
    index,
  )
}

function specifyCounters(length: number, options: CounterOptions): Specification {
  const { type, index } = checkOptions('options', options, ['type', 'index'])
  checkIndex(index)
  return regionSpecification({ kind: Kind.counters, length, element: checkChoice('type', type, ELEMENTS) })
}

function specifyRing(bytesPerCpu: number, options: RingOptions): Specification {
  const wanted = checkInteger('bytesPerCpu', bytesPerCpu, LEAST_RING, MOST_RING)
  const { policy, index, tooLong } = checkOptions('options', options, ['policy', 'index', 'tooLong'])
  checkIndex(index)
  const length = RING_HEAD + 2 ** Math.ceil(Math.log2(wanted)) / 8
  const how = checkChoice('tooLong', tooLong, TOO_LONG)
  const region = regionSpecification({
    kind: Kind.ring,
    length,
    policy: checkChoice('policy', policy, POLICIES),
  })
  return {
    ...region,
    agreed: [...region.agreed, how],
    format(buffer) {
      region.format(buffer)
      const ring = openRing(buffer)
      ring.wake[RingWake.tooLong] = TOO_LONG.indexOf(how)
      backend.close(ring.handle)
    },
  }
}

function specifyStack(capacity: number, options: StackOptions): Specification {
  const length = checkInteger('capacity', capacity, 1, MAX_LENGTH - STACK_HEAD) + STACK_HEAD
  checkIndex(checkOptions('options', options, ['index']).index)
  return regionSpecification({ kind: Kind.stack, length, element: 'f64' })
}

function specifyList(options: ListOptions): Specification {
  const { length, arena } = listShape(options)
  checkIndex(options.index)
  return regionSpecification({ kind: Kind.list, length, arena: { ...arena, isShared: true } })
}

function specifyPool(options: PoolOptions): Specification {
  const { length, arena } = poolShape(options)
  checkIndex(options.index)
  const region = regionSpecification({
    ...({ kind: Kind.pool, length, element: 'f64' } as const),
    arena: { ...arena, isShared: true },
  })
  return {
    ...region,
    format(buffer) {
      region.format(buffer)
      const pool = openRegion(buffer, Kind.pool)
      const filled = fillPool(pool)
      backend.close(pool.handle)
      if (filled < 0) throw remoteError(filled, 'pool')
    },
  }
}

function specifyArray(words: number, options: ArrayOptions): Specification {
  const length = checkInteger('length', words, 1, MAX_LENGTH - ARRAY_HEAD) + ARRAY_HEAD
  const { element, index } = checkOptions('options', options, ['element', 'index'])
  checkIndex(index)
  return regionSpecification({
    kind: Kind.array,
    length,
    element: checkChoice('element', element, ARRAY_ELEMENTS),
  })
}

function specifyHistogram(options: Partial<HdrRange>): Specification {
  const buckets = histogramBuckets(options)
  const { lowest, highest, digits } = buckets.range
  const region = regionSpecification(
    { kind: Kind.counters, length: histogramLength(buckets) },
    HISTOGRAM_HEADER_BYTES,
  )
  const headerOf = (buffer: SharedArrayBuffer): BigInt64Array =>
    new BigInt64Array(buffer, 0, HISTOGRAM_HEADER_BYTES / BigInt64Array.BYTES_PER_ELEMENT)
  return {
    ...region,
    agreed: [...region.agreed, HISTOGRAM_VERSION, lowest, highest, digits],
    format(buffer) {
      region.format(buffer)
      writeHistogramHeader(headerOf(buffer), buckets.range)
    },
    isIn(buffer) {
      const header = headerOf(buffer).slice()
      if (!stampOf(header).isOfThisVersion || !region.isIn(buffer)) return false
      const found = bucketsInHeader(header).range
      return found.lowest === lowest && found.highest === highest && found.digits === digits
    },
  }
}

/** The classes of the objects, by the kinds in their file names. */
export const KIND = {
  counter: row({
    specify: (options: CounterOptions) => specifyCounters(1, options),
    from: (buffer) => PerCpuCounter.from(buffer),
  }),
  counters: row({
    specify: (length: number, options: CounterOptions) =>
      specifyCounters(checkInteger('length', length, 1, MAX_LENGTH), options),
    from: (buffer) => PerCpuCounterArray.from(buffer),
  }),
  ring: row({ specify: specifyRing, from: (buffer) => PerCpuRing.from(buffer) }),
  stack: row({ specify: specifyStack, from: (buffer) => PerCpuStack.from(buffer) }),
  list: row({ specify: specifyList, from: (buffer) => PerCpuList.from(buffer) }),
  pool: row({ specify: specifyPool, from: (buffer) => PerCpuPool.from(buffer) }),
  array: row({ specify: specifyArray, from: (buffer) => PerCpuArray.from(buffer) }),
  mutex: row({
    specify: () => regionSpecification({ kind: Kind.mutex, length: LOCK_LENGTH, shards: 1 }),
    from: (buffer) => Mutex.from(buffer),
  }),
  cpuLock: row({
    specify: () => regionSpecification({ kind: Kind.cpuLock, length: LOCK_LENGTH }),
    from: (buffer) => PerCpuLock.from(buffer),
  }),
  histogram: row({ specify: specifyHistogram, from: (buffer) => PerCpuHistogram.from(buffer) }),
  map: row({ specify: specifyMap, from: (buffer) => SharedMap.from(buffer) }),
} satisfies Record<Exclude<SharedKind, 'events' | 'series' | 'metrics'>, unknown>
