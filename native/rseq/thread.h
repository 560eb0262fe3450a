/**
 * @file
 * The calling thread's area: adopted from libc where libc registered it, else registered by us.
 */
#ifndef RSEQ_THREAD_H
#define RSEQ_THREAD_H

#include "abi.h"
#include "sections.h"

namespace rseq {

/** Who registered the calling thread's area. */
enum class Owner : uint32_t {
  none, ///< Nobody: the thread has no sections. Its updates go to overflow shards.
  libc, ///< glibc 2.35 or later.
  self, ///< attach().
};

/** What the calling thread has, and why not if it has nothing. */
struct Registration {
  Owner owner;
  uint32_t usable_size; ///< Bytes of the area that the kernel fills; 0 where owner is none.
  int error;            ///< errno of the refused registration, or 0.
};

/**
 * Makes sure that the calling thread has a registered area. Idempotent; one system call at most.
 * Pair it with detach() on the same thread if it may have registered: the kernel writes into the
 * area until then. Threads that never call it still work, through overflow shards.
 */
Registration attach() noexcept;

/**
 * Ends the calling thread's own registration, if attach() made one, and frees its area. Every
 * attach() that returned Owner::self needs one; the last one of a thread unregisters.
 */
void detach() noexcept;

/** What attach() found for the calling thread; `none` if it has not been called. */
Registration registration() noexcept;

namespace detail {
/** Whether libc's area is to be used, and where it lies from the thread pointer. Set once, before any thread reads it.
 */
extern bool adopted_from_libc __attribute__((visibility("hidden")));
extern ptrdiff_t libc_offset __attribute__((visibility("hidden")));
/** The calling thread's area where libc has none: our own, or one that says "unregistered". */
Area* own_area() noexcept;
} // namespace detail

/** The thread pointer: what `__rseq_offset` is relative to. */
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

/** Whether every thread's area is libc's. */
inline bool has_libc_areas() noexcept {
  return detail::adopted_from_libc;
}

/** The calling thread's place, for who knows that has_libc_areas(): no branch at all. */
inline Here libc_here() noexcept {
  Area* area = reinterpret_cast<Area*>(thread_pointer() + detail::libc_offset);
  return {area, __atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED), Index::cpu_id};
}

/**
 * The calling thread's area: a few instructions, no call where libc owns it. Never null: a thread
 * without registration gets an area whose cpu_id is negative, which no bounds check lets pass.
 */
inline Area* current_area() noexcept {
  if (__builtin_expect(detail::adopted_from_libc, true))
    return reinterpret_cast<Area*>(thread_pointer() + detail::libc_offset);
  return detail::own_area();
}

/** True if the calling thread's sections are protected by the kernel. */
inline bool is_registered(const Area* area) noexcept {
  return static_cast<int32_t>(__atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED)) >= 0;
}

/**
 * The calling thread's place now. `index` is UINT32_MAX (or UINT32_MAX - 1) on a thread without
 * registration, so that one unsigned comparison with the number of shards keeps it out.
 * With Index::mm_cid the usable size must cover that field.
 */
inline Here here(Index source) noexcept {
  Area* area = current_area();
  const uint32_t cpu_id = __atomic_load_n(&area->cpu_id, __ATOMIC_RELAXED);
  if (__builtin_expect(source == Index::cpu_id, true) || static_cast<int32_t>(cpu_id) < 0)
    return {area, cpu_id, source};
  // An unregistered thread's mm_cid reads as 0, a valid index: hence the look at cpu_id first.
  return {area, __atomic_load_n(&area->mm_cid, __ATOMIC_RELAXED), source};
}

} // namespace rseq

#endif // RSEQ_THREAD_H
