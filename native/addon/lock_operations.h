/**
 * @file
 * The hot operations on mutexes and the locks of CPUs.
 */
#ifndef RSEQ_ADDON_LOCK_OPERATIONS_H
#define RSEQ_ADDON_LOCK_OPERATIONS_H

#include "answer.h"
#include "handles.h"

namespace percpu {
namespace addon {

/** Locks a mutex if it is free. Returns a Status. */
inline uint32_t mutex_try_lock(uint32_t handle) noexcept {
  MutexSeat* seat = mutex_seats.find_own(handle);
  return answer(__builtin_expect(seat != nullptr, true) ? percpu::mutex_try_lock(*seat) : Status::bad_handle);
}

/** Unlocks a mutex. Returns a Status. */
inline uint32_t mutex_unlock(uint32_t handle) noexcept {
  MutexSeat* seat = mutex_seats.find_own(handle);
  return answer(__builtin_expect(seat != nullptr, true) ? percpu::mutex_unlock(*seat) : Status::bad_handle);
}

/** Locks this CPU's lock if it is free. Returns the shard, plus kLastOwnerDied if its last owner died; or -Status. */
inline int32_t cpu_lock_try(uint32_t handle) noexcept {
  CpuLockSeat* seat = cpu_lock_seats.find_own(handle);
  uint32_t shard = 0;
  const Status status =
      __builtin_expect(seat != nullptr, true) ? percpu::cpu_lock_try(*seat, shard) : Status::bad_handle;
  return answer(status, shard);
}

/** Unlocks a CPU's lock. Returns a Status. */
inline uint32_t cpu_lock_unlock(uint32_t handle, uint32_t shard) noexcept {
  CpuLockSeat* seat = cpu_lock_seats.find_own(handle);
  return answer(__builtin_expect(seat != nullptr, true) ? percpu::cpu_lock_unlock(*seat, shard) : Status::bad_handle);
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_LOCK_OPERATIONS_H
