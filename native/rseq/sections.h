/**
 * @file
 * The critical sections, by the names that librseq and the kernel's selftests use.
 *
 * A name is pseudo-code: each word is a load, a compare-and-branch (`cbne`: leave when not equal,
 * `cbeq`: leave when equal, `cbge`: leave when not below, unsigned), an add, a copy or a store, and the
 * last store commits. The code is in `arch/`: one function for each section and index field, which profilers, debuggers
 * and the linter find by its name.
 *
 * All of them:
 *  - update the data of the CPU (or concurrency id) `here.index`, without an atomic instruction;
 *  - return Outcome::done after exactly one commit, and otherwise have committed nothing
 *    (load_add_store_each and _span, which run many sections, return the first that is not committed);
 *  - are atomic against preemption, migration and signals on that CPU only. A word written by
 *    sections may be read from anywhere, but must not be written from another CPU, nor by an atomic
 *    read-modify-write: mixing the two loses updates;
 *  - need valid, naturally aligned addresses, also when the caller repeats them;
 *  - do not retry: the caller bounds that (see native/percpu/counter.h);
 *  - commit with relaxed order, except those that take an Order or say otherwise.
 */
#ifndef RSEQ_SECTIONS_H
#define RSEQ_SECTIONS_H

#include "abi.h"

#include <cstddef>
#include <cstdint>

