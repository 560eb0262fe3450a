/**
 * @file
 * The addon's entry: per environment, attaches the thread, and exports the binding that
 * src/native.ts types. Cold functions take and return ordinary JavaScript values; what may be called
 * often is in operations.h.
 */
#include "array_binding.h"
#include "counter_binding.h"
#include "handles.h"
#include "lock_binding.h"
#include "napi_tier.h"
#include "pool_binding.h"
#include "region_binding.h"
#include "ring_binding.h"
#include "stack_binding.h"
#include "thread_binding.h"
#include "v8_tier.h"

#include <napi.h>

namespace {

using namespace rseq;

/** The scratch array of the Node-API tier, and the operations that read it. */
void export_operations(Napi::Env env, Napi::Object exports) {
  Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, addon::kScratchLength * sizeof(double));
  double* scratch = static_cast<double*>(memory.Data());
  Napi::Object operations = Napi::Object::New(env);
  addon::NapiTier tier(env, operations, scratch);
  addon::for_each_operation(tier);
  addon::scratches.add(env, scratch);
  env.AddCleanupHook(
      [](napi_env* ended) {
        addon::scratches.remove(*ended);
        delete ended;
      },
      new napi_env(env));
  // The array keeps the memory: it must live as long as a function that writes there.
  exports.Set("scratch", Napi::Float64Array::New(env, addon::kScratchLength, memory, 0));
  exports.Set("operations", operations);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  addon::export_thread(env, exports);
  addon::export_regions(env, exports);
  addon::export_counters(env, exports);
  addon::export_locks(env, exports);
  addon::export_stacks(env, exports);
  addon::export_pools(env, exports);
  addon::export_rings(env, exports);
  addon::export_arrays(env, exports);
  export_operations(env, exports);
  addon::export_v8_tier(env, exports);
  return exports;
}

} // namespace

NODE_API_MODULE(rseq, init)
