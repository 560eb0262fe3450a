/**
 * @file
 * The pages of a heap, and the spans that they are in: what the CPUs' caches of free blocks (heap.h) are filled from
 * and emptied into.
 *
 * Each page has a row of 16 numbers of 32 bits. The first says what the page is (PageState) and of how many pages; the
 * pages of the heap are a row of spans and free runs without a gap. The row of a span's first page also has one bit for
 * each block, which is set while the block is free here, how many bits are set, and the links of a list of the spans of
 * this class that have some. Blocks in a cache, or taken, have no bit. A span all of whose bits are set becomes a free
 * run at once. Free runs that lie side by side are joined when pages are looked for.
 *
 * All of it is behind one lock: the stop word of the overflow shard. A thread may be terminated there (on the portable
 * backend), so each change of a page, and each of a bit, is one store, and everything else is made anew from the pages
 * and the bits: a word says whether it is consistent, and who takes the lock and finds that it is not makes it so. A
 * block that was taken from here and not handed on yet is lost; nothing else is, and no block gets two owners.
 *
 * Any thread can overwrite all of it. Each number is checked before it is used as a position, and each loop has an end.
 */
#ifndef RSEQ_PERCPU_HEAP_SPANS_H
#define RSEQ_PERCPU_HEAP_SPANS_H

#include "arena.h"
#include "heap_classes.h"
#include "status.h"
#include "stopped_shard.h"

namespace percpu {
namespace heap_spans {

/** What a page is, in the lowest two bits of the first number of its row. */
enum class PageState : uint32_t {
  free = 0,     ///< The first page of a free run. A row of zeros: of one up to the end of the heap.
  blocks = 1,   ///< The first page of a span with blocks of one class.
  large = 2,    ///< The first page of a block of whole pages.
  interior = 3, ///< Another page of a span with blocks; the number of pages is the distance from the first one.
};

/** Positions in a row. */
enum : uint32_t { kPage = 0, kFree = 1, kNext = 2, kPrevious = 3, kBits = 4 };
constexpr uint32_t kBitWords = 8;
constexpr uint32_t kRowLength = 2 * kPageRowWords;
static_assert(kBits + kBitWords <= kRowLength);

/** Words of the overflow shard; word 1 is the lock. */
enum : uint32_t {
  kConsistent = 2, ///< 1 if the next words, the lists and the numbers of set bits are right; 0 when new.
  kRover = 3,      ///< The page where the next search for pages begins.
  kFreePages = 4,
  kLists = 8, ///< For each class the first span that has free blocks: its first page and 1. 0: none.
};
static_assert(kLists + kHeapClasses <= kHeapLength);

constexpr uint32_t page_number(PageState state, uint32_t pages, uint32_t number = 0) noexcept {
  return static_cast<uint32_t>(state) | number << 2 | pages << 9;
}
constexpr PageState state_of(uint32_t page) noexcept {
  return static_cast<PageState>(page & 3);
}
constexpr uint32_t class_of(uint32_t page) noexcept {
  return page >> 2 & 127;
}
constexpr uint32_t pages_of(uint32_t page) noexcept {
  return page >> 9;
}

/** The row of a page, which must be below region.units. A heap's overflow shard is as long as the others. */
inline uint32_t* row_of(const Region& region, uint32_t page) noexcept {
  unsigned char* const rows = region.first_shard + (static_cast<uint64_t>(region.shards) + 1) * region.stride;
  return reinterpret_cast<uint32_t*>(rows) + static_cast<uint64_t>(page) * kRowLength;
}

inline uint32_t load(const uint32_t* number) noexcept {
  return __atomic_load_n(number, __ATOMIC_RELAXED);
}

/** Where a block is. */
struct Place {
  uint32_t head;  ///< The first page of its span.
  uint32_t page;  ///< What the row of that page says.
  uint32_t index; ///< The block's position in the span.
};

/** Finds the span in which a block with this number begins. False if there is none: no such block can be taken. */
inline bool find(const Region& region, uint32_t block, Place& place) noexcept {
  constexpr uint32_t kPerPage = kHeapPage / kHeapUnit;
  uint32_t head = block / kPerPage;
  if (__builtin_expect(head >= region.units, false))
    return false;
  uint32_t page = load(row_of(region, head));
  if (state_of(page) == PageState::interior) {
    if (pages_of(page) > head)
      return false;
    head -= pages_of(page);
    page = load(row_of(region, head));
  }
  place.head = head;
  place.page = page;
  place.index = 0;
  const uint64_t offset = static_cast<uint64_t>(block - head * kPerPage) * kHeapUnit;
  if (__builtin_expect(state_of(page) != PageState::blocks, false))
    return state_of(page) == PageState::large && offset == 0 && pages_of(page) - 1 < region.units - head;
  if (__builtin_expect(class_of(page) >= kHeapClasses, false))
    return false;
  const HeapClass& one = kHeapTable.classes[class_of(page)];
  place.index = static_cast<uint32_t>(offset * one.reciprocal >> 32);
  return place.index < one.blocks && static_cast<uint64_t>(place.index) * one.size == offset &&
         one.pages <= region.units - head;
}

/** Bytes of a block that find() has found. */
inline uint64_t size_at(const Place& place) noexcept {
  return state_of(place.page) == PageState::blocks ? kHeapTable.classes[class_of(place.page)].size
                                                   : static_cast<uint64_t>(pages_of(place.page)) * kHeapPage;
}

/*
 * The caller of all functions below has the lock: they are called inside of behind_lock().
 */

/** Makes lists and numbers anew from the pages and the bits. Returns ok or corrupt. O(pages). */
Status make_consistent(const Region& region) noexcept;

/** Takes a free block out of a span of the class. Returns ok; empty: no span has one; corrupt. O(1). */
Status take_listed(const Region& region, uint32_t number, uint32_t& block) noexcept;

/** As take_listed(), but makes a new span if none has a free block. empty: there are no pages for one. O(spans). */
Status take(const Region& region, uint32_t number, uint32_t& block) noexcept;

/** Takes a block of whole pages. Returns ok; empty; corrupt. O(spans). */
Status take_pages(const Region& region, uint32_t pages, uint32_t& block) noexcept;

/**
 * Puts a block back. In a checked heap, fills it with kPoison.
 * @return ok; out_of_range: there is no such block; not_owner: it is free already; corrupt. O(1).
 */
Status put(const Region& region, uint32_t block) noexcept;

/** Runs `act`, which returns a Status, behind the lock. Returns its Status, or one of stop_shard(), or corrupt. */
template <typename Act> Status behind_lock(const Region& region, Act act) noexcept {
  return stopped_shard::locked(region, region.shards, [&] {
    auto* const consistent = word_at<uint64_t>(region, region.shards, kConsistent);
    if (__atomic_load_n(consistent, __ATOMIC_RELAXED) != 1) {
      const Status status = make_consistent(region);
      if (status != Status::ok)
        return status;
    }
    __atomic_store_n(consistent, 0, __ATOMIC_RELAXED);
    const Status status = act();
    if (status != Status::corrupt)
      __atomic_store_n(consistent, 1, __ATOMIC_RELAXED);
    return status;
  });
}

} // namespace heap_spans
} // namespace percpu

#endif // RSEQ_PERCPU_HEAP_SPANS_H
