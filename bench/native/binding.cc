/**
 * @file
 * The addon of the benchmark; bench/context.mjs loads it.
 */
#include "../../native/rseq/thread.h"
#include "limits.h"

#include <ctime>

namespace {

/** threadTime(): nanoseconds that the calling thread has run on a CPU. */
Napi::Value thread_time(const Napi::CallbackInfo& info) {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return Napi::Number::New(info.Env(), static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  percpu::attach();
  env.AddCleanupHook([] { percpu::detach(); });
  exports.Set("threadTime", Napi::Function::New<thread_time>(env, "threadTime"));
  rseq_bench::export_crossings(env, exports);
  rseq_bench::export_loops(env, exports);
  return exports;
}

} // namespace

NODE_API_MODULE(limits, init)
