/**
 * The spans of a heap without the addon, like `native/percpu/heap_spans.cc`; `native/percpu/heap_spans.h` describes them.
 *
 * A thread may be terminated between any two steps. One store takes or frees a block or pages; a word says whether all
 * that follows from these is consistent, and the next thread that gets the lock makes it so.
 *
 * @module
 */
import {
  HEAP_CLASSES,
  HEAP_TABLE,
  HEAP_UNIT,
  type HeapClass,
  PAGE_ROW,
  PageState,
  PageWord,
  UNITS_OF_PAGE,
  type BlockPlace,
  classOfPage,
  findBlock,
  isFreeInSpan,
  pageNumber,
  pagesOf,
  rowOf,
  sizeAt,
  stateOfPage,
} from '../core/heap-classes.js'
import { POISON, Status, Writers, unitsAfterWords } from '../core/layout.js'
import { asOwner } from './ownership.js'
import { type PortableRegion, at } from './region.js'
import { STOP } from './stack.js'

/** Words of the overflow shard; see `native/percpu/heap_spans.h`. */
const SpanWord = { consistent: 2, rover: 3, freePages: 4, lists: 8 } as const
const BITS_OF_WORD = 32
const BIT_WORDS = 8

/** The spans of a heap, for the thread that has their lock. Its methods answer a {@link Status}. */
export class Spans {
  readonly #region: PortableRegion
  /** The rows of the pages. */
  readonly rows: Int32Array
  /** The words of the overflow shard, two numbers each. The upper ones are 0. */
  readonly #words: Int32Array
  readonly #pages: number
  /** The block that the last call took. */
  taken = 0

  constructor(region: PortableRegion) {
    const { words, firstUnitWord, arena, shards, length } = region
    this.#region = region
    this.#pages = arena.units
    this.rows = new Int32Array(words.buffer, words.byteOffset + 8 * firstUnitWord, arena.units * PAGE_ROW)
    this.#words = new Int32Array(words.buffer, words.byteOffset + 8 * at(region, shards, 0), 2 * length)
  }

