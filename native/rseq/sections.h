/**
 * @file
 * The critical sections, by their customary names.
 *
 * A name is pseudo-code: each word is a load, a compare-and-branch (`cbne`: leave when not equal,
 * `cbeq`: leave when equal, `cbge`: leave when not below, unsigned), an add, a copy or a store, and the
 * last store commits. The code is in
 * `arch/`, one copy of each section per index field, so that a profile, a crash, a linter and a
 * debugger all see the same few functions.
 *
 * All of them:
 *  - update the data of the CPU (or concurrency id) `here.index`, without an atomic instruction;
 *  - return Outcome::done after exactly one commit, and otherwise have committed nothing
 *    (load_add_store_each and _span, rows of sections, return how far they came);
 *  - are atomic against preemption, migration and signals on that CPU only. A word written by
 *    sections may be read from anywhere, but must not be written from another CPU, nor by an atomic
 *    read-modify-write: mixing the two loses updates;
 *  - need every address they are given to be valid and naturally aligned, in every repetition;
 *  - do not retry: the caller bounds that (see native/percpu/counter.h);
 *  - have relaxed order, but for those that take an Order.
 */
#ifndef RSEQ_SECTIONS_H
#define RSEQ_SECTIONS_H

#include "abi.h"

#include <cstddef>
#include <cstdint>

