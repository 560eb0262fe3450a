/**
 * @file
 * A pool of blocks of memory of one size. Any thread may allocate and free blocks.
 *
 * The numbers of free blocks are in stacks, as in stack.h: each CPU has a cache of a few blocks; the overflow shard has
 * room for all blocks and is the central store, behind its lock. To allocate a block pops its number, to free it pushes
 * its number: one critical section, if the CPU's cache is neither empty nor full. Otherwise the thread moves half a
 * cache from or to the central store. If the central store is empty, it stops the other CPUs, one after the other, and
 * fetches their blocks.
 *
 * A thread that moves numbers holds the central store's lock all the time. Numbers are therefore never in transit where
 * other threads miss them, no thread waits for the lock while it has stopped a CPU, and no CPU is stopped while a
 * section that does not check the stop word moves numbers to or from its cache.
 *
 * In memory that processes share, each block also has a note of the process that took it (holder.h), and a process may
 * be killed at any instruction: pool.cc describes how numbers are moved there.
 *
 * In a checked pool, each block's word in the arena says whether the block is allocated.
 *
 * All functions are thread-safe. A thread that allocates a block sees all stores before its last free. If a number is
 * in the pool twice, because a block was freed twice or a program has overwritten the memory, two threads may get one
 * block; nothing else breaks.
 */
#ifndef RSEQ_PERCPU_POOL_H
#define RSEQ_PERCPU_POOL_H

#include "holder.h"
#include "stack.h"
#include "status.h"

#include <cstring>

namespace percpu {

namespace detail {
/** The rest of pool_alloc() and pool_free(): more attempts, the central store, and checked pools. */
Status pool_alloc_slow(const Region& region, uint32_t& block) noexcept;
Status pool_free_slow(const Region& region, uint32_t block) noexcept;
} // namespace detail

/** The state in a block's word in a checked pool. */
enum class BlockState : uint32_t {
  fresh = 0, ///< Never allocated.
  taken = 1,
  freed = 2, ///< Free after an allocation.
};

/** A checked pool fills a freed block with this byte. */
constexpr uint8_t kPoison = 0xdb;

/**
 * In a pool that has notes: one attempt of a section to pop a number from the cache of the CPU `place.index`, which
 * must be below region.shards, as a process that `note` names. compare_failed: the cache is empty, stopped or damaged,
 * or has just changed.
 */
inline Outcome pool_pop_noted(const Region& region, const Here& place, uint32_t note, double& number) noexcept {
  int64_t* const words = word_at<int64_t>(region, place.index, 0);
  const auto count = static_cast<uint64_t>(__atomic_load_n(words, __ATOMIC_RELAXED));
  if (__builtin_expect(count - 1 >= stack_capacity(region), false))
    return Outcome::compare_failed;
  const int64_t* const top = words + kStackHead + count - 1;
  const int64_t bits = __atomic_load_n(top, __ATOMIC_RELAXED);
  memcpy(&number, &bits, sizeof(number));
  if (__builtin_expect(!is_unit(region, number), false))
    return Outcome::compare_failed;
  return load_cbne_load_cbne_load_cbne_store_add_store(place, words, static_cast<int64_t>(count), top, bits,
                                                       unit_note(region, static_cast<uint32_t>(number)), note);
}

/**
 * Allocates a block. Amortized O(1). If only the caches of other CPUs have blocks, O(possible CPUs), with a fence for
 * each CPU that has some.
 * @return ok; empty: no block is free; corrupt; contended (the central store); unfenceable: only a CPU that cannot be
 *     stopped has free blocks.
 */
inline Status pool_alloc(const Region& region, uint32_t& block) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index < region.direct_pops, true)) {
    const double number = stack_pop_directly(region, place.area, index);
    if (__builtin_expect(is_unit(region, number), true)) {
      block = static_cast<uint32_t>(number);
      return Status::ok;
    }
    // A NaN means that nothing was popped. Any other value was popped, and is no block's number.
    if (number == number)
      return Status::corrupt;
  }
  return detail::pool_alloc_slow(region, block);
}

/**
 * Frees a block. Amortized O(1).
 * @return ok; out_of_range: there is no such block; not_owner: the block of a checked pool is not allocated; full: all
 *     blocks are already free, so one was freed twice; corrupt; contended.
 */
inline Status pool_free(const Region& region, uint32_t block) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index < region.direct_stacks && block < region.units &&
                           stack_push_directly(region, place.area, index, block) == Outcome::done,
                       true))
    return Status::ok;
  return detail::pool_free_slow(region, block);
}

/**
 * Moves all blocks of a CPU's cache to the central store, and sets `count` to their number. Takes some microseconds, as
 * it stops the CPU. Returns ok, out_of_range, or as pool_alloc().
 */
Status pool_flush(const Region& region, uint32_t shard, uint32_t& count) noexcept;

/**
 * Gives back the blocks that processes held which have died, and sets `count` to their number: 0 in memory of one
 * process. pool_alloc() does this itself when no block is free. O(blocks + possible CPUs) with a fence for each CPU
 * whose cache is not empty, if a dead process held or freed a block; else O(blocks). A block that is given back has the
 * bytes that the process left in it.
 * @return ok; contended; busy; unfenceable; corrupt: nothing was given back, as not all free blocks can be found.
 */
Status pool_reclaim(const Region& region, uint32_t& count) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_POOL_H
