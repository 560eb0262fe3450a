/**
 * @file
 * Handles: the small integers by which JavaScript names native objects.
 *
 * A process-wide table maps them to entries. Looking one up is a load and a comparison, for any
 * integer whatever: stale and invented handles are refused. Opening and closing take a lock.
 */
#ifndef RSEQ_ADDON_HANDLE_TABLE_H
#define RSEQ_ADDON_HANDLE_TABLE_H

#include <cstdint>
#include <pthread.h>

namespace rseq {
namespace addon {

/**
 * A handle's bits: 4 of a tag that says what it names, 11 of a generation, 16 of the slot. 0 is no handle.
 * The highest bit stays 0: below 2^31, V8 keeps a number without allocating and converts it in one instruction.
 */
constexpr uint32_t kSlotBits = 16;
constexpr uint32_t kTagShift = 27;

inline uint32_t tag_of(uint32_t handle) noexcept {
  return handle >> kTagShift;
}

/**
 * A table of at most `kSlots` entries of a trivial type. Static storage only: zero-initialised, it
 * takes no room in the file, and no memory until it is used.
 */
template <typename Entry, uint32_t kSlots> class HandleTable {
  static_assert((kSlots & (kSlots - 1)) == 0 && kSlots <= 1u << kSlotBits);

public:
  /**
   * The entry behind `handle`, or null. Wait-free, total over all integers. Behind 0, which is no handle, there is an
   * entry of zeroes: what keeps a hot operation from using one need not be asked twice.
   */
  const Entry* find(uint32_t handle) const noexcept {
    const Slot& slot = slots[handle & (kSlots - 1)];
    // 0 marks a free slot, and only the first slot, which is never used, could be asked for it.
    const bool live = __atomic_load_n(&slot.handle, __ATOMIC_ACQUIRE) == handle;
    return __builtin_expect(live, true) ? &slot.entry : nullptr;
  }

  /** The same of an entry that belongs to the calling thread, which may change it. */
  Entry* find_own(uint32_t handle) noexcept { return const_cast<Entry*>(find(handle)); }

  /** Opens a handle with `tag` (1 to 15) on a copy of `entry`; 0 if all are taken. */
  uint32_t acquire(uint32_t tag, const Entry& entry) noexcept {
    const Lock guard;
    uint32_t number;
    if (first_free != 0) {
      number = first_free - 1;
      first_free = slots[number].next_free;
    } else if (begun + 1 < kSlots) {
      number = ++begun;
    } else {
      return 0;
    }
    constexpr uint32_t kGenerationMask = (1u << (kTagShift - kSlotBits)) - 1;
    Slot& slot = slots[number];
    const uint32_t handle = tag << kTagShift | (slot.generation & kGenerationMask) << kSlotBits | number;
    slot.entry = entry;
    __atomic_store_n(&slot.handle, handle, __ATOMIC_RELEASE);
    open++;
    return handle;
  }

  /** Closes a handle. Nobody may be using it: only the thread that opened it knows it. */
  void release(uint32_t handle) noexcept {
    const Lock guard;
    const uint32_t number = handle & (kSlots - 1);
    Slot& slot = slots[number];
    if (handle == 0 || slot.handle != handle)
      return;
    __atomic_store_n(&slot.handle, 0, __ATOMIC_RELEASE);
    slot.generation++;
    slot.next_free = first_free;
    first_free = number + 1;
    open--;
  }

  /** How many handles are open. */
  uint32_t open_count() noexcept {
    const Lock guard;
    return open;
  }

private:
  /** Of one cache line: found by a shift, and read at once. */
  struct alignas(64) Slot {
    uint32_t handle; ///< The handle that owns the slot now, or 0.
    uint32_t generation;
    uint32_t next_free; ///< Slot number + 1, or 0.
    Entry entry;
  };

  class Lock {
  public:
    Lock() noexcept { pthread_mutex_lock(&lock); }
    ~Lock() { pthread_mutex_unlock(&lock); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
  };

  // No constructor anywhere: it would run over all of the table when the addon is loaded.
  static inline pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Slot slots[kSlots];
  uint32_t first_free; ///< Slot number + 1 of the first slot given back, or 0.
  uint32_t begun;      ///< Slots up to this have been used, but for the first.
  uint32_t open;
};

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_HANDLE_TABLE_H