  /** Runs `act` behind the lock. Answers its Status, or another one. */
  locked(act: () => Status): Status {
    const run = (): number => {
      if (this.#word(SpanWord.consistent) !== 1) {
        const made = this.#makeConsistent()
        if (made !== Status.ok) return made
      }
      this.#setWord(SpanWord.consistent, 0)
      const status = act()
      if (status !== Status.corrupt) this.#setWord(SpanWord.consistent, 1)
      return status
    }
    const answer = asOwner(this.#region, this.#region.shards, STOP, run)
    return Math.abs(answer) as Status
  }

  take(number: number): Status {
    const status = this.#takeListed(number)
    if (status !== Status.empty) return status
    const made = this.#makeSpan(number)
    return made === Status.ok ? this.#takeListed(number) : made
  }

  takePages(pages: number): Status {
    const head = this.#findRun(pages)
    if (head < 0) return -head as Status
    this.#commit(head, pageNumber(PageState.large, pages))
    this.taken = head * UNITS_OF_PAGE
    return Status.ok
  }

  put(block: number): Status {
    const { rows } = this
    const place = findBlock(rows, block)
    if (place === undefined) return Status.outOfRange
    if (isFreeInSpan(rows, place)) return Status.notOwner
    if (this.#region.arena.isChecked) this.#poison(block, sizeAt(place))
    if (stateOfPage(place.page) === PageState.blocks) return this.#putIntoSpan(place)
    this.#release(place.head, pagesOf(place.page))
    return Status.ok
  }

  /** Whether a CPU's cache has blocks, which only the native backend can fetch. */
  hasCached(): boolean {
    const { words, shards, writers } = this.#region
    if (writers === Writers.atomics) return false
    const isCached = (shard: number): boolean =>
      HEAP_TABLE.some(({ first }) => Atomics.load(words, at(this.#region, shard, first)) !== 0n)
    return Array.from({ length: shards }, (_, shard) => shard).some(isCached)
  }

  #word(i: number): number {
    return Atomics.load(this.#words, 2 * i)
  }

  #setWord(i: number, value: number): void {
    Atomics.store(this.#words, 2 * i, value)
  }

  #get(page: number, i: number): number {
    return Atomics.load(this.rows, page * PAGE_ROW + i)
  }

  #set(page: number, i: number, value: number): void {
    Atomics.store(this.rows, page * PAGE_ROW + i, value)
  }

  /** Whether a link, a page and 1, or 0, leads to a page. */
  #isLink(link: number): boolean {
    return link >= 0 && link <= this.#pages
  }

  /** How many pages what begins at `head` has; 0 if nothing can begin there. */
  #lengthAt(head: number, page: number): number {
    const most = this.#pages - head
    const pages = pagesOf(page)
    if (pages > most) return 0
    switch (stateOfPage(page)) {
      case PageState.free:
        return pages === 0 ? most : pages
      case PageState.blocks:
        return pages === HEAP_TABLE[classOfPage(page)]?.pages ? pages : 0
      case PageState.large:
        return pages
      default:
        return 0
    }
  }

  #link(number: number, head: number): Status {
    const first = this.#word(SpanWord.lists + number)
    if (!this.#isLink(first)) return Status.corrupt
    this.#set(head, PageWord.next, first)
    this.#set(head, PageWord.previous, 0)
    if (first !== 0) this.#set(first - 1, PageWord.previous, head + 1)
    this.#setWord(SpanWord.lists + number, head + 1)
    return Status.ok
  }

  #unlink(number: number, head: number): Status {
    const next = this.#get(head, PageWord.next)
    const previous = this.#get(head, PageWord.previous)
    if (!this.#isLink(next) || !this.#isLink(previous)) return Status.corrupt
    if (previous !== 0) this.#set(previous - 1, PageWord.next, next)
    else if (this.#word(SpanWord.lists + number) === head + 1) this.#setWord(SpanWord.lists + number, next)
    else return Status.corrupt
    if (next !== 0) this.#set(next - 1, PageWord.previous, previous)
    return Status.ok
  }

  /** Makes a free run of pages by one store. */
  #release(head: number, pages: number): void {
    this.#set(head, PageWord.page, pageNumber(PageState.free, pages))
    this.#setWord(SpanWord.freePages, this.#word(SpanWord.freePages) + pages)
  }

  /** Joins a free run with those behind it. Answers how many pages it has then. */
  #join(head: number, pages: number): number {
    let length = pages
    while (head + length < this.#pages) {
      const next = head + length
      const page = rowOf(this.rows, next)
      const more = stateOfPage(page) === PageState.free ? this.#lengthAt(next, page) : 0
      if (more === 0) break
      // A search must not begin inside of a run.
      if (this.#word(SpanWord.rover) === next) this.#setWord(SpanWord.rover, head)
      length += more
      this.#set(head, PageWord.page, pageNumber(PageState.free, length))
    }
    return length
  }

  /** Answers the first page of a free run of so many pages, which still counts as free; or a negated Status. */
  #findRun(pages: number): number {
    if (this.#word(SpanWord.freePages) < pages) return -Status.empty
    const rover = this.#word(SpanWord.rover)
    const start = rover >= 0 && rover < this.#pages ? rover : 0
    const found = this.#findRunIn(start, this.#pages, pages)
    return found === -Status.empty && start > 0 ? this.#findRunIn(0, start, pages) : found
  }

  #findRunIn(from: number, end: number, pages: number): number {
    for (let head = from; head < end;) {
      const page = rowOf(this.rows, head)
      let length = this.#lengthAt(head, page)
      if (length === 0) return -Status.corrupt
      if (stateOfPage(page) === PageState.free) {
        length = this.#join(head, length)
        if (length >= pages) return this.#split(head, length, pages)
      }
      head += length
    }
    return -Status.empty
  }

