/**
 * @file
 * A bounded stack of doubles for each CPU. librseq and the kernel's selftests call it a per-CPU buffer.
 *
 *     word 0   how many values there are
 *     word 1   the stop word (remote.h)
 *     word 2…  the values, bit for bit
 *
 * A push or a pop is one critical section on this CPU's shard, which checks the stop word and the count inside. Any
 * thread that runs on a CPU pops the values that were pushed there; a thread that wants the values of another CPU must
 * stop that CPU's stack. Threads without rseq, threads aborted kAttempts times in a row, and threads whose CPU is
 * stopped use the overflow shard, a stack behind a lock; a pop looks there if its CPU's stack is empty. If atomics
 * write the region, every shard is behind its lock.
 *
 * All functions are thread-safe. A thread that pops a value sees all stores that its pusher made before the push. The
 * committing stores need no release order for that: both threads run on the shard's CPU (or have its concurrency id one
 * after the other, which the kernel orders), the stop of a shard fences its CPU, and the overflow shard has a lock.
 * Values are finite: a word that is not finite comes from a program that has overwritten the shard.
 */
#ifndef RSEQ_PERCPU_STACK_H
#define RSEQ_PERCPU_STACK_H

#include "../rseq/thread.h"
#include "region.h"
#include "status.h"

namespace percpu {

namespace detail {
/** The rest of stack_push() and stack_pop(): more attempts, then the overflow shard, or the reason for a refusal. */
Status stack_push_slow(const Region& region, double value) noexcept;
Status stack_pop_slow(const Region& region, double& value) noexcept;
} // namespace detail

/** Words of a shard before its values. */
constexpr uint32_t kStackHead = 2;

/** How many values a CPU's stack holds. */
inline uint32_t stack_capacity(const Region& region) noexcept {
  return region.length - kStackHead;
}

/**
 * One attempt to push onto the stack of the CPU `index`, which must be below direct_stacks; `area` must be libc's. Its
 * last call is the section. If the result is not done, nothing was pushed: call stack_push().
 */
inline Outcome stack_push_directly(const Region& region, Area* area, uint64_t index, double value) noexcept {
  return load_cbne_load_cbge_store_add_store({area, static_cast<uint32_t>(index), Index::cpu_id},
                                             word_at<int64_t>(region, index, 0), region.direct_length, value);
}

/**
 * One attempt to pop from the stack of the CPU `index`, as stack_push_directly(). Returns a NaN if it popped nothing.
 * An infinity is a word that no push stores; it is removed.
 */
inline double stack_pop_directly(const Region& region, Area* area, uint64_t index) noexcept {
  return load_cbne_load_add_cbge_load_store_value({area, static_cast<uint32_t>(index), Index::cpu_id},
                                                  word_at<int64_t>(region, index, 0), region.direct_length);
}

/** Whether a value can be pushed. */
inline bool is_finite(double value) noexcept {
  return value - value == 0;
}

/**
 * Pushes a value. O(1): at most kAttempts + 1 sections, then the overflow shard.
 * @return ok, full, bad_value (it is not finite), corrupt or contended (of the overflow shard).
 */
inline Status stack_push(const Region& region, double value) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index < region.direct_stacks && is_finite(value) &&
                           stack_push_directly(region, place.area, index, value) == Outcome::done,
                       true))
    return Status::ok;
  return detail::stack_push_slow(region, value);
}

/**
 * Pops the value pushed last on this CPU, or one from the overflow shard. O(1).
 * @return ok; empty; contended (the overflow shard); corrupt: the count was overwritten, or the word on top was not
 *     finite, and is removed.
 */
inline Status stack_pop(const Region& region, double& value) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index < region.direct_pops, true)) {
    value = stack_pop_directly(region, place.area, index);
    // A NaN is no value: nothing was popped.
    if (__builtin_expect(value == value, true))
      return __builtin_expect(is_finite(value), true) ? Status::ok : Status::corrupt;
  }
  return detail::stack_pop_slow(region, value);
}

/**
 * Pushes values[0] to values[count - 1], up to the first that finds no room or is refused, and sets `count` to the
 * number of pushed values. O(count). Each push is a section of its own: other threads may push in between, and the
 * thread may move to another CPU. Returns ok also if there was not enough room; else as stack_push().
 */
Status stack_push_many(const Region& region, const double* values, uint32_t& count) noexcept;

/** Pops up to `count` values into `values`, last pushed first, and sets `count` to their number. O(count). */
Status stack_pop_many(const Region& region, double* values, uint32_t& count) noexcept;

/** Sets `size` to the number of values in a shard now; `shard` is at most region.shards. O(1). Returns ok or corrupt.
 */
Status stack_size(const Region& region, uint32_t shard, uint32_t& size) noexcept;

/**
 * Stops a CPU's stack for all other threads, until stack_resume(). O(1) and a fence.
 * @return as stop_shard(); out_of_range: there is no such shard. region.shards is the overflow shard.
 */
Status stack_stop(const Region& region, uint32_t shard) noexcept;

/** Resumes a stack that the calling thread stopped. Returns ok or not_owner. */
Status stack_resume(const Region& region, uint32_t shard) noexcept;

/**
 * Pushes as many of values[0] to values[count - 1] as fit onto a stack that the calling thread has stopped, and sets
 * `count` to their number. O(count). Returns ok, bad_value, corrupt, out_of_range or not_owner.
 */
Status stack_push_owned(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept;

/**
 * Pops up to `count` values, last pushed first, from a stack that the calling thread has stopped, and sets `count` to
 * their number. O(count). Returns ok, corrupt, out_of_range or not_owner.
 */
Status stack_pop_owned(const Region& region, uint32_t shard, double* values, uint32_t& count) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_STACK_H
