/**
 * @file
 * The results of operations on regions.
 */
#ifndef RSEQ_PERCPU_STATUS_H
#define RSEQ_PERCPU_STATUS_H

#include <cstdint>

namespace percpu {

/**
 * The numbers are part of the binding: src/core/layout.ts has the same ones. Numbers below 16 are Outcomes of sections,
 * which operations of one attempt return unchanged.
 */
enum class Status : uint32_t {
  ok = 0,
  bad_handle = 16,   ///< No open region of that kind has this handle.
  out_of_range = 17, ///< The element's index is not below the region's length.
  bad_value = 18,    ///< The value does not fit the element type.
  contended = 19,    ///< A word changed in every attempt, or another owner kept its shard for longer than the wait.
  full = 20,         ///< No room for the value; nothing was done.
  empty = 21,        ///< There is no value, node or block.
  corrupt = 22,      ///< The region has bytes that no operation writes: a program has overwritten them.
  unfenceable = 23,  ///< The sections of that CPU cannot be fenced.
  wrong_policy = 24, ///< A ring with this policy has another function for reading.
  listed = 25,       ///< The node is on a list already, as a checked list knows; nothing was done.

  busy = 32,         ///< Another thread holds the lock or owns the shard.
  owner_died = 33,   ///< The caller has the lock now; its last owner ended while it held the lock.
  not_owner = 34,    ///< The caller does not have the lock, or does not own the shard.
  held_already = 35, ///< The calling thread has the lock, or owns the shard, itself.
  call = 36,         ///< Done; the caller must wake a task that waits in JavaScript.
  no_room = 37,      ///< Memory of that shard is not allocated (extents.h), and there is no room for it.
};

} // namespace percpu

#endif // RSEQ_PERCPU_STATUS_H