namespace rseq {

/** Which field of the area numbers the shards. */
enum class Index : uint32_t {
  cpu_id, ///< The CPU: 0 to possible CPUs - 1. Means the same in every process.
  mm_cid, ///< The concurrency id: compact, 0 to min(threads, allowed CPUs) - 1. One process only.
};

/** Memory order of a committing store. */
enum class Order : uint32_t {
  relaxed,
  release, ///< What the section stored before is visible to whoever acquires the committed value.
};

/** Where the calling thread believes it is. A section checks it, and answers Outcome::moved if not. */
struct Here {
  Area* area;     ///< The calling thread's own, registered area.
  uint32_t index; ///< The value of the field that `source` names.
  Index source;
};

/** One of many additions, for load_add_store_each(): to the word number `element`. */
struct Addition {
  uint32_t element;
  int32_t delta;
};
static_assert(sizeof(Addition) == 8 && offsetof(Addition, delta) == 4, "arch/ reads it");

/** What the words of load_add_store_span_avx() are aligned to. */
constexpr size_t kSpanAlignment = 16;

/** An outcome, and the value that the section loaded: a NaN of no meaning unless that is Outcome::done. */
struct Taken {
  Outcome outcome;
  double value;
};
static_assert(sizeof(Taken) == 16 && offsetof(Taken, value) == 8, "returned in two registers");

/** The same with the bits of a whole word: what it was before. Of no meaning unless the outcome is Outcome::done. */
struct TakenWord {
  Outcome outcome;
  int64_t word;
};
static_assert(sizeof(TakenWord) == 16 && offsetof(TakenWord, word) == 8, "returned in two registers");

namespace asm_sections {

using LoadCbneStore = Outcome(Area*, uint32_t, int64_t* v, int64_t expect, int64_t newv) noexcept;
using LoadCbeqStoreAddLoadStore = Outcome(Area*, uint32_t, intptr_t* v, intptr_t expectnot, intptr_t voffp,
                                          intptr_t* load) noexcept;
using LoadAddStore = Outcome(Area*, uint32_t, int64_t* v, int64_t count) noexcept;
using LoadAddStoreEach = const Addition*(Area*, uint32_t, int64_t* words, uint32_t length, const Addition* next,
                                         const Addition* end) noexcept;
using LoadAddStoreSpan = uint32_t(Area*, uint32_t, int64_t* words, int32_t* sums, uint32_t next, uint32_t end) noexcept;
using LoadAddStoreF64 = Outcome(Area*, uint32_t, double* v, double count) noexcept;
using LoadAddLoadLoadAddStore = Outcome(Area*, uint32_t, intptr_t* ptr, intptr_t off, int64_t inc) noexcept;
using LoadCbneStoreStore = Outcome(Area*, uint32_t, int64_t* v, int64_t expect, int64_t* v2, int64_t newv2,
                                   int64_t newv) noexcept;
using LoadCbneLoadCbneStore = Outcome(Area*, uint32_t, int64_t* v, int64_t expect, int64_t* v2, int64_t expect2,
                                      int64_t newv) noexcept;
using LoadCbneLoadCbgeStoreAddStore = Outcome(Area*, uint32_t, int64_t* v, uint64_t limit, double newv) noexcept;
using LoadCbneLoadAddCbgeLoadStore = Taken(Area*, uint32_t, int64_t* v, uint64_t limit) noexcept;
/** The same section, called for its value alone: a function may then end in it. */
using LoadCbneLoadAddCbgeLoadStoreValue = double(Area*, uint32_t, int64_t* v, uint64_t limit) noexcept;
using LoadCbneLoadAddStore = TakenWord(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t count) noexcept;
using LoadCbneLoadAddStoreF64 = TakenWord(Area*, uint32_t, double* v, int64_t* stop, double count) noexcept;
using LoadCbneLoadStore = TakenWord(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t* into, int64_t newv) noexcept;
using LoadCbneLoadCbneStoreTaken = TakenWord(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t expect,
                                             int64_t newv) noexcept;
/** The same sections, called for the word alone, as a number. */
using LoadCbneLoadAddStoreNumber = double(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t count) noexcept;
using LoadCbneLoadStoreNumber = double(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t* into,
                                       int64_t newv) noexcept;
using LoadCbneLoadCbneStoreTakenNumber = double(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t expect,
                                                int64_t newv) noexcept;
using LoadCbneLoadStoreStore = Outcome(Area*, uint32_t, int64_t* v, int64_t* link, int64_t newv) noexcept;
/** A number below the limit, or an Outcome below 0. */
using LoadCbneLoadAddCbgeLoadStoreLink = int32_t(Area*, uint32_t, int64_t* v, const int64_t* links,
                                                 uint64_t limit) noexcept;
using LoadCbneMemcpyStore = Outcome(Area*, uint32_t, int64_t* v, int64_t expect, void* dst, const void* src, size_t len,
                                    int64_t newv) noexcept;
using LoadSpinStore = Outcome(Area*, uint32_t, uint32_t* v, uint32_t until, uint64_t spins, uint32_t* seen) noexcept;
using LoadStoreSpinAddStore = Outcome(Area*, uint32_t, int64_t* v, int64_t count, uint32_t* entered,
                                      uint64_t spins) noexcept;

extern "C" {
LoadCbneStore rseq_load_cbne_store_cpu_id, rseq_load_cbne_store_mm_cid;
LoadCbeqStoreAddLoadStore rseq_load_cbeq_store_add_load_store_cpu_id, rseq_load_cbeq_store_add_load_store_mm_cid;
LoadAddStore rseq_load_add_store_cpu_id, rseq_load_add_store_mm_cid;
LoadAddStoreEach rseq_load_add_store_each_cpu_id, rseq_load_add_store_each_mm_cid;
LoadAddStoreSpan rseq_load_add_store_span_cpu_id, rseq_load_add_store_span_mm_cid;
#if defined(__x86_64__)
LoadAddStoreSpan rseq_load_add_store_span_avx_cpu_id, rseq_load_add_store_span_avx_mm_cid;
#endif
LoadAddStoreF64 rseq_load_add_store_f64_cpu_id, rseq_load_add_store_f64_mm_cid;
LoadAddLoadLoadAddStore rseq_load_add_load_load_add_store_cpu_id, rseq_load_add_load_load_add_store_mm_cid;
LoadCbneStoreStore rseq_load_cbne_store_store_relaxed_cpu_id, rseq_load_cbne_store_store_relaxed_mm_cid;
LoadCbneStoreStore rseq_load_cbne_store_store_release_cpu_id, rseq_load_cbne_store_store_release_mm_cid;
LoadCbneLoadCbneStore rseq_load_cbne_load_cbne_store_cpu_id, rseq_load_cbne_load_cbne_store_mm_cid;
LoadCbneLoadCbgeStoreAddStore rseq_load_cbne_load_cbge_store_add_store_cpu_id,
    rseq_load_cbne_load_cbge_store_add_store_mm_cid;
LoadCbneLoadAddCbgeLoadStore rseq_load_cbne_load_add_cbge_load_store_cpu_id,
    rseq_load_cbne_load_add_cbge_load_store_mm_cid;
LoadCbneLoadAddCbgeLoadStoreValue
    rseq_load_cbne_load_add_cbge_load_store_value_cpu_id __asm__("rseq_load_cbne_load_add_cbge_load_store_cpu_id");
LoadCbneLoadAddCbgeLoadStoreValue
    rseq_load_cbne_load_add_cbge_load_store_value_mm_cid __asm__("rseq_load_cbne_load_add_cbge_load_store_mm_cid");
LoadCbneLoadAddStore rseq_load_cbne_load_add_store_cpu_id, rseq_load_cbne_load_add_store_mm_cid;
LoadCbneLoadAddStore rseq_load_cbne_load_add_store_i32_cpu_id, rseq_load_cbne_load_add_store_i32_mm_cid;
LoadCbneLoadAddStoreF64 rseq_load_cbne_load_add_store_f64_cpu_id, rseq_load_cbne_load_add_store_f64_mm_cid;
LoadCbneLoadStore rseq_load_cbne_load_store_cpu_id, rseq_load_cbne_load_store_mm_cid;
LoadCbneLoadCbneStoreTaken rseq_load_cbne_load_cbne_store_taken_cpu_id, rseq_load_cbne_load_cbne_store_taken_mm_cid;
LoadCbneLoadAddStoreNumber rseq_load_cbne_load_add_store_number_cpu_id __asm__("rseq_load_cbne_load_add_store_cpu_id");
LoadCbneLoadAddStoreNumber
    rseq_load_cbne_load_add_store_i32_number_cpu_id __asm__("rseq_load_cbne_load_add_store_i32_cpu_id");
LoadCbneLoadStoreNumber rseq_load_cbne_load_store_number_cpu_id __asm__("rseq_load_cbne_load_store_cpu_id");
LoadCbneLoadCbneStoreTakenNumber
    rseq_load_cbne_load_cbne_store_taken_number_cpu_id __asm__("rseq_load_cbne_load_cbne_store_taken_cpu_id");
LoadCbneLoadStoreStore rseq_load_cbne_load_store_store_cpu_id, rseq_load_cbne_load_store_store_mm_cid;
LoadCbneLoadAddCbgeLoadStoreLink rseq_load_cbne_load_add_cbge_load_store_link_cpu_id,
    rseq_load_cbne_load_add_cbge_load_store_link_mm_cid;
LoadCbneMemcpyStore rseq_load_cbne_memcpy_store_relaxed_cpu_id, rseq_load_cbne_memcpy_store_relaxed_mm_cid;
LoadCbneMemcpyStore rseq_load_cbne_memcpy_store_release_cpu_id, rseq_load_cbne_memcpy_store_release_mm_cid;
LoadSpinStore rseq_load_spin_store_cpu_id, rseq_load_spin_store_mm_cid;
LoadStoreSpinAddStore rseq_load_store_spin_add_store_cpu_id, rseq_load_store_spin_add_store_mm_cid;
}

/** Runs the copy of a section that checks the field `here.source`. Folds away where that is constant. */
template <typename Section, typename... Operands>
inline auto run(Section* by_cpu_id, Section* by_mm_cid, const Here& here, Operands... operands) noexcept {
  return __builtin_expect(here.source == Index::cpu_id, true) ? by_cpu_id(here.area, here.index, operands...)
                                                              : by_mm_cid(here.area, here.index, operands...);
}

} // namespace asm_sections

/** `if (*v != expect) compare_failed; *v = newv`: a lock of this CPU, a push on a list. */
inline Outcome load_cbne_store(const Here& here, int64_t* v, int64_t expect, int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_store_cpu_id, rseq_load_cbne_store_mm_cid, here, v, expect, newv);
}

