/**
 * @file
 * What handles name: open regions and arrays, batches of additions to one, and seats at locks and rings.
 */
#ifndef RSEQ_ADDON_HANDLES_H
#define RSEQ_ADDON_HANDLES_H

#include "../percpu/array.h"
#include "../percpu/counter.h"
#include "../percpu/cpu_lock.h"
#include "../percpu/mutex.h"
#include "../percpu/ring.h"
#include "handle_table.h"

namespace rseq {
namespace addon {

/** A batch's memory, which JavaScript fills between commits: src/batch-entries.ts and src/metrics/batch.ts. */
struct Batch {
  Region region;
  Region second; ///< Of length 0 if there is none.
  const BatchEntry* entries;
  const double* wide;
  int32_t* sums; ///< Of the first counters.
  uint32_t capacity;
  uint32_t summed;        ///< How many sums there are: 0 if entries are all.
  uint32_t room;          ///< room_for_sums() of that.
  uint32_t direct_shards; ///< direct_span_shards(), or 0 without sums.
};

/** Where an array's operations note what came of them: memory of the seat's environment. */
struct ArrayNotes {
  int32_t shard; ///< Where the last one was made, or one of the notes in array_operations.h.
  int32_t reserved;
  int64_t aside; ///< Where the section of a load ends.
};

/** An array, open in one environment. */
struct ArraySeat {
  Region region;
  ArrayNotes* notes;
};

/** Tags of handles: a region's is its Kind. */
constexpr uint32_t kBatchTag = 7;

extern HandleTable<Region, 1u << 16> regions;
extern HandleTable<ArraySeat, 1u << 14> array_seats;
extern HandleTable<Batch, 1u << 12> batches;
extern HandleTable<MutexSeat, 1u << 14> mutex_seats;
extern HandleTable<CpuLockSeat, 1u << 12> cpu_lock_seats;
extern HandleTable<RingSeat, 1u << 14> ring_seats;

/** The open region of that kind behind `handle`, or null. */
inline const Region* find_region(uint32_t handle, Kind kind) noexcept {
  return __builtin_expect(tag_of(handle) == static_cast<uint32_t>(kind), true) ? regions.find(handle) : nullptr;
}

/** The same of a kind whose shards are stacks or lists. */
inline const Region* find_stacks(uint32_t handle) noexcept {
  const auto kind = static_cast<Kind>(tag_of(handle));
  const bool has_stacks = kind == Kind::stack || kind == Kind::list || kind == Kind::pool;
  return has_stacks ? regions.find(handle) : nullptr;
}

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_HANDLES_H
