/**
 * @file
 * The kernel's contract: `struct rseq`, `struct rseq_cs`, and the numbers that go with them.
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

/* What a section returns. */
#define RSEQ_DONE 0
#define RSEQ_COMPARE_FAILED 1
#define RSEQ_ABORTED 2
#define RSEQ_MOVED 3
#define RSEQ_INCONSISTENT 4

#ifndef __ASSEMBLER__
#include <cstddef>
#include <cstdint>

namespace rseq {

/**
 * The part of `struct rseq` that this library knows. One per thread, registered with the kernel
 * once. All fields but `rseq_cs` are the kernel's: newer kernels may kill a process that writes them.
 */
struct alignas(32) Area {
  uint32_t cpu_id_start; ///< The current CPU, or 0 before registration: always a valid index.
  uint32_t cpu_id;       ///< The current CPU; -1 before registration, -2 after a failed one.
  uint64_t rseq_cs;      ///< Address of the running section's descriptor. Cleared lazily.
  uint32_t flags;        ///< Must be 0.
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

/** The length that every kernel accepts, and that keeps newer ones in their legacy mode. */
constexpr uint32_t kAreaLength = 32;

/** The usable size when the kernel does not tell (before Linux 6.3): up to and with `flags`. */
constexpr uint32_t kOriginalFeatureSize = 20;

/** `struct rseq_cs`: where a section starts, where it has committed, where it goes on abort. */
struct alignas(32) Descriptor {
  uint32_t version;
  uint32_t flags;
  uint64_t start_ip;
  uint64_t post_commit_offset;
  uint64_t abort_ip;
};

static_assert(sizeof(Descriptor) == 32 && alignof(Descriptor) == 32);

/**
 * How a section ended. The first three are the customary ones; the fourth tells "not even begun", and
 * the fifth exists in stress builds only (RSEQ_COMPARE_TWICE), where it must never be seen.
 */
enum class Outcome : int32_t {
  done = RSEQ_DONE,                     ///< Committed, once.
  compare_failed = RSEQ_COMPARE_FAILED, ///< A comparison in the section did not hold; nothing was committed.
  aborted = RSEQ_ABORTED,               ///< The kernel restarted the section; nothing was committed.
  moved = RSEQ_MOVED,                   ///< The thread was not (any more) at the given index; nothing was committed.
  inconsistent = RSEQ_INCONSISTENT,     ///< What had been compared changed inside the section; nothing was committed.
};

} // namespace rseq

#endif // __ASSEMBLER__
#endif // RSEQ_ABI_H
