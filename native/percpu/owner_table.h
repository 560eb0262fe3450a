/**
 * @file
 * The table of the native owners of this process (owner.h): one for all copies of this library that are loaded.
 *
 * A process may hold several copies: a package that is installed twice, or a shared library and an addon that each
 * contain this code. Names of owners are only unique within a table, and threads of different copies may share memory.
 * So all copies use the table of the copy that was loaded first. Each copy describes its own table in an ELF note, and
 * looks for the first object with such a note when it is loaded. All copies see one order of loading, and a copy is
 * never unloaded (attach() in ../rseq/thread.h), so all copies find one table, without a race.
 *
 * A copy whose notes were stripped takes part as long as another one was loaded before it. Objects in another linker
 * namespace (dlmopen()) are not found.
 */
#ifndef RSEQ_PERCPU_OWNER_TABLE_H
#define RSEQ_PERCPU_OWNER_TABLE_H

#include "owner.h"

/** The version of the layout below and of the meaning of its words. Copies with another version use another table. */
#define RSEQ_OWNER_TABLE_VERSION 1

namespace percpu {
namespace owners {

constexpr uint32_t kSlots = 1u << kOwnerSlotBits;

/** All zero at first. Slot 0 is never taken. All words are accessed by atomics, except `older`. */
struct Table {
  /**
   * For each slot, how often it was taken plus how often it was given back: odd while a thread has it. The generation
   * of an owner is how often its slot had been taken by then.
   */
  uint64_t states[kSlots];
  /** For each slot, the pthread_self() of the thread that has it; 0 while none does. */
  uint64_t threads[kSlots];
  /** For each slot, the slot that its thread had before a fork, or 0. Only that thread accesses it. */
  uint16_t older[kSlots];
  /** How many slots were tried for new owners, since the process began. */
  uint32_t looked_at;
};

/** The table that all copies use. Found when this copy is loaded, or earlier if a constructor asks; then a load. */
Table& table() noexcept;

} // namespace owners
} // namespace percpu

#endif // RSEQ_PERCPU_OWNER_TABLE_H
