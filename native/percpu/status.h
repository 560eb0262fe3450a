/**
 * @file
 * What an operation on a region answers.
 */
#ifndef RSEQ_PERCPU_STATUS_H
#define RSEQ_PERCPU_STATUS_H

#include <cstdint>

namespace rseq {

/**
 * The numbers are part of the binding: src/layout.ts has them, too. Those below 16 are left to a section's
 * Outcome, which operations of one attempt hand on as it is.
 */
enum class Status : uint32_t {
  ok = 0,
  bad_handle = 16,   ///< No open region of that kind has this handle.
  out_of_range = 17, ///< The element's index is not below the region's length.
  bad_value = 18,    ///< The value does not fit the element type.
  contended = 19,    ///< A word changed under every attempt, or an owner kept its shard: both are bounded.
  full = 20,         ///< No room for the value; nothing was done.
  empty = 21,        ///< There is nothing to take.
  corrupt = 22,      ///< The region's bytes are not what any operation leaves: something has overwritten them.
  unfenceable = 23,  ///< There is no way to end the sections of that CPU.

  busy = 32,         ///< Someone else has the lock.
  owner_died = 33,   ///< The lock is taken; the one who had it before ended without giving it back.
  not_owner = 34,    ///< The caller does not have the lock, or does not own the shard.
  held_already = 35, ///< The calling thread has the lock, or owns the shard, itself.
  call = 36,         ///< Done, and the caller has to wake those who wait in JavaScript.
};

} // namespace rseq

#endif // RSEQ_PERCPU_STATUS_H
