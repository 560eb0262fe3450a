/**
 * What the shared memory says about metrics: which there are, and the label sets of their series.
 *
 * @module
 */
import { performance } from 'node:perf_hooks'
import {
  type SharedMetric,
  columnOf,
  identity,
  metricKey,
  metricOf,
  pairsOf,
  sharedBucketParts,
} from '../series/keys.js'
import { labelIn, labelText } from './labels.js'
import { memory } from './memory.js'

interface Known {
  readonly slot: number
  readonly metric: SharedMetric
}

/** A text that two metrics share only if their series can be one metric's. */
function shapeOf({ type, labelNames, buckets }: SharedMetric): string {
  return JSON.stringify([type, [...labelNames].sort(), buckets])
}

/** How long {@link refresh} relies on the count of slots: a thread may end after it has taken a slot, before it counts it. */
const RELIES_MS = 1000
/** The keys that this thread has seen, so that it decodes each once. */
const seen = new Set<number>()
let published = -1
let looked = -Infinity
const metrics = new Map<string, Known[]>()
/** The label sets of a metric, each once, in the order in which this thread has seen them. */
interface LabelSets {
  readonly keys: Set<string>
  readonly sets: Readonly<Record<string, string>>[]
  /** For gauges of processes: for each key, the slots by the columns. */
  readonly columns: Map<string, Map<number, number>>
}

const labelSets = new Map<string, LabelSets>()

function newLabelSets(): LabelSets {
  return { keys: new Set(), sets: [], columns: new Map() }
}

function see(slot: number, key: readonly string[]): void {
  const [what, scope = '', name = ''] = key
  const id = identity(scope, name)
  if (what === 'metric') {
    const metric = metricOf(key)
    if (metric !== null) metrics.set(id, [...(metrics.get(id) ?? []), { slot, metric }])
  } else if (what === 'series') {
    const pairs = key.slice(4)
    const { keys, sets, columns } = labelSets.get(id) ?? newLabelSets()
    labelSets.set(id, { keys, sets, columns })
    const text = JSON.stringify(pairs)
    const column = columnOf(key[3] ?? '')
    if (column !== -1) {
      const slots = columns.get(text) ?? new Map<number, number>()
      columns.set(text, slots.set(column, slot))
    }
    if (keys.has(text)) return
    keys.add(text)
    sets.push(Object.fromEntries(pairsOf(pairs)))
  }
}

/** Looks for what other threads have added. O(1) if there is nothing new, else O(room for series). */
export function refresh(): void {
  // An exposition calls this for each metric.
  const now = performance.now()
  if (memory.published === published && now - looked < RELIES_MS) return
  published = memory.published
  looked = now
  for (const [slot, key] of memory.keys()) {
    if (seen.has(slot)) continue
    seen.add(slot)
    see(slot, key)
  }
}

/**
 * The label sets of all series that a metric ever had in any thread, also of removed ones. New ones are appended. Call
 * {@link refresh} before.
 */
export function labelSetsOf(scope: string, name: string): readonly Readonly<Record<string, string>>[] {
  return labelSets.get(identity(scope, name))?.sets ?? []
}

/**
 * The slots of a gauge's series, by the columns of the processes that have it. Call {@link refresh} before.
 *
 * @param key - a result of {@link seriesKey}, with any part.
 */
export function slotsByColumn([, scope = '', name = '', , ...pairs]: readonly string[]): ReadonlyMap<
  number,
  number
> {
  return labelSets.get(identity(scope, name))?.columns.get(JSON.stringify(pairs)) ?? new Map<number, number>()
}

/**
 * The metrics of a scope that a thread has registered and not removed. If processes share the memory, of each name the one that
 * was registered last. Call {@link refresh} before.
 */
export function metricsOf(scope: string): SharedMetric[] {
  const found = [...metrics.values()].flatMap((all) => {
    const used = all.filter(({ slot, metric }) => metric.scope === scope && usersOf(slot) > 0)
    if (memory.service === null) return used
    return used.sort((a, b) => usersOf(b.slot) - usersOf(a.slot)).slice(0, 1)
  })
  return found.map(({ metric }) => metric)
}

function usersOf(slot: number): number {
  return Atomics.load(memory.states, slot)
}

/**
 * Processes need not agree: two releases of a program may run side by side. The metric that was registered last is shown.
 *
 * @throws Error if a thread has registered a metric of this name with another type, other labels or other buckets.
 */
export function checkAgreement(wanted: SharedMetric): void {
  if (memory.service !== null) return
  refresh()
  const ours = shapeOf(wanted)
  for (const { slot, metric } of metrics.get(identity(wanted.scope, wanted.name)) ?? []) {
    if (usersOf(slot) <= 0 || shapeOf(metric) === ours) continue
    throw new Error(
      `A metric with the name ${wanted.name} has already been registered by another thread, as a ${metric.type} with ` +
        `the labels ${JSON.stringify(metric.labelNames)}${metric.buckets === null ? '' : ` and the buckets ${JSON.stringify(metric.buckets)}`}.`,
    )
  }
}

/**
 * Counts this thread as one that has registered a metric. Returns a function that takes that back and says how many remain.
 *
 * The state of the metric's slot is the number of these threads. If processes share the memory, it is the number of the last
 * registration, and stays: what was counted does not depend on who lives.
 */
export function announce(metric: SharedMetric): () => number {
  const slot = memory.slotOf(metricKey(metric))
  if (slot === -1) return () => 0
  if (memory.service !== null) {
    Atomics.store(memory.states, slot, memory.service.nextRegistration())
    return () => 1
  }
  Atomics.add(memory.states, slot, 1)
  return () => Atomics.sub(memory.states, slot, 1) - 1
}

/** The parts of the keys of buckets: their bounds. */
export function bucketParts(bounds: readonly string[]): string[] {
  return memory.service === null ? [...bounds] : sharedBucketParts(bounds)
}

/** The key of one number of a series. */
export function seriesKey(
  scope: string,
  name: string,
  part: string,
  names: readonly string[],
  labels: Readonly<Record<string, unknown>>,
): string[] {
  const pairs = names.flatMap((label) => {
    const value = labelIn(labels, label)
    return value === undefined ? [] : [label, labelText(value)]
  })
  return ['series', scope, name, part, ...pairs]
}