namespace percpu {

/** Which field of the area numbers the shards. */
enum class Index : uint32_t {
  cpu_id, ///< The CPU: 0 to possible CPUs - 1, equal in every process.
  mm_cid, ///< The concurrency id: compact, 0 to min(threads, allowed CPUs) - 1. One process only.
};

/** Memory order of a committing store. */
enum class Order : uint32_t {
  relaxed,
  release, ///< A thread that loads the committed value with acquire order sees the section's earlier stores.
};

/** Where the calling thread believes it runs. A section compares `index`, and returns Outcome::moved if it differs. */
struct Here {
  Area* area;     ///< The calling thread's own, registered area.
  uint32_t index; ///< The value of the field that `source` names.
  Index source;
};

/** One addition of load_add_store_each(): adds `delta` to the word number `element`. */
struct Addition {
  uint32_t element;
  int32_t delta;
};
static_assert(sizeof(Addition) == 8 && offsetof(Addition, delta) == 4, "arch/ reads it");

/** The alignment, in bytes, of the words of load_add_store_span_avx(). */
constexpr size_t kSpanAlignment = 16;

/** An outcome, and the value that the section loaded, or a NaN if the outcome is not Outcome::done. */
struct Taken {
  Outcome outcome;
  double value;
};
static_assert(sizeof(Taken) == 16 && offsetof(Taken, value) == 8, "returned in two registers");

/** An outcome, and the bits of the word before the section. `word` is undefined unless the outcome is Outcome::done. */
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
/** The type of the section above for callers that read only its value: they may call it as their last instruction. */
using LoadCbneLoadAddCbgeLoadStoreValue = double(Area*, uint32_t, int64_t* v, uint64_t limit) noexcept;
using LoadCbneLoadAddStore = TakenWord(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t count) noexcept;
using LoadCbneLoadAddStoreF64 = TakenWord(Area*, uint32_t, double* v, int64_t* stop, double count) noexcept;
/** The type of the section above for callers that read only its outcome: they may call it as their last instruction. */
using LoadCbneLoadAddStoreF64Outcome = Outcome(Area*, uint32_t, double* v, int64_t* stop, double count) noexcept;
using LoadCbneLoadStore = TakenWord(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t* into, int64_t newv) noexcept;
using LoadCbneLoadCbneStoreTaken = TakenWord(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t expect,
                                             int64_t newv) noexcept;
/** The types of the three sections above for callers that read only the old word, as a double. */
using LoadCbneLoadAddStoreNumber = double(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t count) noexcept;
using LoadCbneLoadStoreNumber = double(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t* into,
                                       int64_t newv) noexcept;
using LoadCbneLoadCbneStoreTakenNumber = double(Area*, uint32_t, int64_t* v, int64_t* stop, int64_t expect,
                                                int64_t newv) noexcept;
using LoadCbneLoadStoreStore = Outcome(Area*, uint32_t, int64_t* v, int64_t* link, int64_t newv) noexcept;
/** Returns a number below the limit, or a negated Outcome. */
using LoadCbneLoadAddCbgeLoadStoreLink = int32_t(Area*, uint32_t, int64_t* v, const int64_t* links,
                                                 uint64_t limit) noexcept;
using LoadCbneLoadCbneLoadCbneStoreAddStore = Outcome(Area*, uint32_t, int64_t* v, int64_t expect, const int64_t* top,
                                                      int64_t value, uint32_t* note, uint32_t newnote) noexcept;
using LoadCbneLoadCbneStoreLoadStore = Outcome(Area*, uint32_t, int64_t* v, int64_t expect, const int64_t* link,
                                               uint32_t* note, uint32_t newnote) noexcept;
using LoadCbneMemcpyStore = Outcome(Area*, uint32_t, int64_t* v, int64_t expect, void* dst, const void* src, size_t len,
                                    int64_t newv) noexcept;
using MemcpyStampStore = Outcome(Area*, uint32_t, int64_t* v, const void* src, uint64_t meta, uint64_t mask) noexcept;
using LoadSpinStore = Outcome(Area*, uint32_t, uint32_t* v, uint32_t until, uint64_t spins, uint32_t* seen) noexcept;
using LoadStoreSpinAddStore = Outcome(Area*, uint32_t, int64_t* v, int64_t count, uint32_t* entered,
                                      uint64_t spins) noexcept;

extern "C" {
#define SECTION(body, type) DECLARE_SECTION(body, type, INDEX)
#define ORDERED_SECTION(body, type)                                                                                    \
  DECLARE_SECTION(body##_relaxed, type, INDEX) DECLARE_SECTION(body##_release, type, INDEX)
#define DECLARE_SECTION(name, type, index) DECLARE_SECTION_OF(name, type, index)
#define DECLARE_SECTION_OF(name, type, index) type rseq_##name##_##index;
#define INDEX cpu_id
#include "section_table.inc"
#define INDEX mm_cid
#include "section_table.inc"
#undef DECLARE_SECTION_OF
#undef DECLARE_SECTION
#undef ORDERED_SECTION
#undef SECTION

// Second names for sections of which a caller reads only one result.
LoadCbneLoadAddCbgeLoadStoreValue
    rseq_load_cbne_load_add_cbge_load_store_value_cpu_id __asm__("rseq_load_cbne_load_add_cbge_load_store_cpu_id");
LoadCbneLoadAddCbgeLoadStoreValue
    rseq_load_cbne_load_add_cbge_load_store_value_mm_cid __asm__("rseq_load_cbne_load_add_cbge_load_store_mm_cid");
LoadCbneLoadAddStoreF64Outcome
    rseq_load_cbne_load_add_store_f64_outcome_cpu_id __asm__("rseq_load_cbne_load_add_store_f64_cpu_id");
LoadCbneLoadAddStoreF64Outcome
    rseq_load_cbne_load_add_store_f64_outcome_mm_cid __asm__("rseq_load_cbne_load_add_store_f64_mm_cid");
LoadCbneLoadAddStoreNumber rseq_load_cbne_load_add_store_number_cpu_id __asm__("rseq_load_cbne_load_add_store_cpu_id");
LoadCbneLoadAddStoreNumber
    rseq_load_cbne_load_add_store_i32_number_cpu_id __asm__("rseq_load_cbne_load_add_store_i32_cpu_id");
LoadCbneLoadStoreNumber rseq_load_cbne_load_store_number_cpu_id __asm__("rseq_load_cbne_load_store_cpu_id");
LoadCbneLoadCbneStoreTakenNumber
    rseq_load_cbne_load_cbne_store_taken_number_cpu_id __asm__("rseq_load_cbne_load_cbne_store_taken_cpu_id");
}

/** Runs the section that compares the field `here.source`. The compiler removes the choice if the field is constant. */
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
 * `words[next->element] += next->delta`, as a section of its own for each addition from `next` to `end - 1`. There must
 * be at least one. O(additions).
 * @return the first addition that is not committed: `end` if all are. It stops at an element that is not below
 * `length`, and at a section that was aborted or found the thread elsewhere; the caller may try that one again.
 */
inline const Addition* load_add_store_each(const Here& here, int64_t* words, uint32_t length, const Addition* next,
                                           const Addition* end) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_store_each_cpu_id, rseq_load_add_store_each_mm_cid, here, words, length, next, end);
}

/**
 * `if (sums[k] != 0) words[k] += sums[k], sums[k] = 0` for each k from `next` to `end - 1`, with a section of its own
 * for each word. `next` must be below `end`. Only the calling thread may access `sums`. O(end - next).
 * @return the first k that is not added: `end` if all are, else one whose section was aborted or found the thread
 *     elsewhere; the caller may continue there.
 */
inline uint32_t load_add_store_span(const Here& here, int64_t* words, int32_t* sums, uint32_t next,
                                    uint32_t end) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_store_span_cpu_id, rseq_load_add_store_span_mm_cid, here, words, sums, next, end);
}

#if defined(__x86_64__)
/**
 * load_add_store_span() with two words in each section, for CPUs with AVX. `words` is aligned to kSpanAlignment, `end`
 * is a multiple of 16, and `next` is a multiple of 16 or a value that this function returned. See add_span() in
 * spans.h.
 */
