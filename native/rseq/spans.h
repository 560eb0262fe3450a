/**
 * @file
 * Adds a span of sums to a span of words by the widest section that this CPU has.
 */
#ifndef RSEQ_SPANS_H
#define RSEQ_SPANS_H

#include "sections.h"

namespace rseq {

/** What spans begin and end at multiples of. */
constexpr uint32_t kSpanWords = 16;

/**
 * load_add_store_span() by another name: `words` aligned to kSpanAlignment, `end` a multiple of kSpanWords, and `next`
 * one, too, or what this has returned.
 */
inline uint32_t add_span(const Here& here, int64_t* words, int32_t* sums, uint32_t next, uint32_t end) noexcept {
#if defined(__x86_64__)
  // A load and a test of what libgcc found out when the process began.
  if (__builtin_expect(__builtin_cpu_supports("avx"), true))
    return load_add_store_span_avx(here, words, sums, next, end);
#endif
  return load_add_store_span(here, words, sums, next, end);
}

} // namespace rseq

#endif // RSEQ_SPANS_H
