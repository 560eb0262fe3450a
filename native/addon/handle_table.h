/**
 * @file
 * Handles: the small integers by which JavaScript names native objects.
 *
 * A process-wide table maps handles to entries. A lookup is a load and a comparison; it accepts any integer, and
 * refuses stale and invented handles. Opening and closing take a lock.
 */
#ifndef RSEQ_ADDON_HANDLE_TABLE_H
#define RSEQ_ADDON_HANDLE_TABLE_H

#include <cstdint>
#include <pthread.h>

namespace percpu {
namespace addon {

struct Keeper;

/**
 * A handle's bits: 4 for a tag, which is the type of the named object, 11 for a generation, 16 for the slot. 0 is no
 * handle. The highest bit stays 0: below 2^31, V8 keeps a number without allocating and converts it in one instruction.
 */
constexpr uint32_t kSlotBits = 16;
constexpr uint32_t kTagShift = 27;

inline uint32_t tag_of(uint32_t handle) noexcept {
  return handle >> kTagShift;
}

/**
 * A table of at most `kSlots` - 1 entries of a trivial type. For static storage only: zeroed memory is an empty table,
 * which takes no room in the file and no memory before it is used. A table of the largest size costs only addresses.
 */
template <typename Entry, uint32_t kSlots = 1u << kSlotBits> class HandleTable {
  static_assert((kSlots & (kSlots - 1)) == 0 && kSlots <= 1u << kSlotBits);

public:
  /** The entry behind `handle`, or null. Wait-free, total over all integers. */
  const Entry* find(uint32_t handle) const noexcept {
    const Slot& slot = slots[handle & (kSlots - 1)];
    // 0 marks a free slot. Handle 0 leads to the first slot, which refuse_zero() has marked with another number.
    const bool live = __atomic_load_n(&slot.handle, __ATOMIC_ACQUIRE) == handle;
    return __builtin_expect(live, true) ? &slot.entry : nullptr;
  }

  /** find() for an entry that only the calling thread uses: the thread may change it. */
  Entry* find_own(uint32_t handle) noexcept { return const_cast<Entry*>(find(handle)); }

  /** Marks the first slot, which is never used, so that find(0) is null. Call it before the first find(). */
  void refuse_zero() noexcept { __atomic_store_n(&slots[0].handle, kNoHandle, __ATOMIC_RELEASE); }

  /** Opens a handle with `tag` (1 to 15) on a copy of `entry`. Returns 0 if the table is full. Thread-safe; takes a
   * lock. */
  uint32_t acquire(uint32_t tag, const Entry& entry, Keeper* keeper) noexcept {
    const Lock guard;
    uint32_t number;
    if (freed > kLeastFreed || (freed != 0 && begun + 1 == kSlots)) {
      number = first_freed;
      first_freed = slots[number].next_freed;
      freed--;
    } else if (begun + 1 < kSlots) {
      number = ++begun;
    } else {
      return 0;
    }
    constexpr uint32_t kGenerationMask = (1u << (kTagShift - kSlotBits)) - 1;
    Slot& slot = slots[number];
    const uint32_t handle = tag << kTagShift | (slot.generation & kGenerationMask) << kSlotBits | number;
    slot.keeper = keeper;
    slot.entry = entry;
    __atomic_store_n(&slot.handle, handle, __ATOMIC_RELEASE);
    open++;
    return handle;
  }

  /** Closes a handle. No thread may use it meanwhile: only the thread that opened it knows it. Takes a lock. */
  void release(uint32_t handle) noexcept {
    const Lock guard;
    const uint32_t number = handle & (kSlots - 1);
    Slot& slot = slots[number];
    if (slot.handle != handle)
      return;
    __atomic_store_n(&slot.handle, 0, __ATOMIC_RELEASE);
    slot.generation++;
    if (freed == 0)
      first_freed = number;
    else
      slots[last_freed].next_freed = number;
    last_freed = number;
    freed++;
    open--;
  }

  /**
   * The keeper of a handle if `is_own(keeper)`, else null. Another thread may close its handle and delete its keeper at
   * any time, except while `is_own` runs.
   */
  template <typename IsOwn> Keeper* find_keeper(uint32_t handle, IsOwn is_own) noexcept {
    const Lock guard;
    const Slot& slot = slots[handle & (kSlots - 1)];
    return slot.handle == handle && is_own(slot.keeper) ? slot.keeper : nullptr;
  }

  /** How many handles are open. */
  uint32_t open_count() noexcept {
    const Lock guard;
    return open;
  }

private:
  /** The first slot's mark. A lookup of a handle with this number reads the second slot, so it never matches the mark.
   */
  static constexpr uint32_t kNoHandle = 1;

  /**
   * A freed slot is reused only if at least so many slots are free, the longest freed first. A stale handle becomes
   * valid again after its slot was reused 2^11 times, which takes more than a million handles.
   *
   * That is enough, though a program may open more: no object keeps a stale handle for so long. Programs never see a
   * handle: an object drops its handle when it closes it, and after a handle was closed because its keeper was
   * collected or its environment ended, no object can use it. The generation only has to detect mistakes of this
   * package, and invented numbers, which may hit an open handle with any number of bits. More bits would take the
   * handle above 2^31, where V8 no longer has it as a small integer.
   */
  static constexpr uint32_t kLeastFreed = 512;

  /** A slot fills whole cache lines. If it fills one, a shift finds it, and a lookup reads one line. */
  struct alignas(64) Slot {
    uint32_t handle; ///< The handle that owns the slot now, or 0.
    uint32_t generation;
    union {
      Keeper* keeper;      ///< The keeper of an open handle.
      uint32_t next_freed; ///< For a free slot: the slot that was freed after it.
    };
    Entry entry;
  };

  class Lock {
  public:
    Lock() noexcept { pthread_mutex_lock(&lock); }
    ~Lock() { pthread_mutex_unlock(&lock); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
  };

  // No member has a constructor: it would write all of the table when the addon is loaded.
  static inline pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Slot slots[kSlots];
  uint32_t first_freed; ///< The slot that was freed the longest ago, if any is free.
  uint32_t last_freed;  ///< The slot that was freed last, if any is free.
  uint32_t freed;       ///< How many slots were used before and are free.
  uint32_t begun;       ///< Slots 1 to `begun` have been used.
  uint32_t open;
};

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_HANDLE_TABLE_H
