// Opens regions whose header was tampered with, in every way that the input names, and uses those that
// open. Prints how many were refused and how many worked, and everything that was neither.
import { isDeepStrictEqual } from 'node:util'
import { PerCpuCounter, PerCpuCounterArray, info } from '../../../lib/index.js'

const { way } = JSON.parse(process.argv[2])
const HEADER_BYTES = 64
const HEADER_WORDS = HEADER_BYTES / 4
const MOST_PROBLEMS = 20
const outcome = { tried: 0, refused: 0, worked: 0, problems: [] }

function problem(what, error) {
  if (outcome.problems.length < MOST_PROBLEMS) outcome.problems.push(`${what}: ${error}`)
}

/** An opened region must count inside its memory and return numbers, for every header that is accepted. */
function use(counters) {
  const { length, type } = counters
  const last = length - 1
  const before = counters.getBigint(last)
  counters.add(last, 1)
  counters.add(last, 2 ** 40)
  counters.increment(0)
  counters.decrement(0)
  const after = counters.getBigint(last)
  const numbers = [
    counters.get(last),
    counters.overflow(last),
    ...counters.perCpu(last),
    ...counters.snapshot(),
    counters.reset(last),
    counters.get(0),
  ]
  if (numbers.some((number) => typeof number !== 'number')) throw new Error('not all answers are numbers')
  if (type === 'i64' && !isDeepStrictEqual(after, BigInt.asIntN(64, before + 1n + 2n ** 40n))) {
    throw new Error(`added to ${before}, got ${after}`)
  }
  if (type === 'i64' && counters.get(last) !== 0) throw new Error('not 0 after reset')
}

/** One buffer: opened as both classes; refused by a RangeError, or works. */
function attempt(what, buffer) {
  for (const open of [PerCpuCounterArray, PerCpuCounter]) {
    outcome.tried++
    let opened
    try {
      opened = open.from(buffer)
    } catch (error) {
      if (error instanceof RangeError && error.message.startsWith('buffer: expected ')) outcome.refused++
      else problem(what, error)
      continue
    }
    try {
      if (open === PerCpuCounterArray) use(opened)
      else if (typeof opened.value !== 'number') throw new Error('the value is no number')
      outcome.worked++
    } catch (error) {
      problem(what, error)
    }
  }
}

function regions() {
  const made = []
  for (const type of ['i64', 'f64']) {
    for (const index of ['cpu', 'concurrency']) {
      made.push(new PerCpuCounter({ type, index }).buffer, new PerCpuCounterArray(40, { type, index }).buffer)
    }
  }
  return made
}

const ways = {
  /** Every byte of the header and of the slack behind it: each bit by itself, and all eight. */
  flips() {
    for (const [r, original] of regions().entries()) {
      for (let byte = 0; byte < 2 * HEADER_BYTES; byte++) {
        for (const flip of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
          const buffer = original.slice(0)
          new Uint8Array(buffer)[byte] ^= flip
          attempt(`region ${r}, byte ${byte} ^ ${flip}`, buffer)
        }
      }
    }
  },

  /** Every length from 0 on. */
  truncations() {
    for (const [r, original] of regions().entries()) {
      for (let length = 0; length <= Math.min(original.byteLength, 300); length++) {
        attempt(`region ${r}, ${length} bytes`, original.slice(0, length))
      }
      for (let length = original.byteLength - 200; length <= original.byteLength; length++) {
        attempt(`region ${r}, ${length} bytes`, original.slice(0, length))
      }
    }
  },

  /** One to four words of the header replaced by values from the edges of what is meant, by a fixed dice. */
  words() {
    const edges = [0, 1, 2, 3, 7, 8, 15, 16, 17, 56, 64, 72, 120, 127, 128, 129, 136, 176, 184, 256, 384, 512]
    edges.push(info().possibleCpus, info().possibleCpus + 1, 0xffff, 0x10000, 0x10001)
    edges.push(0x7fffffff, 0x80000000, 0xffffff80, 0xfffffff8, 0xffffffff)
    let state = 20261121
    const dice = (sides) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return (state >>> 8) % sides
    }
    const all = regions()
    for (let i = 0; i < 20_000; i++) {
      const buffer = all[dice(all.length)].slice(0)
      const header = new Uint32Array(buffer, 0, HEADER_WORDS)
      const changes = []
      for (let change = 0; change <= dice(4); change++) {
        // Keeps the magic number and the version, as all other headers are refused at once.
        const word = 2 + dice(8)
        header[word] = edges[dice(edges.length)]
        changes.push(`${word}=${header[word]}`)
      }
      attempt(changes.join(' '), buffer)
    }
  },
}

ways[way]()
console.log(JSON.stringify(outcome))
