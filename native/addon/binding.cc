/**
 * @file
 * The addon's entry: per environment, attaches the thread, and exports the binding that
 * src/native/binding.ts types. Cold functions take and return ordinary JavaScript values; the hot operations are in
 * operations.h.
 */
#include "array_binding.h"
#include "counter_binding.h"
#include "environment.h"
#include "lock_binding.h"
#include "operations.h"
#include "patience.h"
#include "pool_binding.h"
#include "region_binding.h"
#include "ring_binding.h"
#include "series_binding.h"
#include "service_binding.h"
#include "stack_binding.h"
#include "thread_binding.h"
#include "tiers/napi_tier.h"
#include "tiers/v8_tier.h"

namespace {

using namespace percpu::addon;

/** The scratch array of the Node-API tier, and the operations that read it. */
void export_operations(Environment& environment, Object& exports) noexcept {
  napi_env env = environment.env();
  void* memory;
  napi_value buffer;
  napi_value values;
  if (!succeeded(napi_create_arraybuffer(env, kScratchLength * sizeof(double), &memory, &buffer)) ||
      !succeeded(napi_create_typedarray(env, napi_float64_array, kScratchLength, buffer, 0, &values)))
    values = nullptr;
  exports.value("scratch", values);
  double* scratch = static_cast<double*>(memory);
  if (values == nullptr || !environment.keep_scratch(values, scratch))
    return;
  Object operations(env);
  NapiTier tier(env, operations, scratch);
  for_each_operation(tier);
  exports.value("operations", operations.value());
}

/** Exports `waiting`: JavaScript calls its functions after one of these operations has returned Status::busy. */
void export_waiting(Environment& environment, Object& exports) noexcept {
  Object waiting(environment.env());
  waiting.function<PatientOperation<counter_set>::call>("counterSet", environment)
      .function<PatientOperation<stack_push>::call>("stackPush", environment)
      .function<PatientOperation<stack_pop>::call>("stackPop", environment)
      .function<PatientOperation<list_push>::call>("listPush", environment)
      .function<PatientOperation<list_pop>::call>("listPop", environment)
      .function<PatientOperation<pool_alloc>::call>("poolAlloc", environment)
      .function<PatientOperation<pool_free>::call>("poolFree", environment)
      .function<PatientOperation<heap_alloc>::call>("heapAlloc", environment)
      .function<PatientOperation<heap_free>::call>("heapFree", environment)
      .function<PatientOperation<ring_write>::call>("ringWrite", environment)
      .function<PatientOperation<array_act>::call>("arrayAct", environment);
  exports.value("waiting", waiting.value());
}

/** Puts all exports on `exports`. False if Node-API refused a call. */
bool export_all(napi_env env, napi_value module_exports) noexcept {
  Environment* environment = Environment::begin(env);
  if (environment == nullptr)
    return false;
  Object exports(env, module_exports);
  export_thread(*environment, exports);
  export_regions(*environment, exports);
  export_counters(*environment, exports);
  export_series(*environment, exports);
  export_locks(*environment, exports);
  export_stacks(*environment, exports);
  export_pools(*environment, exports);
  export_rings(*environment, exports);
  export_arrays(*environment, exports);
  export_services(*environment, exports);
  export_operations(*environment, exports);
  export_waiting(*environment, exports);
  export_v8_tier(*environment, exports);
  return exports.value() != nullptr;
}

} // namespace

NAPI_MODULE_INIT() {
  prepare_handles();
  // In a Worker that is being terminated, Node-API refuses to throw, which is harmless.
  if (!export_all(env, exports))
    ignored(napi_throw_error(env, nullptr, "rseq: Node-API refused to set up the native library"));
  return exports;
}