/** `if (*v == expectnot) compare_failed; *load = *v; *v = *(*v + voffp)`: a pop from a list of pointers. */
inline Outcome load_cbeq_store_add_load_store(const Here& here, intptr_t* v, intptr_t expectnot, intptr_t voffp,
                                              intptr_t* load) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbeq_store_add_load_store_cpu_id, rseq_load_cbeq_store_add_load_store_mm_cid, here, v, expectnot,
             voffp, load);
}

/** `*v += count`, wrapping: a counter. */
inline Outcome load_add_store(const Here& here, int64_t* v, int64_t count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_store_cpu_id, rseq_load_add_store_mm_cid, here, v, count);
}

/**
 * `words[next->element] += next->delta`, a section of its own for each addition from `next`, of which
 * there is at least one, up to `end`. Returns the first that is not made: `end` if all are; one whose
 * element is not below `length`; or one that was aborted, or found the thread elsewhere, and may be
 * tried again from a new place.
 */
inline const Addition* load_add_store_each(const Here& here, int64_t* words, uint32_t length, const Addition* next,
                                           const Addition* end) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_store_each_cpu_id, rseq_load_add_store_each_mm_cid, here, words, length, next, end);
}

/**
 * `words[k] += sums[k]; sums[k] = 0` where that is not 0, for each k from `next` up to `end`, of which there is at
 * least one; a section of its own for each word. `sums` is the calling thread's own. Returns the first k that is not
 * added: `end` if all are; one that was aborted, or found the thread elsewhere, and may be tried again from a new
 * place.
 */
