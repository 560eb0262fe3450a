/**
 * @file
 * The limits that the benchmark holds the library against: what a crossing into native code costs
 * when nothing is done there, and what the work costs when nothing is crossed.
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
