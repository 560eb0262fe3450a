/**
 * @file
 * Memory that processes share: the slots that the processes of a service have, and the mappings of its files.
 *
 * A service is a directory with a file `processes`. The file has kProcessSlots slots, and a process that joins the
 * service takes one of them: it locks the slot's first byte by an open-file-description lock (F_OFD_SETLK), which the
 * kernel drops when the process dies, in every PID namespace and for every cause of death. So a process lives exactly
 * as long as the byte of its slot is locked.
 *
 *     byte 0               the head: 128 bytes, which src/shared/processes-file.ts writes and checks
 *     byte 128 x slot      bytes 0 to 3: the process id, in the process's own PID namespace; bytes 4 to 7: its Way;
 * bytes 8 to 15: the generation, which counts how often the slot was taken; bytes 16 to 23: the time at which it was
 * taken, in nanoseconds since 1970; bytes 32 to 127: the title, padded by zeros
 *
 * The file is read and written by system calls and never mapped, so truncating it cannot end a process.
 *
 * In memory that processes share, a word that names its owner (owner.h) also names the owner's process: bits 52 to 63
 * are the slot of that process, and bits 42 to 51 are the check of owner.h xor the lower 10 bits of the slot's
 * generation. Slots are taken in turn, so the name of an owner repeats only after processes have taken slots a million
 * times.
 *
 * A child of fork() inherits the parent's file description, and with it the lock. A handler of pthread_atfork closes it
 * in the child at once; the child takes a slot of its own when it first needs a name. Until then it has a shared lock
 * on byte 1 of the file, by which others see that a process runs that no fence reaches. If a program calls the system
 * call `clone` directly, that handler does not run: a dead parent then seems to live until the child executes another
 * program or ends.
 *
 * All functions are thread-safe.
 */
#ifndef RSEQ_PERCPU_SERVICE_H
#define RSEQ_PERCPU_SERVICE_H

#include "owner.h"

#include <cstddef>
#include <cstdint>

