/**
 * The size classes of a heap, and the rows of its pages: the TypeScript counterpart of `native/percpu/heap_classes.h` and
 * `native/percpu/heap_spans.h`, which describe them.
 *
 * @module
 */

/** Bytes of a page of a heap. */
export const HEAP_PAGE = 4096
/** The most pages of a heap. */
export const MAX_HEAP_PAGES = 1 << 19
/** A block's number is the distance of its first byte from that of the heap, in units of so many bytes. */
export const HEAP_UNIT = 2
/** How many numbers a page has. */
export const UNITS_OF_PAGE = HEAP_PAGE / HEAP_UNIT
const LEAST_BLOCK = 16
/** Bytes of the longest block that has a class. */
export const MOST_HEAP_BLOCK = 65536
export const HEAP_CLASSES = 97
/** Words of 8 bytes of a page's row. */
export const PAGE_ROW_WORDS = 8
/** Numbers of 32 bits of a page's row. */
export const PAGE_ROW = 2 * PAGE_ROW_WORDS

/** The class of the shortest blocks of at least `bytes` bytes, at most {@link MOST_HEAP_BLOCK}. */
export function heapClassOf(bytes: number): number {
  if (bytes <= LEAST_BLOCK) return 0
  const doubling = 31 - Math.clz32(bytes - 1)
  return (doubling - 4) * 8 + ((bytes - 1) >> (doubling - 3)) - 7
}

/** Bytes of the blocks of a class. */
function sizeOfClass(number: number): number {
  return number === 0 ? LEAST_BLOCK : (9 + ((number - 1) % 8)) << (((number - 1) >> 3) + 1)
}

export interface HeapClass {
  /** Bytes of a block. */
  readonly size: number
  /** Pages of a span. */
  readonly pages: number
  /** Blocks of a span: at most 256. */
  readonly blocks: number
  /** The word of a shard with the number of free blocks in the CPU's cache. */
  readonly first: number
}

const HEAD = 8
const CACHE_HEAD = 3
const CACHE_BYTES = 65536
const MOST_CACHE = 61

/** Words of a CPU's cache of free blocks of a size. */
function cacheWords(size: number): number {
  const words = Math.ceil((Math.floor(CACHE_BYTES / size) + CACHE_HEAD) / 8) * 8
  return Math.min(words, MOST_CACHE + CACHE_HEAD)
}

/** @param begin - the word of a shard where the CPU's cache begins. */
function makeClass(number: number, begin: number): HeapClass {
  const size = sizeOfClass(number)
  let pages = Math.ceil(size / HEAP_PAGE)
  // At most an eighth of a span is left over.
  while ((pages * HEAP_PAGE) % size > (pages * HEAP_PAGE) / 8) pages++
  return { size, pages, blocks: Math.floor((pages * HEAP_PAGE) / size), first: begin + 1 }
}

function makeTable(): { classes: HeapClass[]; length: number } {
  const classes: HeapClass[] = []
  let length = HEAD
  for (let number = 0; number < HEAP_CLASSES; number++) {
    classes.push(makeClass(number, length))
    length += cacheWords(sizeOfClass(number))
  }
  return { classes, length }
}

const table = makeTable()
export const HEAP_TABLE: readonly HeapClass[] = table.classes
/** Words of a shard of a heap. */
export const HEAP_LENGTH = table.length

/** What a page is; see `native/percpu/heap_spans.h`. */
export const PageState = { free: 0, blocks: 1, large: 2, interior: 3 } as const
export type PageState = (typeof PageState)[keyof typeof PageState]
/** Positions in a row. */
export const PageWord = { page: 0, free: 1, next: 2, previous: 3, bits: 4 } as const

/** The first number of a row. */
export function pageNumber(state: PageState, pages: number, number = 0): number {
  return state | (number << 2) | (pages << 9)
}
export function stateOfPage(page: number): number {
  return page & 3
}
export function classOfPage(page: number): number {
  return (page >> 2) & 127
}
export function pagesOf(page: number): number {
  return page >>> 9
}

/** What the row of a page says. Any thread can overwrite it. */
export function rowOf(rows: Int32Array, page: number): number {
  return Atomics.load(rows, page * PAGE_ROW + PageWord.page)
}

/** Where a block is. */
export interface BlockPlace {
  /** The first page of its span. */
  readonly head: number
  /** What the row of that page says: nothing of it is loaded again. */
  readonly page: number
  /** The block's position in the span. */
  readonly index: number
}

/** Finds the span, or the whole pages, in which a block with this number begins. Undefined if there is none. */
export function findBlock(rows: Int32Array, block: number): BlockPlace | undefined {
  const pages = rows.length / PAGE_ROW
  let head = Math.floor(block / UNITS_OF_PAGE)
  if (head >= pages) return undefined
  let page = rowOf(rows, head)
  if (stateOfPage(page) === PageState.interior) {
    head -= pagesOf(page)
    if (head < 0) return undefined
    page = rowOf(rows, head)
  }
  const offset = (block - head * UNITS_OF_PAGE) * HEAP_UNIT
  if (stateOfPage(page) === PageState.large) {
    const isWhole = offset === 0 && pagesOf(page) > 0 && pagesOf(page) <= pages - head
    return isWhole ? { head, page, index: 0 } : undefined
  }
  const one = classAt(page)
  if (one === undefined || one.pages > pages - head) return undefined
  const index = offset / one.size
  return Number.isInteger(index) && index < one.blocks ? { head, page, index } : undefined
}

/** The class of the blocks of a span, by what its first page's row says; undefined if it is no span. */
function classAt(page: number): HeapClass | undefined {
  return stateOfPage(page) === PageState.blocks ? HEAP_TABLE[classOfPage(page)] : undefined
}

/** Bytes of a block that {@link findBlock} has found. */
export function sizeAt({ page }: BlockPlace): number {
  return classAt(page)?.size ?? pagesOf(page) * HEAP_PAGE
}

/** Whether the bit of a block is set: the block is free, and in no CPU's cache. */
export function isFreeInSpan(rows: Int32Array, { head, page, index }: BlockPlace): boolean {
  if (stateOfPage(page) === PageState.large) return false
  const bits = Atomics.load(rows, head * PAGE_ROW + PageWord.bits + (index >> 5))
  return ((bits >>> (index & 31)) & 1) === 1
}
