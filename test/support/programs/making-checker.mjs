// The next process in services whose last process was killed by `shared-making.test.ts` while it worked as `making.mjs`.
//
// Argument: JSON, [{ directory, what, took: the steps that the killed process had taken }]. Prints a list of faults for each.
import { readdirSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { readSamples } from '../../../lib/inspect/clock.js'
import { defineMetrics } from '../../../lib/metrics/index.js'
import { openShared } from '../../../lib/shared/index.js'
import { BLOCKS, LIST, POOL, RING, SCHEMA } from './made.mjs'

/** Checks that count what they find. */
class Checks {
  faults = []
  #took
  constructor(took) {
    this.#took = took
  }

  equal(what, found, expected) {
    if (!isDeepStrictEqual(found, expected))
      this.faults.push(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(found)}`)
  }

  /** A total of `before`, and of what each of these steps adds: 1 if it was taken; 0 or 1 if it was the one in progress. */
  counted(what, found, before, ...steps) {
    const least = before + steps.filter((step) => this.#took.includes(step)).length
    const most = before + steps.length
    if (!(found >= least && found <= most))
      this.faults.push(`${what}: expected ${least} to ${most}, got ${JSON.stringify(found)}`)
  }
}

/** Takes all units and returns how many different ones there were; not more than `most`. */
function takeAll(take, none, most) {
  const units = new Set()
  let taken = 0
  for (let unit = take(); unit !== none && taken <= most; unit = take()) {
    units.add(unit)
    taken++
  }
  return { taken, different: units.size }
}

const recordsOf = (ring) => {
  const records = []
  ring.drain(({ bytes }) => records.push(Buffer.from(bytes).toString()))
  return records
}

/** Every object of `first` has what was confirmed, and works. */
function checkFirst(shop, checks) {
  const counter = shop.counter('requests')
  checks.counted('counter', counter.value, 0, 'counter')
  const counters = shop.counterArray('statuses', 5)
  checks.counted('counterArray', counters.get(4), 0, 'counterArray')
  const records = recordsOf(shop.ring('log', RING))
  checks.counted('records', records.length, 0, 'ring')
  checks.equal(
    'whole records',
    records.every((record) => record === 'record'),
    true,
  )

  const pool = shop.pool('blocks', POOL)
  pool.reclaim()
  checks.equal(
    'blocks',
    takeAll(() => pool.alloc(), -1, BLOCKS),
    { taken: BLOCKS, different: BLOCKS },
  )
  const list = shop.list('nodes', LIST)
  list.reclaim()
  for (let node = 0; node < LIST.nodes; node++) if (list.adopt(node, 0)) list.push(node)
  checks.equal('nodes', [...list.drain()].sort(), [0, 1, 2, 3])
  const stack = shop.stack('stack', 8)
  const values = [...stack.drain()]
  checks.counted('values', values.length, 0, 'stack')
  checks.equal('a value', values[0] ?? 5, 5)

  const histogram = shop.histogram('sizes', {})
  checks.counted('histogram', histogram.snapshot().count, 0, 'histogram')
  const mutex = shop.mutex('mutex')
  let hasLock = false
  try {
    hasLock = mutex.tryLock(1000)
  } catch (error) {
    // The killed process had the lock, and this one has it now.
    hasLock = error.name === 'OwnerDiedError'
  }
  checks.equal('the lock can be taken', hasLock, true)
  mutex.unlock()
  checks.counted(
    'array',
    shop
      .array('words', 3)
      .perCpu(1)
      .reduce((a, b) => a + b, 0),
    0,
    'array',
  )
  const metrics = shop.metrics('metrics', defineMetrics(SCHEMA), { processes: 2 })
  checks.counted('metric', metrics.requests.value, 0, 'metrics')
  checks.equal('the gauge of a dead process', metrics.queued.value, 0)

  const before = counter.value
  counter.add(2)
  checks.equal('counter after an addition', counter.value, before + 2)
  checks.equal('total', shop.total('requests'), before + 2)
}

/** The counts of all generations are there, and one more process retires what the killed one did not. */
function checkLater(shop, checks) {
  const total = () => [shop.total('again'), shop.total('work')]
  const [again, work] = total()
  checks.counted('again', again, 7, 'add again')
  checks.counted('work', work, 4, 'add work')
  for (const name of ['again', 'work']) shop.counter(name, { type: 'f64' })
  checks.equal('totals with the other generation open', total(), [again, work])
  shop.retire()
  checks.equal('totals after retiring', total(), [again, work])
  const retired = shop.objects().filter(({ isRetired }) => isRetired)
  checks.equal('retired', retired.map(({ name }) => name).sort(), ['again', 'work'])
  const records = recordsOf(shop.ring('log', RING))
  checks.counted('records', records.length, 0, 'ring')
}

/** Opening the service has finished what was half retired, and making an object removes the files that the killed process left. */
function checkNames(shop, checks, name) {
  checks.equal(
    'half retired',
    readdirSync(shop.path).filter((file) => file.includes('.retiring')),
    [],
  )
  shop.counter(name).add(1)
  const temporary = readdirSync(shop.path).filter((file) => /^(creating|compacting|starting-.*)$/.test(file))
  checks.equal('temporary files', temporary, [])
}

function check({ directory, what, took }) {
  const checks = new Checks(took)
  try {
    const shop = openShared('shop', { directory })
    checks.equal(
      'processes: the dead one has given its slot back',
      shop.processes().map(({ pid }) => pid),
      [process.pid],
    )
    checks.equal('whole samples of the clocks', readSamples(shop.path).length > 0, true)
    checkNames(shop, checks, 'new')
    if (what === 'later') checkLater(shop, checks)
    else checkFirst(shop, checks)
    checkNames(shop, checks, 'newer')
  } catch (error) {
    checks.faults.push(String(error.stack))
  }
  return checks.faults
}

const [, , input] = process.argv
console.log(JSON.stringify(JSON.parse(input).map(check)))
// The memory of all services is mapped until the process ends.
process.exit()