inline uint32_t load_add_store_span_avx(const Here& here, int64_t* words, int32_t* sums, uint32_t next,
                                        uint32_t end) noexcept {
  using namespace asm_sections;
  return run(rseq_load_add_store_span_avx_cpu_id, rseq_load_add_store_span_avx_mm_cid, here, words, sums, next, end);
}
#endif

/** `*v += count` on doubles, rounded by the CPU's current mode. */
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
 * The section loads `*v` before `*v2`. A thread that sets a stop flag in `*v2` to change `*v` from another CPU must
 * therefore fence twice: before the change, and between the change and clearing the flag.
 */
inline Outcome load_cbne_load_cbne_store(const Here& here, int64_t* v, int64_t expect, int64_t* v2, int64_t expect2,
                                         int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_cbne_store_cpu_id, rseq_load_cbne_load_cbne_store_mm_cid, here, v, expect, v2, expect2,
             newv);
}

/**
 * `if (v[1] != 0) compare_failed; n = v[0]; if (n >= limit) compare_failed; v[2 + n] = newv; v[0] = n + 1`:
 * a push on an array of doubles behind a count and a stop word. Any thread may overwrite the words: the section checks
 * all that it loads, and never stores outside of v[0] to v[limit + 1].
 * It loads the stop word first. docs/memory-ordering.md describes the fences of the thread that sets the stop word.
 */
inline Outcome load_cbne_load_cbge_store_add_store(const Here& here, int64_t* v, uint64_t limit, double newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_cbge_store_add_store_cpu_id, rseq_load_cbne_load_cbge_store_add_store_mm_cid, here, v,
             limit, newv);
}

/**
 * `if (v[1] != 0) compare_failed; n = v[0] - 1; if (n >= limit) compare_failed; value = v[2 + n];
 * if (value is a NaN) compare_failed; v[0] = n`: pops what load_cbne_load_cbge_store_add_store() pushed. Any thread may
 * overwrite the words: the section never loads outside of v[0] to v[limit + 1]. A count of 0 fails the comparison, as n
 * is unsigned.
 */
inline Taken load_cbne_load_add_cbge_load_store(const Here& here, int64_t* v, uint64_t limit) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_cbge_load_store_cpu_id, rseq_load_cbne_load_add_cbge_load_store_mm_cid, here, v,
             limit);
}

/** load_cbne_load_add_cbge_load_store() that returns only the value, or a NaN if the outcome is not Outcome::done. */
inline double load_cbne_load_add_cbge_load_store_value(const Here& here, int64_t* v, uint64_t limit) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_cbge_load_store_value_cpu_id, rseq_load_cbne_load_add_cbge_load_store_value_mm_cid,
             here, v, limit);
}

/**
 * `if (*stop != 0) compare_failed; t = *v; *v = t + count`, wrapping: an addition to a word of an array that another
 * CPU may stop. Returns `t`. The commit has release order, as in all sections on such words. The section loads the stop
 * word first.
 */
inline TakenWord load_cbne_load_add_store(const Here& here, int64_t* v, int64_t* stop, int64_t count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_store_cpu_id, rseq_load_cbne_load_add_store_mm_cid, here, v, stop, count);
}

/** load_cbne_load_add_store() whose sum wraps at 32 bits; its sign is extended to the 64 bits of the word. */
inline TakenWord load_cbne_load_add_store_i32(const Here& here, int64_t* v, int64_t* stop, int64_t count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_store_i32_cpu_id, rseq_load_cbne_load_add_store_i32_mm_cid, here, v, stop, count);
}

/** Adds a double to `*v` and returns the old bits, unless `*stop != 0`. Rounds by the CPU's current mode. */
inline TakenWord load_cbne_load_add_store_f64(const Here& here, double* v, int64_t* stop, double count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_store_f64_cpu_id, rseq_load_cbne_load_add_store_f64_mm_cid, here, v, stop, count);
}

/** load_cbne_load_add_store_f64() that returns only the outcome: a counter of doubles that can be set. */
inline Outcome load_cbne_load_add_store_f64_outcome(const Here& here, double* v, int64_t* stop, double count) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_store_f64_outcome_cpu_id, rseq_load_cbne_load_add_store_f64_outcome_mm_cid, here,
             v, stop, count);
}

/**
 * `if (*stop != 0) compare_failed; t = *v; *into = newv`; returns `t`. With `into` equal to `v`, this is an exchange.
 * With `into` in the caller's own memory, it is a load that this CPU made while the section ran.
 */
inline TakenWord load_cbne_load_store(const Here& here, int64_t* v, int64_t* stop, int64_t* into,
                                      int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_store_cpu_id, rseq_load_cbne_load_store_mm_cid, here, v, stop, into, newv);
}