inline uint32_t load_add_store_span(const Here& here, int64_t* words, int32_t* sums, uint32_t next,
                                    uint32_t end) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_store_span_cpu_id, rseq_load_add_store_span_mm_cid, here, words, sums, next, end);
}

#if defined(__x86_64__)
/**
 * The same for two words at a time, for CPUs with AVX. `words` is aligned to kSpanAlignment, `end` a multiple of 16,
 * and `next` one, too, or what this has returned. See add_span() in spans.h.
 */
inline uint32_t load_add_store_span_avx(const Here& here, int64_t* words, int32_t* sums, uint32_t next,
                                        uint32_t end) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_store_span_avx_cpu_id, rseq_load_add_store_span_avx_mm_cid, here, words, sums, next, end);
}
#endif

/** `*v += count` on doubles, rounded as the CPU is set to. */
inline Outcome load_add_store_f64(const Here& here, double* v, double count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_store_f64_cpu_id, rseq_load_add_store_f64_mm_cid, here, v, count);
}

/** `p = *(*ptr + off); *p += inc`: a counter behind a per-CPU table. */
inline Outcome load_add_load_load_add_store(const Here& here, intptr_t* ptr, intptr_t off, int64_t inc) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_load_load_add_store_cpu_id, rseq_load_add_load_load_add_store_mm_cid, here, ptr, off, inc);
}

/** `if (*v != expect) compare_failed; *v2 = newv2; *v = newv`: a push on a buffer of words. */
inline Outcome load_cbne_store_store(const Here& here, Order order, int64_t* v, int64_t expect, int64_t* v2,
                                     int64_t newv2, int64_t newv) noexcept {
  using namespace asm_sections;
  return order == Order::relaxed ? run(rseq_load_cbne_store_store_relaxed_cpu_id,
                                       rseq_load_cbne_store_store_relaxed_mm_cid, here, v, expect, v2, newv2, newv)
                                 : run(rseq_load_cbne_store_store_release_cpu_id,
                                       rseq_load_cbne_store_store_release_mm_cid, here, v, expect, v2, newv2, newv);
}

