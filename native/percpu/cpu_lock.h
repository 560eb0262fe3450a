/**
 * @file
 * A lock for each CPU, in a region of its own: whoever has this CPU's may use this CPU's data for as
 * long as it likes, by ordinary code, and give it back from wherever it is by then.
 *
 * A shard's lock is only ever taken by a section on its CPU, so taking it is no atomic instruction. Threads that
 * cannot run the section take the overflow shard's lock, by compare-and-swap: one more place for data.
 */
#ifndef RSEQ_PERCPU_CPU_LOCK_H
#define RSEQ_PERCPU_CPU_LOCK_H

#include "../rseq/thread.h"
#include "lock_words.h"
#include "region.h"

namespace rseq {

/** One thread's way to the locks: memory of the process's own. Only the thread that opened it uses it. */
struct CpuLockSeat {
  unsigned char* first_shard;
  Held* held; ///< For each shard, the overflow shard last, whether the thread has its lock by this seat.
  uint32_t stride;
  uint32_t shards;
  uint32_t section_shards; ///< See Region.
  uint32_t self;           ///< lock_self().
  Held taken;              ///< What an element of `held` becomes.
  bool by_atomics;         ///< Whether all shards are taken by compare-and-swap: Writers::atomics.
};

/**
 * A seat at the locks in `region`, which is of Kind::cpu_lock and lives longer. Allocates.
 * @return RegionError::geometry if a shard is too short for a lock, or the region not by CPU.
 */
RegionError cpu_lock_open(const Region& region, CpuLockSeat& seat) noexcept;

/** Gives back what is held by this seat; the next owners learn that this one ended. Frees what opening allocated. */
void cpu_lock_close(CpuLockSeat& seat) noexcept;

inline LockWords& cpu_lock_words(const CpuLockSeat& seat, uint32_t shard) noexcept {
  return *reinterpret_cast<LockWords*>(seat.first_shard + static_cast<size_t>(shard) * seat.stride);
}

namespace detail {
/** The rest of cpu_lock_try(): more attempts, owners that died, then the overflow shard. */
Status cpu_lock_try_slow(CpuLockSeat& seat, uint32_t& shard) noexcept;

/** One section on this CPU's shard. */
inline Outcome cpu_lock_take_here(const CpuLockSeat& seat, const Here& place, uint32_t seen) noexcept {
  int64_t* state = reinterpret_cast<int64_t*>(&cpu_lock_words(seat, place.index));
  return load_cbne_store(place, state, static_cast<int64_t>(seen), static_cast<int64_t>(seat.self));
}
} // namespace detail

/**
 * Takes the lock of the CPU that the thread is on, if it is free; acquires what the last owner released.
 * O(1): at most 9 sections and one compare-and-swap.
 * @param shard the CPU, or `seat.shards` for the overflow shard; also where it is busy.
 * @return ok; owner_died: taken, but its last owner ended with it; busy; held_already: by this thread.
 */
inline Status cpu_lock_try(CpuLockSeat& seat, uint32_t& shard) noexcept {
  const Here place = here(Index::cpu_id);
  if (__builtin_expect(place.index < seat.section_shards, true) &&
      __builtin_expect(detail::cpu_lock_take_here(seat, place, kLockFree) == Outcome::done, true)) {
    // The last owner may have moved, and released from another CPU.
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    seat.held[place.index] = seat.taken;
    shard = place.index;
    return Status::ok;
  }
  return detail::cpu_lock_try_slow(seat, shard);
}

/**
 * Waits for the lock of the CPU where the thread is, whichever that is by then; at most `milliseconds` and
 * kLockSliceMs, as mutex_wait().
 */
Status cpu_lock_wait(CpuLockSeat& seat, uint32_t milliseconds, uint32_t& shard) noexcept;

/**
 * Gives a shard's lock back, from any CPU.
 * @return as lock_release(); out_of_range: there is no such shard; not_owner: not held by this seat.
 */
inline Status cpu_lock_unlock(CpuLockSeat& seat, uint32_t shard) noexcept {
  if (__builtin_expect(shard > seat.shards, false))
    return Status::out_of_range;
  const Held held = seat.held[shard];
  if (__builtin_expect(held == Held::no, false))
    return Status::not_owner;
  seat.held[shard] = Held::no;
  return lock_release(cpu_lock_words(seat, shard), held);
}

} // namespace rseq

#endif // RSEQ_PERCPU_CPU_LOCK_H
