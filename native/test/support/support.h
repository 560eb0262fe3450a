/**
 * @file
 * The functions of the test addon. They take what the tests give them: arguments are checked only
 * as far as a mistake would otherwise go unnoticed.
 */
#ifndef RSEQ_TEST_SUPPORT_H
#define RSEQ_TEST_SUPPORT_H

#include <napi.h>

namespace test_support {

/** gettid(): the calling thread's id, as the system calls of other threads name it. */
Napi::Value thread_id(const Napi::CallbackInfo& info);

/** getAffinity(tid): the CPUs that thread `tid` (0: the calling one) may run on, ascending. */
Napi::Value get_affinity(const Napi::CallbackInfo& info);

/**
 * setAffinity(tid, cpus): confines thread `tid` (0: the calling one) to `cpus`. When it returns, the
 * thread is on one of them. False if the thread has ended; throws if the kernel refuses.
 */
Napi::Value set_affinity(const Napi::CallbackInfo& info);

/**
 * plainAdd(words: BigInt64Array, i, count, spins): adds 1 to `words[i]` `count` times, each as a load,
 * `spins` turns of an empty loop, and a store. The control of the race tests: a critical section
 * without the section. It loses updates.
 */
Napi::Value plain_add(const Napi::CallbackInfo& info);

/**
 * refuseRseq(errno): from now on the kernel answers every `rseq` call of this thread, and of every
 * thread and process that it makes, with this error. For ever: there is no way back.
 */
Napi::Value refuse_rseq(const Napi::CallbackInfo& info);

/** seriesAdd(object, delta): adds to what nativeSeries() gave. False if the series refuses it. */
Napi::Value series_add(const Napi::CallbackInfo& info);

/** seriesObserve(object, value): observes in what nativeSeries() gave. False if the series refuses it. */
Napi::Value series_observe(const Napi::CallbackInfo& info);

/**
 * seriesStart(counter, histogram, threads, times): starts threads, each of which adds 1 to the counter and observes 0,
 * 1, 2 and 3 in turn in the histogram, so many times. The caller keeps both objects alive until seriesJoin().
 */
Napi::Value series_start(const Napi::CallbackInfo& info);

/** seriesJoin(): waits until all threads of seriesStart() have ended. */
Napi::Value series_join(const Napi::CallbackInfo& info);

/** Throws an Error that names the call and the system's reason; for `return fail(...)`. */
Napi::Value fail(Napi::Env env, const char* call, int error);

} // namespace test_support

#endif // RSEQ_TEST_SUPPORT_H
