/**
 * @file
 * Which process holds a block of a pool or a node of a list, in memory that processes share.
 *
 * Each unit of such a region's arena has a note of 32 bits: the process that took the unit last. A thread writes the
 * note before the store that takes the unit (the commit of a section, or a store behind a lock), so a unit that is in
 * no free list has the note of the process that took it. A unit that is in a free list may have any note: the lists
 * decide. docs/protocols/pool-reclaim.md shows why that order makes reclaiming exact.
 *
 *     bits 0 to 9     the slot of the process in its service (service.h), 1 to 1023
 *     bits 10 to 23   the lower 14 bits of the slot's generation
 *     bits 24 to 31   a check of the other bits, never 0
 *
 * The note 0 says that no process has taken the unit yet. Any thread can overwrite a note: one that no process can have
 * written names nobody, and its unit is never given back.
 */
#ifndef RSEQ_PERCPU_HOLDER_H
#define RSEQ_PERCPU_HOLDER_H

#include "arena.h"
#include "service.h"
#include "status.h"

namespace percpu {

/** Whether the units of a region have notes. */
inline bool has_notes(const Region& region) noexcept {
  return region.service != 0;
}

/** The note of a unit below region.units, in a region that has notes: the second half of the word of its state. */
inline uint32_t* unit_note(const Region& region, uint32_t unit) noexcept {
  return unit_state(region, unit) + 1;
}

/** Notes who takes a unit. The caller owns the list that the unit is in, and takes the unit by a later store. */
inline void note_holder(const Region& region, uint32_t unit, uint32_t note) noexcept {
  __atomic_store_n(unit_note(region, unit), note, __ATOMIC_RELAXED);
  // A kill finds all stores before the interrupted instruction done, and none after it. So the compiler alone must keep
  // the order.
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/** The note of a unit below region.units; 0 in memory of one process. */
uint32_t unit_holder(const Region& region, uint32_t unit) noexcept;

/**
 * Makes the calling thread's process the holder of a unit that another process hands over.
 * @param unit below region.units.
 * @param holder the note that the unit had when it was handed over: unit_holder(). 0 for a node that no process has
 *     popped yet, so that one process gets each node of a new list.
 * @return ok; not_owner: the unit has another holder by now, so it was given back or adopted by others, and the caller
 *     must not use it; contended: the process has no slot. In memory of one process always ok.
 */
Status unit_adopt(const Region& region, uint32_t unit, uint32_t holder) noexcept;

/**
 * The dead processes that the notes of a region name. A thread makes this list before it looks which units are free:
 * these processes take and give nothing any more. O(units), and two system calls for each process.
 */
class DeadHolders {
public:
  explicit DeadHolders(const Region& region) noexcept;

  bool are_none() const noexcept { return dead == 0; }

  /** Whether a note names one of them. */
  bool have(uint32_t note) const noexcept {
    const uint32_t at = find(note);
    return note != 0 && notes[at] == note && is_dead[at];
  }

private:
  /** More than twice as many as there are slots, so that a search ends soon. */
  static constexpr uint32_t kPlaces = 4096;

  uint32_t find(uint32_t note) const noexcept;

  /** The notes of living and dead processes, each at the first free place from its hash on; 0: a free place. */
  uint32_t notes[kPlaces] = {};
  bool is_dead[kPlaces] = {};
  uint32_t known = 0;
  uint32_t dead = 0;
};

/**
 * Whether an operation that finds nothing free should look for dead holders now: at most every 10 ms in each process
 * and region, and so rarely that looking takes at most a twentieth of the time. A true answer counts as a look.
 */
bool is_look_due(const Region& region) noexcept;

/** Ends a look that is_look_due() allowed. @param again: the look did not happen, so the next one is due at once. */
void end_look(const Region& region, bool again) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_HOLDER_H
