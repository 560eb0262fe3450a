// Uses the regions of one structure while a Worker overwrites them, for a bounded number of rounds. Prints how many
// operations answered, how many were refused, and everything that went wrong: an answer of the wrong type, or an error
// that does not say that the bytes make no sense. A crash ends the process, and shows as its signal.
import {
  PerCpuArray,
  PerCpuCounter,
  PerCpuCounterArray,
  PerCpuHeap,
  PerCpuList,
  PerCpuPool,
  PerCpuRing,
  PerCpuStack,
  cpuOpv,
  info,
} from '../../../lib/index.js'
import { startScribbler } from '../scribbler.mjs'

const MOST_PROBLEMS = 20
const cpus = info().possibleCpus
const INDICES = ['cpu', 'concurrency']

const isNumber = (answer) => typeof answer === 'number'
const isNothing = (answer) => answer === undefined
const isBoolean = (answer) => typeof answer === 'boolean'
const isCount = (answer) => Number.isInteger(answer) && answer >= 0
/** The number of a block or a node of a region that has 20 of them, or -1. */
const UNITS = 20
const isUnit = (answer) => Number.isInteger(answer) && answer >= -1 && answer < UNITS
const either =
  (...checks) =>
  (answer) =>
    checks.some((check) => check(answer))
const all = (check) => (answer) => [...answer].every(check)

/** Errors because the bytes make no sense, or because they say that another thread, or this one, owns something. */
const USUAL = '^RegionCorruptError|this one (is|has|holds|was)'

/**
 * The structures. `refusals`: what an error may be, as text. `use` makes some calls in round `i`, each by
 * `attempt(operation, isFine)`, which returns the answer, or undefined after an error.
 */
