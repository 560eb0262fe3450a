/**
 * @file
 * Adds a span of sums to a span of words with the widest section that this CPU can execute.
 */
#ifndef RSEQ_SPANS_H
#define RSEQ_SPANS_H

#include "sections.h"

namespace percpu {

/** Spans begin and end at multiples of this number of words. */
constexpr uint32_t kSpanWords = 16;

/**
 * load_add_store_span(), two words at a time if the CPU has AVX.
 * @param words aligned to kSpanAlignment.
 * @param next a multiple of kSpanWords, or a value that this function returned.
 * @param end a multiple of kSpanWords.
 */
inline uint32_t add_span(const Here& here, int64_t* words, int32_t* sums, uint32_t next, uint32_t end) noexcept {
#if defined(__x86_64__)
  // Costs a load and a test: libgcc asks the CPU once, when the process begins.
  if (__builtin_expect(__builtin_cpu_supports("avx"), true))
    return load_add_store_span_avx(here, words, sums, next, end);
#endif
  return load_add_store_span(here, words, sums, next, end);
}

} // namespace percpu

#endif // RSEQ_SPANS_H
