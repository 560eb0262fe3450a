/**
 * @file
 * The calling thread's area: that of libc if libc registered one, else an area that this library registers, else that
 * of another library.
 */
#ifndef RSEQ_THREAD_H
#define RSEQ_THREAD_H

#include "abi.h"
#include "sections.h"

namespace percpu {

/** Who registered the calling thread's area. */
enum class Owner : uint32_t {
  none,    ///< No registration: the thread runs no sections. Its updates go to overflow shards.
  libc,    ///< glibc 2.35 or later.
  self,    ///< This library, in attach().
  library, ///< Another library, which registered the thread before attach() and publishes its area as `__rseq_abi`.
};

/** The registration of the calling thread, or the reason why it has none. */
struct Registration {
  Owner owner;
  uint32_t usable_size; ///< Bytes of the area that the kernel fills; 0 where owner is none.
  int error;            ///< errno of the refused registration, or 0.
  uint32_t length;      ///< The length in bytes that the area was registered with; 0 where owner is none.
};

/** Whether this kernel aborts sections, if that is in doubt: see needs_self_test() in verify.h. */
enum class SelfTest : uint32_t {
  not_needed, ///< This kernel is known to abort sections.
  pending,    ///< attach() has not been called yet; until then no thread runs sections.
  passed,     ///< verify() has passed, once for this process.
  failed,     ///< verify() has failed: no thread runs sections, and attach() returns Owner::none with ENOTSUP.
};

/** The state of this process's self-test. Thread-safe; acquire order. */
SelfTest self_test() noexcept;

/**
 * Registers an area for the calling thread, unless it has one: an area of the size that the kernel wants, or of the
 * original size if the kernel refuses that. Idempotent; at most two system calls. Where another library has registered
 * the thread, its area is adopted if it publishes it and the kernel confirms it (see published_area.h); some system
 * calls more.
 *
 * If it returns Owner::self, the thread must call detach() before it ends: the kernel writes into the area until then.
 * After Owner::library, it must call detach() before it unloads that library or lets it free the area; if the library
 * only unregisters the area, the thread's updates go to overflow shards from then on. Threads that never call attach()
 * still work, through overflow shards.
 *
 * On a kernel that may not abort sections (SelfTest::pending), the first call of a process runs the self-test before
 * anything else, which takes about a quarter of a second, while other callers wait. Call it before you open a region,
 * and not in a constructor of a shared library, as the test makes threads.
 *
 * A shared library that holds this code is never unloaded: when it is loaded, it asks the dynamic linker to keep it
 * (glibc; musl unloads nothing). The kernel reads a section's descriptor long after the section has ended, when it next
 * preempts the thread, and ends the process if the descriptor is gone.
 */
Registration attach() noexcept;

/**
 * Undoes one attach() that returned Owner::self or Owner::library. The last detach() of a thread unregisters its own
 * area and frees it, or forgets the adopted one. Does nothing on a thread whose area libc registered.
 */
void detach() noexcept;

/**
 * Whether some thread of this process may have run sections, or may run some without a further call: false as long as
 * the kernel has refused all its threads. A full fence lies between the first `true` and the first section.
 */
bool may_run_sections() noexcept;

/** The calling thread's registration. Where libc registers no threads, `none` before the thread's first attach(). */
Registration registration() noexcept;

namespace detail {
/**
 * Whether threads use libc's area, and its offset in bytes from the thread pointer. Both are set before any thread
 * reads them, with one exception: on a kernel that needs a self-test, `adopted_from_libc` becomes true when the test
 * has passed. A thread that still reads false uses an overflow shard once more.
 */
extern bool adopted_from_libc __attribute__((visibility("hidden")));
extern ptrdiff_t libc_offset __attribute__((visibility("hidden")));
/** The calling thread's area if libc has none: the one that attach() registered or adopted, or one whose cpu_id is -1.
 */
Area* own_area() noexcept;
/** current_area() and attach() for the self-test: they act as if the test had passed. */
Area* untested_area() noexcept;
Registration attach_untested() noexcept;
} // namespace detail

/** The thread pointer, to which `__rseq_offset` is relative. */
inline char* thread_pointer() noexcept {
  char* pointer;
#if defined(__x86_64__)
  __asm__("movq %%fs:0, %0" : "=r"(pointer));
#elif defined(__aarch64__)
  __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#elif defined(__powerpc64__)
  __asm__("mr %0, 13" : "=r"(pointer));
#endif
  return pointer;
}

/** Whether all threads use libc's areas. */
inline bool has_libc_areas() noexcept {
  return detail::adopted_from_libc;
}

/** The calling thread's place, without a branch. Only valid if has_libc_areas(). */
inline Here libc_here() noexcept {
  Area* area = reinterpret_cast<Area*>(thread_pointer() + detail::libc_offset);
  return {area, __atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED), Index::cpu_id};
}

/**
 * The calling thread's area. Takes a few instructions, without a call if libc owns the area. Never null: a thread
 * without registration gets an area whose cpu_id is negative, which fails every bounds check.
 */
inline Area* current_area() noexcept {
  if (__builtin_expect(detail::adopted_from_libc, true))
    return reinterpret_cast<Area*>(thread_pointer() + detail::libc_offset);
  return detail::own_area();
}

/** Whether `area`, which is the calling thread's, is registered: the kernel aborts the thread's sections. */
inline bool is_registered(const Area* area) noexcept {
  return static_cast<int32_t>(__atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED)) >= 0;
}

/**
 * The calling thread's place now. On a thread without registration, `index` is UINT32_MAX or UINT32_MAX - 1, so one
 * unsigned comparison with the number of shards rejects it.
 * @param source the field to read. For Index::mm_cid, Registration::usable_size must cover that field.
 */
inline Here here(Index source) noexcept {
  Area* area = current_area();
  const uint32_t cpu_id = __atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED);
  if (__builtin_expect(source == Index::cpu_id, true) || static_cast<int32_t>(cpu_id) < 0)
    return {area, cpu_id, source};
  // The mm_cid of an unregistered thread is 0, a valid index. Only cpu_id shows that the thread is not registered.
  return {area, __atomic_load_n(&area->mm_cid, __ATOMIC_RELAXED), source};
}

} // namespace percpu

#endif // RSEQ_THREAD_H
