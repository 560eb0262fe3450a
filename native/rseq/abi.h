/**
 * @file
 * The kernel's contract: `struct rseq`, `struct rseq_cs`, signatures, system call numbers and offsets.
 *
 * Included by C++ and by the assembler, so that the hand-written sections and the C++ around them
 * take every offset from one place. Source: the kernel's `include/uapi/linux/rseq.h`.
 */
#ifndef RSEQ_ABI_H
#define RSEQ_ABI_H

#if defined(__linux__) && defined(__x86_64__)
#define RSEQ_SIGNATURE 0x53053053
#define RSEQ_SYSCALL 334
#elif defined(__linux__) && defined(__aarch64__) && defined(__AARCH64EL__)
#define RSEQ_SIGNATURE 0xd428bc00
#define RSEQ_SYSCALL 293
#elif defined(__linux__) && defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define RSEQ_SIGNATURE 0x0fe5000b
#define RSEQ_SYSCALL 387
#else
#error "rseq: sections exist for Linux on x86-64, arm64 (LE) and ppc64le; elsewhere use the portable backend"
#endif

/* Byte offsets in the thread's area. */
#define RSEQ_AREA_CPU_ID_START 0
#define RSEQ_AREA_CPU_ID 4
#define RSEQ_AREA_RSEQ_CS 8
#define RSEQ_AREA_NODE_ID 20
#define RSEQ_AREA_MM_CID 24

/* The outcomes of a section: enum Outcome. */
#define RSEQ_DONE 0
#define RSEQ_COMPARE_FAILED 1
#define RSEQ_ABORTED 2
#define RSEQ_MOVED 3
#define RSEQ_INCONSISTENT 4

#ifndef __ASSEMBLER__
#include <cstddef>
#include <cstdint>

namespace percpu {

/**
 * The part of `struct rseq` that this library knows. Each thread registers one with the kernel, once. Only the kernel
 * writes the fields, except `rseq_cs`: newer kernels may kill a process that writes another one.
 */
struct alignas(32) Area {
  uint32_t cpu_id_start; ///< The current CPU, or 0 before registration: always a valid index.
  uint32_t cpu_id;       ///< The current CPU; -1 before registration, -2 after a failed one.
  uint64_t rseq_cs;      ///< Address of the running section's descriptor. The kernel clears it at the next preemption.
  uint32_t flags;        ///< 0, or bits by which newer kernels tell what they offer: kSliceAvailable, kSliceEnabled.
  uint32_t node_id;      ///< NUMA node of the current CPU, if the usable size covers it (Linux 6.3).
  uint32_t mm_cid;       ///< Concurrency id, if the usable size covers it (Linux 6.3).
  uint32_t slice_ctrl;   ///< Time-slice extension (Linux 7.0). Not used here.
};

static_assert(sizeof(Area) == 32 && alignof(Area) == 32);
static_assert(offsetof(Area, cpu_id_start) == RSEQ_AREA_CPU_ID_START);
static_assert(offsetof(Area, cpu_id) == RSEQ_AREA_CPU_ID);
static_assert(offsetof(Area, rseq_cs) == RSEQ_AREA_RSEQ_CS);
static_assert(offsetof(Area, node_id) == RSEQ_AREA_NODE_ID);
static_assert(offsetof(Area, mm_cid) == RSEQ_AREA_MM_CID);

/**
 * The original length of an area, in bytes. Every kernel accepts a registration of this length. From Linux 7.1 on, it
 * selects the legacy mode: see Mode in registered_area.h.
 */
constexpr uint32_t kAreaLength = 32;

/** Bits of `flags`. The kernel writes them, and in its mode V2 alone; a thread must not. */
constexpr uint32_t kSliceAvailable = 1 << 4; ///< The kernel has extensions of the time slice (Linux 7.0).
constexpr uint32_t kSliceEnabled = 1 << 5;   ///< The thread has switched them on.

/** The usable size in bytes if the kernel does not tell it (before Linux 6.3): it ends behind `flags`. */
constexpr uint32_t kOriginalFeatureSize = 20;

/** `struct rseq_cs`: the addresses where a section starts, where it has committed, and of its abort handler. */
struct alignas(32) Descriptor {
  uint32_t version;
  uint32_t flags;
  uint64_t start_ip;
  uint64_t post_commit_offset;
  uint64_t abort_ip;
};

static_assert(sizeof(Descriptor) == 32 && alignof(Descriptor) == 32);

/**
 * How a section ended. Only stress builds (RSEQ_COMPARE_TWICE) can return `inconsistent`; it proves a fault of the
 * kernel or of the section.
 */
enum class Outcome : int32_t {
  done = RSEQ_DONE,                     ///< Committed, once.
  compare_failed = RSEQ_COMPARE_FAILED, ///< A comparison in the section did not hold; nothing was committed.
  aborted = RSEQ_ABORTED,               ///< The kernel restarted the section; nothing was committed.
  moved = RSEQ_MOVED,               ///< The thread was not, or no longer, at the given index; nothing was committed.
  inconsistent = RSEQ_INCONSISTENT, ///< A compared value changed inside the section; nothing was committed.
};

} // namespace percpu

#endif // __ASSEMBLER__
#endif // RSEQ_ABI_H