namespace percpu {

/** How many processes a service can have at a time. Slots are numbered from 1. */
constexpr uint32_t kProcessSlots = 1023;
/** Bytes of a slot, and of the head before slot 1. */
constexpr uint32_t kProcessSlotBytes = 128;
/** Bytes of a title, without a terminating zero. */
constexpr uint32_t kProcessTitleBytes = 96;
/** How many services a process can join. They are numbered from 1; number 0 stands for memory of this process alone. */
constexpr uint32_t kMostServices = 255;

/** How a process works on the memory, for people who look. src/core/service-files.ts has the same numbers. */
enum class Way : uint32_t {
  unknown = 0,
  fast = 1,    ///< By sections, which JavaScript reaches by V8 fast calls.
  napi = 2,    ///< By sections, which JavaScript reaches by Node-API.
  atomics = 3, ///< Without sections: by atomics and locks on overflow shards.
};

/**
 * Joins a service: takes a slot of its `processes` file for this process, which keeps it until it dies. If the process
 * has joined the service already, from any thread, this returns the number that the first call returned.
 * @param file an open descriptor of a file that the caller has checked; the caller closes it.
 * @param path the path of `file`. The slot is taken through it, and a forked child opens the file by it again.
 * @param title a description of the process for people; cut after kProcessTitleBytes.
 * @param way what the process says of itself in its slot. That of the first call counts.
 * @return the service's number, or a negative errno: ESTALE if `path` leads to another file, EAGAIN if all slots are
 *     taken, EMFILE if the process has joined kMostServices already.
 */
int32_t join_service(int file, const char* path, const char* title, Way way = Way::unknown) noexcept;

/**
 * The slot of this process in a service that it has joined. A forked child takes a new slot here. 0 if this process has
 * not joined the service, or if all slots are taken.
 */
uint32_t service_slot(uint32_t service) noexcept;

/** Bytes of a file `fences`: a row for each slot, and one that nobody uses (fence_rows.h). */
constexpr size_t kFenceRowsBytes = size_t{kProcessSlots + 1} * 16;

/**
 * Maps the file `fences` of a service that this process has joined, and starts the thread that fences this process when
 * others ask. Later calls do nothing.
 * @param number of the service in this process.
 * @param file a descriptor of at least kFenceRowsBytes, all allocated, of one file for all processes; the caller closes
 *     it.
 * @return 0, or an errno: ESRCH if this process has no slot.
 */
int serve_fences(uint32_t number, int file) noexcept;

/**
 * Fences a CPU that the calling thread cannot visit, in memory of a service: this process by membarrier, and every
 * other living process by asking it (fence_rows.h). Takes about as long as waking a thread in each of them.
 * @param milliseconds how long to wait for processes that do not answer. For one that has kept somebody waiting so
 * long, and is still silent, the wait takes 2 ms.
 * @return false if a process did not answer, or could not fence, or if serve_fences() was not called here.
 */
bool fence_by_asking(uint32_t number, uint32_t cpu, uint32_t milliseconds) noexcept;

/**
 * A descriptor of the service's `processes` file, which stays open as long as this process has its slot; -1 if it has
 * none. Only for system calls that ask about the file system.
 */
int service_file(uint32_t service) noexcept;

/** Whether a living process has the slot. True if the kernel does not answer. */
bool is_slot_taken(uint32_t service, uint32_t slot) noexcept;

/** The word that names an owner of this process in memory of a service; kNobody if the process has no slot. */
uint64_t name_in_service(uint32_t service, uint64_t owner) noexcept;

/**
 * Whether the owner in a word of a service's memory lives. Accepts every word. For an owner of another process, the
 * answer is whether that process lives.
 */
Life life_in_service(uint32_t service, uint64_t word) noexcept;

/**
 * Notes that a word of a service's memory names the calling thread. If that still holds when the thread ends, the word
 * becomes kOwnerDied: the threads of other processes, which know of processes only, see that its owner has ended.
 * Without memory for the note, they see it when the process ends.
 */
void note_owned(uint64_t* word) noexcept;

/** Drops a note, if there is one: the thread is about to change the word itself. */
void drop_owned(uint64_t* word) noexcept;

namespace detail {
/** How often this process was forked from another one that had joined a service. */
extern uint32_t forks;
/** For each service the note of this process; 0 until it has a slot. */
extern uint32_t process_notes[kMostServices + 1];
uint32_t make_process_note(uint32_t service) noexcept;
} // namespace detail

/** Changes in a forked child: what its parent's threads were called in the memory of a service names them only. A load.
 */
inline uint32_t process_forks() noexcept {
  return __atomic_load_n(&detail::forks, __ATOMIC_RELAXED);
}

/**
 * The note by which units of a service's memory name this process as their holder (holder.h): a load, once the process
 * has a slot. 0 if all slots are taken.
 */
inline uint32_t process_note(uint32_t service) noexcept {
  const uint32_t note = __atomic_load_n(&detail::process_notes[service], __ATOMIC_RELAXED);
  return __builtin_expect(note != 0, true) ? note : detail::make_process_note(service);
}

/**
 * Whether the process that a note names lives. Accepts every number: unknown for one that no process can have written,
 * and if this process has no slot.
 */
Life life_of_note(uint32_t service, uint32_t note) noexcept;

/**
 * Locks a byte of a file for its open file description; no other description can lock the byte until that one is
 * closed. A mapping keeps its description open after the descriptor was closed.
 * @param file a descriptor of the description, which no other caller may use.
 * @param milliseconds how long to wait, at least, while another description has the lock; 0 tries once.
 * @param is_shared whether other descriptions may have such a shared lock at the same time.
 * @return 0, or an errno: EAGAIN if another description still has the lock.
 */
int lock_byte(int file, uint64_t byte, uint32_t milliseconds, bool is_shared = false) noexcept;

/** Whether another open file description has a lock on a byte of a file. True if the kernel does not answer. */
bool is_byte_locked(int file, uint64_t byte) noexcept;

/**
 * Maps the first `size` bytes of a file, which must be at least so long, as memory of a service, and allocates the
 * first page. format_region() and open_region() allocate what they need; where can_allocate_later() (extents.h) is
 * false, the caller must have allocated the file.
 * @param id receives the number of the mapping, for unmap_shared().
 * @return the memory, aligned to a page; null, with errno set, if the kernel or the heap has none; ENOSPC: there is no
 * room for the first page.
 */
void* map_shared(int file, size_t size, uint32_t service, uint64_t& id) noexcept;

/** Removes a mapping that map_shared() made. The second call with an `id` does nothing. Any thread may call it. */
void unmap_shared(uint64_t id) noexcept;

/** The service that memory belongs to; 0 for memory of this process alone. O(mappings). */
uint32_t service_of(const void* memory) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_SERVICE_H
