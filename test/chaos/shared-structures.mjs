// What the chaos of processes works on: rows as in structures.mjs, over memory that processes share. `make` opens the object of
// a service. `whole` says at the end what is wrong with it, besides its total: '' if nothing is.
import { PerCpuCounter, PerCpuHistogram, PerCpuList, PerCpuPool, PerCpuRing } from '../../lib/index.js'
import { numberOf, recordOf } from '../support/shared-records.mjs'
import { structures } from './structures.mjs'

const BLOCKS = 300
/** How many blocks and nodes a thread has at most. */
const HELD = 8
/** The numbers that one thread can give to its records. */
const NUMBERS = 1 << 20

/** A row of structures.mjs, whose objects come from a service. */
function shared(name, make) {
  return { ...structures.find((structure) => structure.name === name), make }
}

function withCounter(shop, name, region) {
  const counted = shop.counter(`${name}-counted`)
  return { region, counted, buffer: { region: region.buffer, counted: counted.buffer } }
}

const one = () => 1

/** Two words of a unit: the thread that has it, and how often threads have had it. */
function wordsIn({ buffer, byteOffset }) {
  return new Float64Array(buffer, byteOffset, 2)
}

/** A pool or a list: a thread takes a unit, writes in it that the unit is its own, and gives back the oldest that it has. */
function unitsOf({ take, give, memory }) {
  return {
    amount: one,
    add({ region, counted, held, slot }) {
      const unit = take(region)
      if (unit === -1) {
        counted.increment()
      } else {
        const words = wordsIn(memory(region, unit))
        words[0] = slot
        words[1]++
        held.push(unit)
      }
      if (held.length <= HELD && unit !== -1) return
      const oldest = held.shift()
      if (oldest === undefined) return
      if (wordsIn(memory(region, oldest))[0] !== slot) throw new Error(`unit ${oldest} has two owners`)
      give(region, oldest)
    },
    total({ region, counted }) {
      let sum = counted.value
      for (let unit = 0; unit < BLOCKS; unit++) sum += wordsIn(memory(region, unit))[1]
      return sum
    },
    reclaim({ region }) {
      region.reclaim()
    },
    whole({ region }) {
      const all = new Set()
      let twice = 0
      for (let unit = take(region); unit !== -1 && twice === 0; unit = take(region)) {
        twice += all.has(unit) ? 1 : 0
        all.add(unit)
      }
      return all.size === BLOCKS && twice === 0 ? '' : `${all.size} of ${BLOCKS} are there, ${twice} twice`
    },
  }
}

export const sharedStructures = [
  shared('counter i64', (shop) => shop.counter('i64')),
  shared('counter f64', (shop) => shop.counter('f64', { type: 'f64' })),
  shared('counter under reset', (shop) => shop.counter('reset')),
  shared('array', (shop) => shop.counterArray('array', 20)),
  shared('addMany', (shop) => shop.counterArray('many', 20)),
  shared('batch', (shop) => shop.counterArray('batch', 20)),
  {
    ...shared('histogram', (shop) => shop.histogram('histogram', { highest: 1000 })),
    open: (buffer) => PerCpuHistogram.from(buffer),
  },
  shared('stack', (shop) => withCounter(shop, 'stack', shop.stack('stack', 50))),
  shared('words, added', (shop) => shop.array('words', 1)),
  {
    name: 'pool',
    make: (shop) => withCounter(shop, 'pool', shop.pool('pool', { blocks: BLOCKS, blockSize: 16, cache: 8 })),
    open: ({ region, counted }, slot) => ({
      region: PerCpuPool.from(region),
      counted: PerCpuCounter.from(counted),
      held: [],
      slot,
    }),
    ...unitsOf({
      take: (pool) => pool.alloc(),
      give: (pool, block) => pool.free(block),
      memory: (pool, block) => pool.view(block),
    }),
    disturb({ region }) {
      region.flush()
      return 0
    },
  },
  {
    name: 'list',
    make(shop) {
      const list = shop.list('list', { nodes: BLOCKS, payloadSize: 16 })
      for (let node = 0; node < BLOCKS; node++) if (list.adopt(node, 0)) list.push(node)
      return withCounter(shop, 'list', list)
    },
    open: ({ region, counted }, slot) => ({
      region: PerCpuList.from(region),
      counted: PerCpuCounter.from(counted),
      held: [],
      slot,
    }),
    ...unitsOf({
      take: (list) => list.pop(),
      give: (list, node) => list.push(node),
      memory: (list, node) => list.payload(node),
    }),
    whole({ region }) {
      const all = region.drain()
      const different = new Set(all).size
      return different === BLOCKS && all.length === BLOCKS
        ? ''
        : `${different} of ${BLOCKS} are there, in ${all.length}`
    },
  },
  {
    // Numbered records, which the main process reads all the while: each must be whole, and come after the one before it.
    name: 'ring',
    make(shop) {
      const ring = shop.ring('ring', 1 << 20)
      return { ring, buffer: ring.buffer, found: 0, last: new Map(), wrong: '' }
    },
    open: (buffer, slot) => ({ ring: PerCpuRing.from(buffer), next: slot * NUMBERS }),
    amount: one,
    add(writer) {
      const record = recordOf(writer.next)
      while (!writer.ring.write(record));
      writer.next++
    },
    disturb(made) {
      made.ring.drain(({ bytes, cpu, overflow }) => {
        const number = numberOf(bytes)
        if (number === -1) made.wrong ||= 'a record is not whole'
        const order = `${overflow ? 'overflow' : cpu} ${Math.floor(number / NUMBERS)}`
        if (number <= (made.last.get(order) ?? -1)) made.wrong ||= `record ${number} came late or twice`
        made.last.set(order, number)
        made.found++
      })
      return 0
    },
    total(made) {
      this.disturb(made)
      return made.found
    },
    whole: (made) => made.wrong,
  },
]

/** The control: a load and a store of words that all threads share. */
export const plainWord = {
  name: 'plain word',
  make: (shop) => {
    const { buffer } = shop.pool('plain', { blocks: 1, blockSize: 8 })
    return { word: new Float64Array(buffer, buffer.byteLength - 8, 1), buffer }
  },
  open: (buffer) => new Float64Array(buffer, buffer.byteLength - 8, 1),
  amount: () => 100,
  add: (word, amount) => {
    for (let k = 0; k < amount; k++) word[0]++
  },
  total: ({ word }) => word[0],
}
