/**
 * @file
 * A pool of blocks of memory, all of one size, which any thread takes from and gives back to.
 *
 * The numbers of free blocks are in stacks, as in stack.h: each CPU has a few at hand, its cache, and the overflow
 * shard has room for all; it is the central store, behind its lock. To take a block is to pop its number, to give it
 * back to push it: one critical section, as long as the CPU's cache is neither empty nor full. Then half a cache is
 * moved from or to the central store at once. What other CPUs have is fetched when the central store has nothing: they
 * are stopped, one after the other.
 *
 * Who moves numbers has the central store's lock all the while. So numbers are never on the way where nobody finds
 * them, nobody waits for the lock with a CPU stopped, and no CPU is stopped while numbers are moved to or from its
 * cache, by a section that does not look at the stop word.
 *
 * In a checked pool each block's word in the arena says whether somebody has it.
 *
 * All functions are thread-safe. Who takes a block sees what was stored before it was given back. A number that is in
 * the pool twice, because it was given back twice or something has written over the memory, makes two owners of a
 * block, and no more harm than that.
 */
#ifndef RSEQ_PERCPU_POOL_H
#define RSEQ_PERCPU_POOL_H

#include "arena.h"
#include "stack.h"
#include "status.h"

namespace rseq {

/** What a block's word says in a checked pool. */
enum class BlockState : uint32_t {
  fresh = 0, ///< Never taken.
  taken = 1,
  freed = 2, ///< Given back.
};

/** What every byte of a block is after it was given back to a checked pool. */
constexpr uint8_t kPoison = 0xdb;

/**
 * Takes a block. O(1), amortized; O(possible CPUs) with a fence for each that has some where only other CPUs' caches
 * have blocks.
 * @return ok; empty: there was none anywhere; corrupt; contended (the central store); unfenceable: only the cache of a
 *     CPU has some that cannot be stopped.
 */
Status pool_alloc(const Region& region, uint32_t& block) noexcept;

/**
 * Gives a block back. O(1), amortized.
 * @return ok; out_of_range: there is no such block; not_owner: in a checked pool, nobody has it; full: there are as
 * many free ones as blocks, so one was given back twice; corrupt; contended.
 */
Status pool_free(const Region& region, uint32_t block) noexcept;

/**
 * Moves what the cache of a CPU has to the central store, and says in `count` how many that were. Some microseconds, as
 * the CPU is stopped. Returns ok, out_of_range, or what pool_alloc() does.
 */
Status pool_flush(const Region& region, uint32_t shard, uint32_t& count) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_POOL_H
