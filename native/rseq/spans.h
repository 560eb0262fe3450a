/**
 * @file
 * Adds a span of sums to a span of words by the widest section that this CPU has.
 */
#ifndef RSEQ_SPANS_H
#define RSEQ_SPANS_H

#include "sections.h"

namespace rseq {

/** Words at a time of the widest section: what spans begin and end at multiples of. */
constexpr uint32_t kSpanWords = 4;

/** load_add_store_span() by another name: `words` aligned to kSpanAlignment, `next` and `end` multiples of kSpanWords.
 */
inline uint32_t add_span(const Here& here, int64_t* words, int32_t* sums, uint32_t next, uint32_t end) noexcept {
#if defined(__x86_64__)
  // A load and a test of what libgcc found out when the process began.
  if (__builtin_expect(__builtin_cpu_supports("avx2"), true))
    return load_add_store_span_avx2(here, words, sums, next, end);
#endif
  return load_add_store_span(here, words, sums, next, end);
}

} // namespace rseq

#endif // RSEQ_SPANS_H