  /** Makes what is behind the first pages of a free run a run of its own. Answers the first page of the run. */
  #split(head: number, length: number, pages: number): number {
    const rest = head + pages
    if (length > pages) this.#set(rest, PageWord.page, pageNumber(PageState.free, length - pages))
    this.#setWord(SpanWord.rover, rest < this.#pages ? rest : 0)
    return head
  }

  /** Takes the pages of a run that {@link Spans.#findRun} has found. */
  #commit(head: number, page: number): void {
    this.#set(head, PageWord.page, page)
    this.#setWord(SpanWord.freePages, this.#word(SpanWord.freePages) - pagesOf(page))
  }

  #makeSpan(number: number): Status {
    const one = HEAP_TABLE[number] as HeapClass
    const head = this.#findRun(one.pages)
    if (head < 0) return -head as Status
    for (let k = 1; k < one.pages; k++) {
      this.#set(head + k, PageWord.page, pageNumber(PageState.interior, k))
    }
    for (let k = 0; k < BIT_WORDS; k++) this.#set(head, PageWord.bits + k, bitsThere(one, k))
    this.#set(head, PageWord.free, one.blocks)
    this.#commit(head, pageNumber(PageState.blocks, one.pages, number))
    return this.#link(number, head)
  }

  #takeListed(number: number): Status {
    const one = HEAP_TABLE[number] as HeapClass
    const first = this.#word(SpanWord.lists + number)
    if (first === 0) return Status.empty
    if (!this.#isLink(first)) return Status.corrupt
    const head = first - 1
    const count = this.#get(head, PageWord.free)
    const page = rowOf(this.rows, head)
    const isSpan =
      page === pageNumber(PageState.blocks, one.pages, number) && this.#lengthAt(head, page) !== 0
    if (!isSpan || count === 0) return Status.corrupt
    for (let k = 0; k < BIT_WORDS; k++) {
      const bits = this.#get(head, PageWord.bits + k)
      const there = bits & bitsThere(one, k)
      if (there === 0) continue
      const position = BITS_OF_WORD - 1 - Math.clz32(there & -there)
      this.#set(head, PageWord.bits + k, bits & ~(1 << position))
      this.#set(head, PageWord.free, count - 1)
      const index = k * BITS_OF_WORD + position
      this.taken = head * UNITS_OF_PAGE + (index * one.size) / HEAP_UNIT
      return count === 1 ? this.#unlink(number, head) : Status.ok
    }
    return Status.corrupt
  }

  #putIntoSpan({ head, page, index }: BlockPlace): Status {
    const number = classOfPage(page)
    const one = HEAP_TABLE[number] as HeapClass
    const word = PageWord.bits + (index >> 5)
    const count = this.#get(head, PageWord.free) + 1
    if (count < 1 || count > one.blocks) return Status.corrupt
    this.#set(head, word, this.#get(head, word) | (1 << (index & 31)))
    this.#set(head, PageWord.free, count)
    if (count < one.blocks) return count === 1 ? this.#link(number, head) : Status.ok
    const status = count === 1 ? Status.ok : this.#unlink(number, head)
    if (status === Status.ok) this.#release(head, one.pages)
    return status
  }

  #poison(block: number, size: number): void {
    const { words, firstUnitWord, kind, arena } = this.#region
    const first = words.byteOffset + 8 * firstUnitWord + unitsAfterWords(kind, arena)
    new Uint8Array(words.buffer, first + block * HEAP_UNIT, size).fill(POISON)
  }

  /** Makes lists and numbers anew from the pages and the bits. */
  #makeConsistent(): Status {
    for (let number = 0; number < HEAP_CLASSES; number++) this.#setWord(SpanWord.lists + number, 0)
    this.#setWord(SpanWord.rover, 0)
    this.#setWord(SpanWord.freePages, 0)
    let length = 0
    for (let head = 0; head < this.#pages; head += length) {
      const page = rowOf(this.rows, head)
      length = this.#lengthAt(head, page)
      if (length === 0) return Status.corrupt
      if (stateOfPage(page) === PageState.free) this.#release(head, length)
      const isSpan = stateOfPage(page) === PageState.blocks
      if (isSpan && this.#recount(head, classOfPage(page)) !== Status.ok) return Status.corrupt
    }
    return Status.ok
  }

  /** Counts the free blocks of a span anew: makes it a free run, or puts it on its list. */
  #recount(head: number, number: number): Status {
    const one = HEAP_TABLE[number] as HeapClass
    let count = 0
    for (let k = 0; k < BIT_WORDS; k++) {
      count += countBits(this.#get(head, PageWord.bits + k) & bitsThere(one, k))
    }
    if (count === one.blocks) {
      this.#release(head, one.pages)
      return Status.ok
    }
    this.#set(head, PageWord.free, count)
    return count === 0 ? Status.ok : this.#link(number, head)
  }
}

/** The bits in word `k` of a span's bits that belong to blocks. */
function bitsThere({ blocks }: HeapClass, k: number): number {
  const left = blocks - k * BITS_OF_WORD
  if (left >= BITS_OF_WORD) return -1
  return left <= 0 ? 0 : (1 << left) - 1
}

function countBits(bits: number): number {
  let count = 0
  for (let left = bits; left !== 0; left &= left - 1) count++
  return count
}