/**
 * `if (*stop != 0) compare_failed; t = *v; if (t == expect) *v = newv`; returns `t`: compare and exchange. The outcome
 * is Outcome::done also if `t` differs from `expect`.
 */
inline TakenWord load_cbne_load_cbne_store_taken(const Here& here, int64_t* v, int64_t* stop, int64_t expect,
                                                 int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_cbne_store_taken_cpu_id, rseq_load_cbne_load_cbne_store_taken_mm_cid, here, v, stop,
             expect, newv);
}

/**
 * `if (v[1] != 0) compare_failed; *link = v[0]; v[0] = newv`: a push on a list of numbered nodes behind a stop word.
 * `link` is the link of the pushed node, `newv` is the number of that node plus 1; 0 is the end of a list. The section
 * loads the stop word first.
 */
inline Outcome load_cbne_load_store_store(const Here& here, int64_t* v, int64_t* link, int64_t newv) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_store_store_cpu_id, rseq_load_cbne_load_store_store_mm_cid, here, v, link, newv);
}

/**
 * `if (v[1] != 0) compare_failed; n = v[0] - 1; if (n >= limit) compare_failed; v[0] = links[n]`: pops the node that
 * load_cbne_load_store_store() pushed last. With any values in the words, it loads only links[0] to links[limit - 1].
 * @param limit at most 2^31.
 * @return n, or the negated Outcome.
 */
inline int32_t load_cbne_load_add_cbge_load_store_link(const Here& here, int64_t* v, const int64_t* links,
                                                       uint64_t limit) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_add_cbge_load_store_link_cpu_id, rseq_load_cbne_load_add_cbge_load_store_link_mm_cid,
             here, v, links, limit);
}

/**
 * `if (v[1] != 0 || v[0] != expect || *top != value) compare_failed; *note = newnote; v[0] = expect - 1`: pops the
 * value that the caller has seen on top of a stack, as load_cbne_load_add_cbge_load_store() does, and notes before the
 * commit who pops it. `top` is the address of the value on top, for the count `expect`. The commit has release order: a
 * thread that loads the count with acquire order sees the note. The section loads the stop word first.
 */
inline Outcome load_cbne_load_cbne_load_cbne_store_add_store(const Here& here, int64_t* v, int64_t expect,
                                                             const int64_t* top, int64_t value, uint32_t* note,
                                                             uint32_t newnote) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_cbne_load_cbne_store_add_store_cpu_id,
             rseq_load_cbne_load_cbne_load_cbne_store_add_store_mm_cid, here, v, expect, top, value, note, newnote);
}

/**
 * `if (v[1] != 0 || v[0] != expect) compare_failed; *note = newnote; v[0] = *link`: pops the node that the caller has
 * seen at the head of a list, as load_cbne_load_add_cbge_load_store_link() does, and notes before the commit who pops
 * it. `link` is that node's link. The commit has release order. The section loads the stop word first.
 */
inline Outcome load_cbne_load_cbne_store_load_store(const Here& here, int64_t* v, int64_t expect, const int64_t* link,
                                                    uint32_t* note, uint32_t newnote) noexcept {
  using namespace asm_sections;
  return run(rseq_load_cbne_load_cbne_store_load_store_cpu_id, rseq_load_cbne_load_cbne_store_load_store_mm_cid, here,
             v, expect, link, note, newnote);
}

/**
 * `if (*v != expect) compare_failed; memcpy(dst, src, len); *v = newv`: a record into a buffer.
 * O(len). A longer copy is aborted more often: it must take much less than a time slice.
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
 * `do t = *v; while (t != until && spins-- != 0); *seen = t`: waits until a thread on another CPU stores `until` in
 * `*v`, which has 32 bits, as a futex. Relaxed order: the caller must still acquire what it waited for.
 * Outcome::aborted means that the caller lost its CPU or took a signal, and should sleep instead.
 * Any thread may write `*v`; only the caller may access `*seen`.
 */
inline Outcome load_spin_store(const Here& here, uint32_t* v, uint32_t until, uint64_t spins, uint32_t* seen) noexcept {
  using namespace asm_sections;
  return run(rseq_load_spin_store_cpu_id, rseq_load_spin_store_mm_cid, here, v, until, spins, seen);
}

/**
 * `t = *v; *entered = 1; while (spins-- != 0); *v = t + count`: load_add_store() with a mark and a delay, for
 * self-tests that interrupt a section on purpose.
 */
inline Outcome load_store_spin_add_store(const Here& here, int64_t* v, int64_t count, uint32_t* entered,
                                         uint64_t spins) noexcept {
  using namespace asm_sections;
  return run(rseq_load_store_spin_add_store_cpu_id, rseq_load_store_spin_add_store_mm_cid, here, v, count, entered,
             spins);
}

} // namespace percpu

#endif // RSEQ_SECTIONS_H
