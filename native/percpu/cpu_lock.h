/**
 * @file
 * A lock for each CPU, in a region of its own. The thread that holds a CPU's lock may use that CPU's data by ordinary
 * code for any time, and may unlock it on another CPU.
 *
 * Only a section on its CPU locks a shard, so locking needs no atomic instruction. Threads that cannot run the section
 * lock the overflow shard by compare-and-swap; it needs its own data.
 */
#ifndef RSEQ_PERCPU_CPU_LOCK_H
#define RSEQ_PERCPU_CPU_LOCK_H

#include "../rseq/thread.h"
#include "lock_words.h"
#include "region.h"

namespace percpu {

/** One thread's state for the locks, in private memory. Only the thread that opened the seat may use it. */
struct CpuLockSeat {
  unsigned char* first_shard;
  Held* held; ///< For each shard, the overflow shard last, whether the thread has its lock by this seat.
  LockSelf self;
  uint32_t stride;
  uint32_t shards;
  uint32_t section_shards; ///< See Region.
  bool by_atomics;         ///< Whether all shards are taken by compare-and-swap: Writers::atomics.
};

/**
 * Opens a seat at the locks in `region`, which is of Kind::cpu_lock and must outlive the seat. Allocates memory.
 * @return RegionError::geometry if a shard is too short for a lock, or the region not by CPU; owners if no more threads
 *     can own something;
 *     no_memory.
 */
RegionError cpu_lock_open(const Region& region, CpuLockSeat& seat) noexcept;

/** Releases the locks that this seat holds; their next owners get owner_died. Frees the seat's memory. */
void cpu_lock_close(CpuLockSeat& seat) noexcept;

/** Frees the seat's memory, and releases no lock: the locks that it holds stay locked until the thread ends. */
void cpu_lock_forget(CpuLockSeat& seat) noexcept;

inline LockWords& cpu_lock_words(const CpuLockSeat& seat, uint32_t shard) noexcept {
  return *reinterpret_cast<LockWords*>(seat.first_shard + static_cast<size_t>(shard) * seat.stride);
}

namespace detail {
/** Takes a seat of the parent's over in a forked child. False if no more threads can own something. */
bool cpu_lock_after_fork(CpuLockSeat& seat) noexcept;
/** The rest of cpu_lock_try(): more attempts, owners that died, then the overflow shard. */
Status cpu_lock_try_slow(CpuLockSeat& seat, uint32_t& shard) noexcept;

/** One section on this CPU's shard. */
inline Outcome cpu_lock_take_here(const CpuLockSeat& seat, const Here& place, uint64_t seen) noexcept {
  int64_t* state = reinterpret_cast<int64_t*>(&cpu_lock_words(seat, place.index).state);
  return load_cbne_store(place, state, static_cast<int64_t>(seen), static_cast<int64_t>(seat.self.name));
}
} // namespace detail

/**
 * Locks the lock of the CPU that the thread runs on, if it is free. Acquire order: it sees what the last owner stored.
 * O(1): at most 9 sections and one compare-and-swap.
 * @param shard the CPU, or `seat.shards` for the overflow shard; also where it is busy.
 * @return ok; owner_died: locked, but its last owner ended while it held the lock; busy; held_already: by this thread.
 */
inline Status cpu_lock_try(CpuLockSeat& seat, uint32_t& shard) noexcept {
  if (is_of_parent(seat.self) && !detail::cpu_lock_after_fork(seat)) {
    shard = seat.shards;
    return Status::busy;
  }
  const Here place = here(Index::cpu_id);
  if (__builtin_expect(place.index < seat.section_shards, true) &&
      __builtin_expect(detail::cpu_lock_take_here(seat, place, kLockFree) == Outcome::done, true)) {
    // The last owner may have moved, and released from another CPU.
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    seat.held[place.index] = seat.self.taken;
    shard = place.index;
    return Status::ok;
  }
  return detail::cpu_lock_try_slow(seat, shard);
}

/**
 * Waits for the lock of the CPU that the thread runs on when the lock becomes free. Waits at most `milliseconds`, and
 * at most kLockSliceMs, as mutex_wait().
 */
Status cpu_lock_wait(CpuLockSeat& seat, uint32_t milliseconds, uint32_t& shard) noexcept;

/**
 * Unlocks a shard's lock, from any CPU.
 * @return as lock_release(); out_of_range: there is no such shard; not_owner: not held by this seat.
 */
inline Status cpu_lock_unlock(CpuLockSeat& seat, uint32_t shard) noexcept {
  if (__builtin_expect(shard > seat.shards, false))
    return Status::out_of_range;
  if (is_of_parent(seat.self))
    detail::cpu_lock_after_fork(seat);
  const Held held = seat.held[shard];
  if (__builtin_expect(held == Held::no, false))
    return Status::not_owner;
  seat.held[shard] = Held::no;
  return lock_release(cpu_lock_words(seat, shard), seat.self, held);
}

} // namespace percpu

#endif // RSEQ_PERCPU_CPU_LOCK_H
