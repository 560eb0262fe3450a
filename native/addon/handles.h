/**
 * @file
 * The objects that handles name: open regions and arrays, batches of additions, and seats at locks and rings.
 */
#ifndef RSEQ_ADDON_HANDLES_H
#define RSEQ_ADDON_HANDLES_H

#include "../percpu/array.h"
#include "../percpu/counter.h"
#include "../percpu/cpu_lock.h"
#include "../percpu/mutex.h"
#include "../percpu/ring.h"
#include "handle_table.h"

namespace percpu {
namespace addon {

class Environment;

/** A batch's memory, which JavaScript fills between commits: src/counter/batch-entries.ts and src/metrics/batch.ts. */
struct Batch {
  Region region;
  Region second; ///< The second region of the batch; its length is 0 if there is none.
  const BatchEntry* entries;
  const double* wide;
  int32_t* sums; ///< One sum for each of the first `summed` counters.
  uint32_t capacity;
  uint32_t summed;                ///< How many sums there are; 0 if the batch has entries only.
  uint32_t room;                  ///< room_for_sums(summed).
  mutable uint32_t direct_shards; ///< direct_span_shards(), or 0 without sums.
};

/** The notes that an array's operations write, in memory of the seat's environment. */
struct ArrayNotes {
  int32_t shard; ///< The shard of the last operation, or one of the notes in array_operations.h.
  int32_t reserved;
  int64_t aside; ///< The section of a load commits into this word.
};

/** An array, open in one environment. */
struct ArraySeat {
  Region region;
  ArrayNotes* notes;
};

/** Tags of handles. The tag of a region is its Kind. */
constexpr uint32_t kBatchTag = 7;

extern HandleTable<Region> regions;
extern HandleTable<ArraySeat> array_seats;
extern HandleTable<Batch> batches;
extern HandleTable<MutexSeat> mutex_seats;
extern HandleTable<CpuLockSeat> cpu_lock_seats;
extern HandleTable<RingSeat> ring_seats;

/** Makes all tables refuse handle 0. Call it before all other functions of this file. */
void prepare_handles() noexcept;

/**
 * Closes a handle and the object that it names. If its thread holds the lock, the lock goes to the next locker if the
 * thread has ended as an owner, and stays locked otherwise.
 */
void close_handle(uint32_t handle) noexcept;

/** The keeper of an open handle if `environment` has opened it, else null. */
Keeper* find_keeper(uint32_t handle, const Environment* environment) noexcept;

/** The keeper of an open handle if it has this number, else null. */
Keeper* find_keeper(uint32_t handle, uint64_t number) noexcept;

/** How many handles the process has open. */
uint32_t open_handles() noexcept;

/** The open region of kind `kind` behind `handle`, or null. */
inline const Region* find_region(uint32_t handle, Kind kind) noexcept {
  return __builtin_expect(tag_of(handle) == static_cast<uint32_t>(kind), true) ? regions.find(handle) : nullptr;
}

/** The open region behind `handle` if its shards are stacks or lists, else null. */
inline const Region* find_stacks(uint32_t handle) noexcept {
  const auto kind = static_cast<Kind>(tag_of(handle));
  const bool has_stacks = kind == Kind::stack || kind == Kind::list || kind == Kind::pool;
  return has_stacks ? regions.find(handle) : nullptr;
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_HANDLES_H
