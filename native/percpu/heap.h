/**
 * @file
 * A heap of blocks of any size, in a fixed amount of memory. Any thread may allocate and free blocks.
 *
 * Blocks of up to 64 KiB have size classes (heap_classes.h). Each CPU has a cache of free blocks for each class, which
 * is a small stack as in stack.h, behind a word with its limit:
 *
 *     limit | count | stop word | number of a block | number of a block | ...
 *
 * To allocate a block pops its number, to free it pushes its number: one critical section. A thread that finds the
 * cache empty or at its limit moves blocks from or to the spans (heap_spans.h), one after the other, behind the lock of
 * the spans: up to half of the limit, which grows with each miss up to the cache's capacity. Blocks also get from one
 * CPU to another by the spans. If these have no memory left, the thread stops the caches of all CPUs, one after the
 * other, and moves their blocks to the spans, which may make pages free for any class; the limits of these caches are
 * halved. Longer blocks are whole pages, and are always allocated and freed behind the lock.
 *
 * A checked heap has no caches: the bits of the spans then tell which blocks are free.
 *
 * All functions are thread-safe. A thread that allocates a block sees all stores before its last free. If a block is
 * freed twice, or a program has overwritten the memory, two threads may get the same bytes; nothing else breaks, and
 * no block reaches beyond the heap. Processes cannot share a heap.
 */
#ifndef RSEQ_PERCPU_HEAP_H
#define RSEQ_PERCPU_HEAP_H

#include "heap_spans.h"
#include "stack.h"
#include "status.h"

namespace percpu {

namespace detail {
/** The rest of heap_alloc() and heap_free(): more attempts, whole pages, the spans, and checked heaps. */
Status heap_alloc_slow(const Region& region, uint32_t bytes, uint32_t& block) noexcept;
Status heap_free_slow(const Region& region, uint32_t block) noexcept;

/** The words of a CPU's cache as a stack's: the count comes first. The word before it is the limit. */
inline int64_t* heap_cache(const Region& region, uint64_t shard, const HeapClass& one) noexcept {
  return word_at<int64_t>(region, shard, one.first);
}

/** How many blocks a cache may keep now. */
inline uint32_t heap_limit(const int64_t* cache, const HeapClass& one) noexcept {
  const auto limit = static_cast<uint64_t>(__atomic_load_n(cache - 1, __ATOMIC_RELAXED));
  return limit < one.capacity ? static_cast<uint32_t>(limit) : one.capacity;
}

/** Whether a number that a cache held may be that of a block of the class: the block lies within the heap. */
inline bool is_heap_block(const Region& region, double number, const HeapClass& one) noexcept {
  if (!(number >= 0 && number <= INT32_MAX))
    return false;
  const auto block = static_cast<uint32_t>(number);
  return number == block &&
         static_cast<uint64_t>(block) * kHeapUnit + one.size <= static_cast<uint64_t>(region.units) * kHeapPage;
}
} // namespace detail

/** Bytes of all blocks together. */
inline uint64_t heap_bytes(const Region& region) noexcept {
  return static_cast<uint64_t>(region.units) * kHeapPage;
}

/**
 * The memory of a block that heap_alloc() has given out. It is aligned to the largest power of two, up to 64, that
 * divides the number of bytes that were asked for: any object of that size is aligned.
 */
inline unsigned char* heap_at(const Region& region, uint32_t block) noexcept {
  return unit_at(region, 0) + static_cast<uint64_t>(block) * kHeapUnit;
}

/** Bytes of a block, at least as many as were asked for; 0 if no block with this number can be taken. O(1). */
inline uint64_t heap_size_of(const Region& region, uint32_t block) noexcept {
  heap_spans::Place place;
  return heap_spans::find(region, block, place) ? heap_spans::size_at(place) : 0;
}

/**
 * Allocates a block of at least `bytes` bytes: at most 12.5 % more, or 16 bytes, or whole pages if it is longer than
 * 64 KiB. The bytes are those that were there. Amortized O(1) up to 64 KiB, unless the heap is nearly full; else
 * O(blocks). If too little memory is free beside the caches, O(possible CPUs), with a fence for each cache that has
 * blocks.
 * @return ok; empty: no block of so many bytes is free, or the free memory is in pieces; corrupt; contended (the
 *     spans); unfenceable: only a CPU that cannot be stopped may have enough; busy: the thread has no patience.
 */
inline Status heap_alloc(const Region& region, uint32_t bytes, uint32_t& block) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(region.is_direct && index < region.section_shards && bytes <= kMostHeapBlock, true)) {
    const HeapClass& one = kHeapTable.classes[heap_class_of(bytes)];
    const double number = load_cbne_load_add_cbge_load_store_value(
        {place.area, place.index, Index::cpu_id}, detail::heap_cache(region, index, one), one.capacity);
    if (__builtin_expect(detail::is_heap_block(region, number, one), true)) {
      block = static_cast<uint32_t>(number);
      return Status::ok;
    }
    // A NaN means that nothing was popped. Any other value was popped, and is no block's number.
    if (number == number)
      return Status::corrupt;
  }
  return detail::heap_alloc_slow(region, bytes, block);
}

/**
 * Frees a block. Amortized O(1).
 * @return ok; out_of_range: no block begins there; not_owner: the block is free already, which a checked heap always
 *     finds out, and any other only sometimes; corrupt; contended; busy.
 */
inline Status heap_free(const Region& region, uint32_t block) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  heap_spans::Place found;
  if (__builtin_expect(region.is_direct && index < region.section_shards && heap_spans::find(region, block, found) &&
                           heap_spans::state_of(found.page) == heap_spans::PageState::blocks,
                       true)) {
    const HeapClass& one = kHeapTable.classes[heap_spans::class_of(found.page)];
    int64_t* const cache = detail::heap_cache(region, index, one);
    if (__builtin_expect(load_cbne_load_cbge_store_add_store({place.area, place.index, Index::cpu_id}, cache,
                                                             detail::heap_limit(cache, one), block) == Outcome::done,
                         true))
      return Status::ok;
  }
  return detail::heap_free_slow(region, block);
}

} // namespace percpu

#endif // RSEQ_PERCPU_HEAP_H