const STRUCTURES = {
  counters: {
    scribbler: 'scribbler',
    rounds: 30_000,
    make: () =>
      ['i64', 'f64'].flatMap((type) => INDICES.map((index) => new PerCpuCounterArray(20, { type, index }))),
    refusals: /overwrites its memory in a loop/,
    use(array, i, attempt) {
      const element = i % 20
      attempt(() => array.add(element, i), isNothing)
      attempt(() => array.add(element, 2 ** 40 + i), isNothing)
      attempt(() => array.get(element), isNumber)
      if (i % 8 !== 0) return
      attempt(() => array.reset(element), isNumber)
      attempt(() => array.overflow(element), isNumber)
      attempt(() => array.perCpu(element), all(isNumber))
      attempt(() => array.snapshot(), all(isNumber))
      for (const open of [PerCpuCounterArray, PerCpuCounter]) {
        attempt(
          () => open.from(array.buffer),
          (opened) => opened instanceof open,
          /^RangeError: /,
        )
      }
    },
  },

  stacks: {
    make: () => INDICES.flatMap((index) => [1, 20].map((capacity) => new PerCpuStack(capacity, { index }))),
    refusals: new RegExp(`has stopped the stack|not stopped by this call|${USUAL}`),
    use(stack, i, attempt) {
      const values = new Float64Array(8).fill(1)
      const into = new Float64Array(8)
      attempt(() => stack.push(i), isBoolean)
      attempt(() => stack.pop(), either(isNumber, isNothing))
      attempt(() => stack.pushMany(values), isCount)
      attempt(() => stack.popMany(into), isCount)
      if (i % 8 !== 0) return
      const cpu = (i / 8) % cpus
      attempt(() => stack.size, isCount)
      attempt(() => stack.pushTo(cpu, i), isBoolean)
      attempt(() => stack.popFrom(cpu), either(isNumber, isNothing))
      attempt(() => stack.drain(), all(isNumber))
      attempt(
        () => stack.onCpu(cpu, (owned) => owned.popMany(into) + owned.pushMany(values) + owned.size),
        isCount,
      )
      attempt(() => PerCpuStack.from(stack.buffer).size, isCount)
    },
  },

  rings: {
    make: () =>
      INDICES.flatMap((index) =>
        ['discard', 'overwrite'].flatMap((policy) =>
          [256, 8192].map((bytes) => new PerCpuRing(bytes, { index, policy })),
        ),
      ),
    refusals: new RegExp(`has stopped the ring|reading the ring|reader of the ring|${USUAL}`),
    use(ring, i, attempt) {
      const bytes = new Uint8Array(40).fill(0xff)
      const isRecord = (record) =>
        record.bytes instanceof Uint8Array &&
        record.bytes.length <= 4096 &&
        record.cpu >= 0 &&
        record.thread > 0 &&
        typeof record.time === 'bigint'
      const look = (record) => {
        if (!isRecord(record)) throw new TypeError(`a record that is none: ${JSON.stringify(record)}`)
      }
      for (let k = 0; k < 4; k++) attempt(() => ring.write(bytes.subarray(0, (i + k) % 41)), isBoolean)
      if (ring.policy === 'discard') attempt(() => ring.drain(look, 100), isCount)
      else attempt(() => ring.snapshot(), all(isRecord))
      if (i % 8 !== 0) return
      attempt(() => ring.dropped, isCount)
      attempt(() => PerCpuRing.from(ring.buffer).write(bytes), isBoolean)
    },
  },

  pools: {
    make: () =>
      INDICES.flatMap((index) =>
        [false, true].map(
          (checked) => new PerCpuPool({ blocks: UNITS, blockSize: 16, cache: 4, checked, index }),
        ),
      ),
    refusals: new RegExp(
      `has stopped the pool|itself, and has not let it go|alloc\\(\\) has given out|${USUAL}`,
    ),
    use(pool, i, attempt) {
      const blocks = [0, 1, 2].map(() => attempt(() => pool.alloc(), isUnit) ?? -1)
      for (const block of blocks.filter((block) => block !== -1)) {
        attempt(
          () => pool.view(block).fill(i),
          (view) => view instanceof Uint8Array && view.length === 16,
        )
        attempt(() => pool.free(block), isNothing)
      }
      attempt(() => pool.free(i % UNITS), isNothing)
      if (i % 8 !== 0) return
      attempt(() => pool.available, isCount)
      attempt(() => pool.flush((i / 8) % cpus), isCount)
      attempt(() => PerCpuPool.from(pool.buffer).available, isCount)
    },
  },

  heaps: {
    make: () => [false, true].map((checked) => new PerCpuHeap({ bytes: 64 << 10, checked })),
    refusals: new RegExp(
      `has stopped the heap|itself, and has not let it go|alloc\\(\\) (of this heap )?has given out|${USUAL}`,
    ),
    use(heap, i, attempt) {
      const isBlock = (answer) => Number.isInteger(answer) && answer >= -1 && answer < heap.bytes / 2
      const sizes = [i % 200, i % 9000, (i * 37) % 70_000, 17]
      const blocks = sizes.map((bytes) => attempt(() => heap.alloc(bytes), isBlock) ?? -1)
      for (const block of blocks.filter((block) => block !== -1)) {
        attempt(
          () => heap.view(block).fill(i),
          (view) => view instanceof Uint8Array && view.length >= 16 && view.length <= heap.bytes,
        )
        attempt(() => heap.sizeOf(block), isCount)
        attempt(() => heap.free(block), isNothing)
      }
      attempt(() => heap.free((i * 101) % (heap.bytes / 2)), isNothing)
      if (i % 8 !== 0) return
      attempt(() => heap.alloc(heap.bytes), isBlock)
      attempt(() => PerCpuHeap.from(heap.buffer).bytes, isCount)
    },
  },

  lists: {
    make: () =>
      INDICES.flatMap((index) =>
        [false, true].map((checked) => new PerCpuList({ nodes: UNITS, payloadSize: 16, checked, index })),
      ),
    refusals: new RegExp(
      `has stopped the (checked )?list|itself, and has not let it go|not stopped by this call|which was pushed already|${USUAL}`,
    ),
    use(list, i, attempt) {
      const isSize = (answer) => isCount(answer) && answer <= UNITS * (cpus + 1)
      attempt(() => list.push(i % UNITS), isNothing)
      attempt(() => list.pop(), isUnit)
      if (i % 8 !== 0) return
      const cpu = (i / 8) % cpus
      attempt(() => list.size, isSize)
      attempt(() => list.pushTo(cpu, i % UNITS), isNothing)
      attempt(() => list.popFrom(cpu), isUnit)
      attempt(() => list.drain(), all(isUnit))
      attempt(() => list.onCpu(cpu, (owned) => owned.pop()), isUnit)
      attempt(() => PerCpuList.from(list.buffer).size, isSize)
    },
  },

  arrays: {
    make: () =>
      ['i64', 'i32', 'f64'].flatMap((element) =>
        INDICES.map((index) => new PerCpuArray(element === 'f64' ? 40 : 3, { element, index })),
      ),
    refusals: new RegExp(`has stopped the array|not stopped by this call|${USUAL}`),
    use(words, i, attempt) {
      const at = i % words.length
      attempt(() => words.add(at, 1), isNumber)
      attempt(() => words.load(at) + words.lastCpu, isNumber)
      attempt(() => words.exchange(at, i), isNumber)
      attempt(() => words.compareExchange(at, i, -i), isNumber)
      if (i % 8 !== 0) return
      const cpu = (i / 8) % cpus
      attempt(() => words.get(cpu, at), isNumber)
      attempt(() => words.perCpu(at), all(isNumber))
      attempt(
        () => words.onCpu(cpu, (owned) => owned.add(at, 1) + owned.exchange(at, 1) + owned.load(at)),
        isNumber,
      )
      attempt(
        () =>
          cpuOpv(words, cpu, [
            { op: 'compareNotEqual', index: at, value: 3 },
            { op: 'add', index: at, value: 1 },
            { op: 'copy', index: 0, from: at },
          ]),
        isNumber,
      )
      attempt(() => PerCpuArray.from(words.buffer).load(0), isNumber)
    },
  },
}

const { what, seed } = JSON.parse(process.argv[2])
const { make, use, refusals, scribbler = 'part-scribbler', rounds = 3000 } = STRUCTURES[what]
const outcome = { operations: 0, refused: 0, scribbles: 0, problems: [] }

function attempt(operation, isFine, allowed = refusals) {
  try {
    const answer = operation()
    if (!isFine(answer)) throw new TypeError(`answered ${String(answer)}`)
    outcome.operations++
    return answer
  } catch (error) {
    if (allowed.test(String(error))) outcome.refused++
    else if (outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(`${operation}: ${error}`)
    return undefined
  }
}

const structures = make()
const { end } = await startScribbler(scribbler, { buffers: structures.map(({ buffer }) => buffer), seed })
for (let i = 0; i < rounds; i++) use(structures[i % structures.length], i, attempt)
outcome.scribbles = await end()
console.log(JSON.stringify(outcome))
