/**
 * Calls a map at the same time as the other workers of the team, a few calls for each key, and records what each call returned and
 * between which moments. The moments are numbers that all workers draw from one word.
 *
 * `broken` says what is wrong with the map that it uses: nothing; `stale`: reads answer what this thread has read first; or
 * `two steps`: compare and set looks at the version first, and then stores.
 */
import { workerData } from 'node:worker_threads'
import { SharedMap } from '../../../lib/index.js'
import { lineUp, report } from './team.mjs'

const { buffer, clock, workers, slot, keys, calls, seed, broken } = workerData
const map = SharedMap.from(buffer)
const MOST_SPINS = 20_000

let state = seed + slot
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) | 0
  return ((state >>> 8) * below) >>> 24
}

/** Lets other threads go on, if there are CPUs for them, for some time that differs. */
function linger(most) {
  for (let spins = random(most); spins > 0; spins--) Atomics.load(clock, 0)
}

const firstRead = new Map()

function get(key) {
  if (broken !== 'stale') return map.get(key)
  if (!firstRead.has(key)) firstRead.set(key, map.get(key))
  return firstRead.get(key)
}

function update(key, version, value) {
  if (broken !== 'two steps') return map.update(key, version, value)
  if (map.entry(key)?.version !== version) return undefined
  linger(2000)
  return map.set(key, value)
}

/** Makes one call. Returns what a history has of it, without its moments. */
function callOf(key, n, known) {
  const value = `${slot}.${n}`
  switch (random(6)) {
    case 0:
      return [{ name: 'get' }, () => ({ result: get(key) ?? null })]
    case 1:
      return [{ name: 'set', value }, () => ({ result: (known.version = map.set(key, value)) })]
    case 2:
      return [{ name: 'delete' }, () => ({ result: map.delete(key) })]
    case 3:
      return [
        { name: 'entry' },
        () => {
          const entry = map.entry(key)
          if (entry !== undefined) known.version = entry.version
          return { result: entry?.value ?? null, version: entry?.version }
        },
      ]
    default:
      return [
        { name: 'update', expects: known.version, value },
        () => {
          const version = update(key, known.version, value)
          if (version !== undefined) known.version = version
          return { result: version ?? null }
        },
      ]
  }
}

/** Waits, for not too long, until all workers have come to a key. */
function meet(k) {
  Atomics.add(clock, 1, 1)
  for (let spins = 0; spins < MOST_SPINS && Atomics.load(clock, 1) < workers * (k + 1); spins++);
}

lineUp()
const histories = []
for (let k = 0; k < keys; k++) {
  const known = { version: 1 }
  const history = []
  meet(k)
  for (let n = 0; n < calls; n++) {
    const [what, make] = callOf(`key${k}`, n, known)
    linger(30)
    const begin = Atomics.add(clock, 0, 1)
    const answer = make()
    history.push({ ...what, ...answer, begin, end: Atomics.add(clock, 0, 1) })
  }
  histories.push(history)
}
map[Symbol.dispose]()
report(histories)
