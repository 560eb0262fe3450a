/**
 * Judges histories of one key of a map: is there an order of the calls, in which each takes effect between its begin and its end,
 * and returns what a map in one thread would return? The search is that of Wing and Gong (1993), with Lowe's memory (2017) of which
 * sets of calls have already led to which state without success.
 *
 * ```
 * search(done, state):
 *   if all calls are done: the history is linearisable
 *   if (done, state) was seen before: no
 *   for each call that is not done, and began before any other such call ended:
 *     if the map could answer so in this state: search(done + call, the state after it)
 * ```
 *
 * @module
 */

/** A call of a map, as `workers/map-historian.mjs` records it. Times are numbers of one sequence that all threads count. */
export interface Call {
  readonly begin: number
  readonly end: number
  readonly name: 'entry' | 'get' | 'set' | 'update' | 'delete'
  /** What `set` and `update` store. */
  readonly value?: string
  /** The version that `update` expects. */
  readonly expects?: number
  /** What came back: a value, a version, whether the key was there; null for undefined. */
  readonly result: string | number | boolean | null
  /** The version that `entry` returned. */
  readonly version?: number
}

/** The key: null if it is not there. */
type State = { readonly value: string; readonly version: number } | null

/** More calls than this would take too long. */
const MOST_CALLS = 30

/** Returns the state after a call that answers as it did; undefined if a map in this state answers otherwise. */
function after(state: State, { name, value = '', expects, result, version }: Call): State | undefined {
  switch (name) {
    case 'get':
      return (state?.value ?? null) === result ? state : undefined
    case 'entry':
      return (state?.value ?? null) === result && state?.version === version ? state : undefined
    case 'set':
      return typeof result === 'number' ? { value, version: result } : undefined
    case 'update':
      if (result === null) return state?.version === expects ? undefined : state
      return state?.version === expects && typeof result === 'number' ? { value, version: result } : undefined
    case 'delete':
      return (state !== null) === result ? null : undefined
  }
}

/** Whether a history of one key, which is not there at the beginning, is linearisable. */
export function isLinearizable(history: readonly Call[]): boolean {
  if (history.length > MOST_CALLS)
    throw new RangeError(`history: expected at most ${MOST_CALLS} calls, got ${history.length}`)
  const all = 2 ** history.length - 1
  const seen = new Set<string>()
  const search = (done: number, state: State): boolean => {
    if (done === all) return true
    const place = `${done} ${state?.version} ${state?.value}`
    if (seen.has(place)) return false
    seen.add(place)
    const left = [...history.entries()].filter(([k]) => (done & (1 << k)) === 0)
    const firstEnd = Math.min(...left.map(([, call]) => call.end))
    return left.some(([k, call]) => {
      if (call.begin > firstEnd) return false
      const next = after(state, call)
      return next !== undefined && search(done | (1 << k), next)
    })
  }
  return search(0, null)
}

/** How many pairs of calls overlapped: a history without any says nothing about threads that meet. */
export function overlapsIn(history: readonly Call[]): number {
  const sorted = [...history].sort((a, b) => a.begin - b.begin)
  return sorted.reduce(
    (sum, call, k) => sum + sorted.slice(k + 1).filter((other) => other.begin < call.end).length,
    0,
  )
}
