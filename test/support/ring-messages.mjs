// Typed by ring-messages.d.mts; JavaScript, because workers use it as well.

const HEAD = 16
const MOST_FILLER = 90

/** The bytes of message `number` of writer `who`: of some length, all of them following from the two. */
export function makeMessage(who, number) {
  const bytes = new Uint8Array(HEAD + ((who * 31 + number * 7) % MOST_FILLER))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, who)
  view.setUint32(4, number)
  for (let i = HEAD; i < bytes.length; i++) bytes[i] = who * 13 + number + i
  view.setUint32(8, bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 7) >>> 0)
  return bytes
}

/** Whose message that is, and which; null if it is not as it was made. */
export function readMessage(bytes) {
  if (bytes.length < HEAD) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const who = view.getUint32(0)
  const number = view.getUint32(4)
  return Buffer.compare(makeMessage(who, number), bytes) === 0 ? { who, number } : null
}

/** What a reader has seen: to be told every record once, in the order in which it got them. */
export class MessageJudge {
  /** By writer: the numbers that came. */
  #numbers = new Map()
  /** By CPU and writer: the last number; by CPU: the last time. */
  #last = new Map()
  torn = 0
  twice = 0
  unordered = 0
  read = 0

  see({ bytes, cpu, thread, time, overflow }) {
    this.read++
    const message = readMessage(bytes)
    if (message === null) {
      this.torn++
      return
    }
    const { who, number } = message
    const numbers = this.#numbers.get(who) ?? new Set()
    this.#numbers.set(who, numbers)
    if (numbers.has(number)) this.twice++
    numbers.add(number)
    // Each shard has its own order: the CPU's, and the overflow ring's.
    const place = overflow ? 'overflow' : cpu
    this.#inOrder(`${place} ${thread} ${who}`, number, (before) => before < number)
    this.#inOrder(`${place}`, time, (before) => before <= time)
  }

  #inOrder(key, value, isAfter) {
    const before = this.#last.get(key)
    if (before !== undefined && !isAfter(before)) this.unordered++
    this.#last.set(key, value)
  }

  /** The numbers of a writer that came. */
  numbersOf(who) {
    return this.#numbers.get(who) ?? new Set()
  }

  /** What is wrong with the records by themselves. */
  get faults() {
    const { torn, twice, unordered } = this
    return { torn, twice, unordered }
  }
}