/**
 * `if (*v != expect || *v2 != expect2) compare_failed; *v = newv`: a double check, a stop flag.
 * `*v` is loaded before `*v2`. So whoever sets a stop flag in `*v2` to change `*v` from another CPU fences twice:
 * before the change, and between it and clearing the flag.
 */
inline Outcome load_cbne_load_cbne_store(const Here& here, int64_t* v, int64_t expect, int64_t* v2, int64_t expect2,
                                         int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_cbne_store_cpu_id, rseq_load_cbne_load_cbne_store_mm_cid, here, v, expect, v2, expect2,
             newv);
}

/**
 * `if (v[1] != 0) compare_failed; n = v[0]; if (n >= limit) compare_failed; v[2 + n] = newv; v[0] = n + 1`:
 * a push on an array of doubles behind a count and a stop word. All that is loaded is checked inside the section, so
 * the words may be anybody's: it never stores outside of v[0] to v[limit + 1].
 * The stop word is loaded first. See docs/memory-ordering.md for the fences of who sets it.
 */
inline Outcome load_cbne_load_cbge_store_add_store(const Here& here, int64_t* v, uint64_t limit, double newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_cbge_store_add_store_cpu_id, rseq_load_cbne_load_cbge_store_add_store_mm_cid, here, v,
             limit, newv);
}

/**
 * `if (v[1] != 0) compare_failed; n = v[0] - 1; if (n >= limit) compare_failed; value = v[2 + n]; v[0] = n`: the pop
 * to the push above, as careful. A count of 0 fails the comparison, as n is unsigned.
 */
inline Taken load_cbne_load_add_cbge_load_store(const Here& here, int64_t* v, uint64_t limit) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_cbge_load_store_cpu_id, rseq_load_cbne_load_add_cbge_load_store_mm_cid, here, v,
             limit);
}

/** The same, for the value alone: a NaN where the outcome is not Outcome::done, or the word was a NaN. */
inline double load_cbne_load_add_cbge_load_store_value(const Here& here, int64_t* v, uint64_t limit) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_cbge_load_store_value_cpu_id, rseq_load_cbne_load_add_cbge_load_store_value_mm_cid,
             here, v, limit);
}

/**
 * `if (*stop != 0) compare_failed; t = *v; *v = t + count`, wrapping, for `t`: an addition to a word of an array that
 * another CPU may stop. The commit has release order, as in all sections on such words. The stop word is loaded first.
 */
inline TakenWord load_cbne_load_add_store(const Here& here, int64_t* v, int64_t* stop, int64_t count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_store_cpu_id, rseq_load_cbne_load_add_store_mm_cid, here, v, stop, count);
}

/** The same where the sum is cut to 32 bits, and its sign extended to the word's. */
inline TakenWord load_cbne_load_add_store_i32(const Here& here, int64_t* v, int64_t* stop, int64_t count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_store_i32_cpu_id, rseq_load_cbne_load_add_store_i32_mm_cid, here, v, stop, count);
}

/** The same on doubles, rounded as the CPU is set to; for the bits of what was there. */
inline TakenWord load_cbne_load_add_store_f64(const Here& here, double* v, int64_t* stop, double count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_store_f64_cpu_id, rseq_load_cbne_load_add_store_f64_mm_cid, here, v, stop, count);
}

/**
 * `if (*stop != 0) compare_failed; t = *v; *into = newv`, for `t`. With `v` as `into` an exchange; with memory of the
 * caller's own a load, which has been made on this CPU and at no other time than the section ran.
 */
inline TakenWord load_cbne_load_store(const Here& here, int64_t* v, int64_t* stop, int64_t* into,
                                      int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_store_cpu_id, rseq_load_cbne_load_store_mm_cid, here, v, stop, into, newv);
}

