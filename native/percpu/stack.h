/**
 * @file
 * A stack of doubles for each CPU, bounded: what the field calls a pointer buffer.
 *
 *     word 0   how many values there are
 *     word 1   the stop word (remote.h)
 *     word 2…  the values, bit for bit
 *
 * A push or a pop is one critical section on this CPU's shard, which checks the stop word and the count inside. A value
 * is pushed on one CPU and popped on the same, by whatever thread is there then; another CPU's values are reached
 * by stopping it. Threads without rseq, threads aborted kAttempts times in a row, and those that find their CPU stopped
 * use the overflow shard, a stack like the others behind a lock; pops look there when their CPU has nothing.
 * Where atomics write the region, every shard is behind its lock.
 *
 * All functions are thread-safe and may run at once in any number of threads. Who pops a value sees what its pusher
 * had stored before the push. Values are finite: everything else in a shard was not put there by a push.
 */
#ifndef RSEQ_PERCPU_STACK_H
#define RSEQ_PERCPU_STACK_H

#include "../rseq/thread.h"
#include "region.h"
#include "status.h"

namespace rseq {

/** Words of a shard before its values. */
constexpr uint32_t kStackHead = 2;

/** How many values a CPU's stack holds. */
inline uint32_t stack_capacity(const Region& region) noexcept {
  return region.length - kStackHead;
}

/**
 * One attempt to push onto the stack of the CPU `index`, in an area of libc's, that ends in the section: for an index
 * below direct_stacks. Whatever it answers but done, stack_push() finds out the reason.
 */
inline Outcome stack_push_directly(const Region& region, Area* area, uint64_t index, double value) noexcept {
  return load_cbne_load_cbge_store_add_store({area, static_cast<uint32_t>(index), Index::cpu_id},
                                             word_at<int64_t>(region, index, 0), region.direct_length, value);
}

/** The same for a pop: a NaN if there was none. */
inline double stack_pop_directly(const Region& region, Area* area, uint64_t index) noexcept {
  return load_cbne_load_add_cbge_load_store_value({area, static_cast<uint32_t>(index), Index::cpu_id},
                                                  word_at<int64_t>(region, index, 0), region.direct_length);
}

/**
 * Pushes a value. O(1): at most kAttempts sections, then the overflow shard.
 * @return ok, full, bad_value (it is not finite), corrupt or contended (of the overflow shard).
 */
Status stack_push(const Region& region, double value) noexcept;

/** Pops the value pushed last on this CPU, or one that overflowed. O(1). Returns ok, empty, corrupt or contended. */
Status stack_pop(const Region& region, double& value) noexcept;

/**
 * Pushes values[0] first, up to the first that finds no room or is refused, and says in `count` how many were pushed,
 * of how many there are. A section for each: others may push in between, and the thread may be moved.
 * Returns ok also where not all had room.
 */
Status stack_push_many(const Region& region, const double* values, uint32_t& count) noexcept;

/** Pops up to `count` values into `values`, last pushed first, and says in `count` how many there were. */
Status stack_pop_many(const Region& region, double* values, uint32_t& count) noexcept;

/** How many values a shard (up to the overflow shard) has at this moment. Returns ok or corrupt. */
Status stack_size(const Region& region, uint32_t shard, uint32_t& size) noexcept;

/**
 * Stops a CPU's stack for everybody but the calling thread, until stack_resume(). O(1) and a fence: see
 * stop_shard() for the answers. out_of_range if there is no such shard; region.shards is the overflow shard.
 */
Status stack_stop(const Region& region, uint32_t shard) noexcept;

/** Lets a stack go that the calling thread stopped. Returns ok or not_owner. */
Status stack_resume(const Region& region, uint32_t shard) noexcept;

/** As stack_push_many(), on a stack that the calling thread has stopped. All or as many as fit, at once; or not_owner.
 */
Status stack_give(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept;

/** As stack_pop_many(), on a stack that the calling thread has stopped. */
Status stack_take(const Region& region, uint32_t shard, double* values, uint32_t& count) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_STACK_H
