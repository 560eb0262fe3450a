/**
 * @file
 * Who owns a word of shared memory, and whether that owner still lives. One identity serves stop words (remote.h),
 * mutexes and CPU locks (lock_words.h), the readers of rings and the central stores of pools. docs/ownership.md has the
 * protocol.
 *
 * An owner is a word of 64 bits; 0 is nobody:
 *
 *     bits 52 to 63   the process: 0 is this one. Words in memory that processes share have a process's slot here
 *     bits 42 to 51   of a native thread: a check of its slot and generation, never 0, by which a thread that cannot
 *                     look into the table tells an owner from a word that nobody has written. In memory that processes
 *                     share, xor the generation of the process's slot (service.h)
 *     bits 32 to 41   of a native thread: the upper 10 bits of its generation
 *     bits 32 to 51   of a portable thread: when its lease ends, in units of 8 ms of CLOCK_MONOTONIC; 0 in a lock
 *     bit  31         0. Set alone, it says of a lock: free, but its last owner ended; and of a stop word: kUnfenced
 *     bit  30         0: a native thread; 1: a thread of the portable backend
 *     bits 16 to 29   of a native thread: the lower 14 bits of its generation
 *     bits 0 to 15    of a native thread: its slot in the table of this process, never 0
 *     bits 28 to 29   of a portable thread: its Family
 *     bits 0 to 27    of a portable thread: Node's number of the thread plus 1, never 0
 *
 * The lower half of an owner is never 0, so that a futex may sleep on it.
 *
 * A native thread's generation has 24 bits and the slots are used in turn: an identity comes back after 10^12 threads.
 * No identity depends on the kernel's thread ids, which are used again, and which each PID namespace counts for itself.
 */
#ifndef RSEQ_PERCPU_OWNER_H
#define RSEQ_PERCPU_OWNER_H

#include <cstdint>

namespace percpu {

constexpr uint64_t kNobody = 0;

constexpr uint32_t kOwnerSlotBits = 16;
constexpr uint32_t kOwnerPortable = 1u << 30;
/** No owner has this bit. */
constexpr uint32_t kOwnerDied = 1u << 31;
constexpr uint32_t kOwnerProcessShift = 52;
constexpr uint32_t kOwnerCheckShift = 42;
constexpr uint32_t kOwnerFamilyShift = 28;
constexpr uint32_t kOwnerLeaseShift = 32;

/** The longest lease of a portable owner, in milliseconds. */
constexpr uint32_t kLeaseMs = 2000;
/** Milliseconds of a unit of leases, as a power of two. */
constexpr uint32_t kLeaseUnitShift = 3;

/** Which table lists a portable thread. src/core/owner.ts has the same numbers. */
enum class Family : uint32_t {
  main = 1,  ///< The table of the main thread, which lists all its threads: a thread that is not in it has ended.
  other = 2, ///< Another table, which not all threads share: a thread that is not in it may live or have ended.
};

enum class Life : uint8_t {
  alive,
  ended,   ///< The owner has ended, or no owner can have written such a word.
  unknown, ///< A portable thread without a lease, about which the calling thread has no information.
};

/**
 * The calling thread as an owner, until the thread ends or end_this_owner(). The first call of a thread takes a slot of
 * the table; later calls are a load, without a system call. kNobody if the table has no free slot, which needs 65,535
 * live threads. In a child of fork(), this is another owner than in the parent.
 */
uint64_t this_owner() noexcept;

/**
 * Ends the calling thread as an owner: other threads may now take over what it owns, and see all that it stored. If the
 * thread owns something later, it is a new owner. The end of a thread calls this.
 */
void end_this_owner() noexcept;

/** Sets the one function that end_this_owner() calls first, with what the calling thread is called until then. */
void before_owner_ends(void (*act)(uint64_t owner) noexcept) noexcept;

/** Whether the owner in a word lives. Accepts all words; 0 has ended. Reads memory and, for a lease, the clock. */
Life owner_life(uint64_t word) noexcept;

/** The check that belongs to the slot and the generation of the native thread that a word names. */
uint32_t owner_check(uint64_t word) noexcept;

/**
 * Lets the calling thread look portable threads up in a table of src/portable/threads.ts, or in none (null). The memory
 * must stay until the thread ends or calls this again.
 * @param words at least kListedHead words.
 * @param count how many words there are.
 */
void use_listed_threads(const int32_t* words, uint32_t count) noexcept;

/** Words of 32 bits of such a table: a head of which word 0 is 1 in the main thread's, and rows. */
constexpr uint32_t kListedHead = 4;
constexpr uint32_t kListedRow = 8;
/** Words of a row: the owner's lower half, its upper half, and Node's number of the thread plus 1, negated at its end.
 */
enum ListedWord : uint32_t { kListedLow = 0, kListedHigh = 1, kListedThread = 2 };

} // namespace percpu

#endif // RSEQ_PERCPU_OWNER_H