/**
 * `if (*stop != 0) compare_failed; t = *v; if (t == expect) *v = newv`, for `t`: compare and exchange. That `t` is
 * another value is an answer like any other, and Outcome::done.
 */
inline TakenWord load_cbne_load_cbne_store_taken(const Here& here, int64_t* v, int64_t* stop, int64_t expect,
                                                 int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_cbne_store_taken_cpu_id, rseq_load_cbne_load_cbne_store_taken_mm_cid, here, v, stop,
             expect, newv);
}

/**
 * `if (v[1] != 0) compare_failed; *link = v[0]; v[0] = newv`: a push on a list of numbered nodes behind a stop word.
 * `link` is the node's own, newv its number and 1; 0 is the end of a list. The stop word is loaded first.
 */
inline Outcome load_cbne_load_store_store(const Here& here, int64_t* v, int64_t* link, int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_store_store_cpu_id, rseq_load_cbne_load_store_store_mm_cid, here, v, link, newv);
}

/**
 * `if (v[1] != 0) compare_failed; n = v[0] - 1; if (n >= limit) compare_failed; v[0] = links[n]`: the pop to the push
 * above. Nothing outside of links[0] to links[limit - 1] is loaded, whatever the words are. Returns n, or the Outcome
 * negated; so the limit is at most 2^31.
 */
inline int32_t load_cbne_load_add_cbge_load_store_link(const Here& here, int64_t* v, const int64_t* links,
                                                       uint64_t limit) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_cbge_load_store_link_cpu_id, rseq_load_cbne_load_add_cbge_load_store_link_mm_cid,
             here, v, links, limit);
}

/**
 * `if (*v != expect) compare_failed; memcpy(dst, src, len); *v = newv`: a record into a buffer.
 * O(len), and the longer the copy the likelier an abort: keep it well under a time slice.
 */
inline Outcome load_cbne_memcpy_store(const Here& here, Order order, int64_t* v, int64_t expect, void* dst,
                                      const void* src, size_t len, int64_t newv) noexcept {
  using namespace asm_sections;
  return order == Order::relaxed
             ? run(rseq_load_cbne_memcpy_store_relaxed_cpu_id, rseq_load_cbne_memcpy_store_relaxed_mm_cid, here, v,
                   expect, dst, src, len, newv)
             : run(rseq_load_cbne_memcpy_store_release_cpu_id, rseq_load_cbne_memcpy_store_release_mm_cid, here, v,
                   expect, dst, src, len, newv);
}

/**
 * `do t = *v; while (t != until && spins-- != 0); *seen = t`: waits for what a thread on another CPU is
 * to store in `*v`, of 32 bits as a futex is. Relaxed: it tells what to try, and orders nothing.
 * Outcome::aborted says that the caller itself was off its CPU, or took a signal, and had better sleep.
 * `*v` may be written by anyone; `*seen` is the caller's own.
 */
inline Outcome load_spin_store(const Here& here, uint32_t* v, uint32_t until, uint64_t spins, uint32_t* seen) noexcept {
  using namespace asm_sections;
  return run(rseq_load_spin_store_cpu_id, rseq_load_spin_store_mm_cid, here, v, until, spins, seen);
}

/**
 * load_add_store with a mark and a delay between the load and the store: `t = *v; *entered = 1;`
 * count `spins` down; `*v = t + count`. For self-tests, which must interrupt a section on purpose.
 */
inline Outcome load_store_spin_add_store(const Here& here, int64_t* v, int64_t count, uint32_t* entered,
                                         uint64_t spins) noexcept {
  using namespace asm_sections;
  return run(rseq_load_store_spin_add_store_cpu_id, rseq_load_store_spin_add_store_mm_cid, here, v, count, entered,
             spins);
}

} // namespace rseq

#endif // RSEQ_SECTIONS_H
