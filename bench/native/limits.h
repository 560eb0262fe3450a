/**
 * @file
 * The limits for the library in the benchmark: the cost of a call into native code that does nothing, and the cost of
 * the work without a call from JavaScript.
 */
#ifndef RSEQ_BENCH_LIMITS_H
#define RSEQ_BENCH_LIMITS_H

#include <napi.h>

namespace rseq_bench {

/** Calls that do nothing: a V8 fast call, where this Node has them, and plain Node-API calls. */
void export_crossings(Napi::Env env, Napi::Object exports);

/** Loops in C++: one call runs `n` operations. */
void export_loops(Napi::Env env, Napi::Object exports);

} // namespace rseq_bench

#endif // RSEQ_BENCH_LIMITS_H
