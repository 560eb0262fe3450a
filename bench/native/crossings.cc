#include "../../native/rseq/thread.h"
#include "limits.h"

#include <cstdint>
#include <node_api.h>

#ifdef RSEQ_NODE_ABI
#include "../../native/addon/tiers/v8_callbacks.h"

namespace percpu {
namespace addon {
thread_local uint32_t slow_calls = 0;
} // namespace addon
} // namespace percpu
#endif

namespace rseq_bench {
namespace {

#ifdef RSEQ_NODE_ABI
/** Has the arguments of an addition, and does nothing. */
uint32_t empty(uint32_t first, int32_t) noexcept {
  return first;
}
#endif

/** plainCall(first, second): the least cost of an addition by a usual Node-API function. */
napi_value plain_call(napi_env env, napi_callback_info info) noexcept {
  napi_value arguments[2];
  size_t count = 2;
  uint32_t first = 0;
  int32_t second = 0;
  napi_value result;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok ||
      napi_get_value_uint32(env, arguments[0], &first) != napi_ok ||
      napi_get_value_int32(env, arguments[1], &second) != napi_ok ||
      napi_create_uint32(env, first + static_cast<uint32_t>(second), &result) != napi_ok)
    return nullptr;
  return result;
}

/** plainCpuId(): the CPU's number by a call without arguments. */
napi_value plain_cpu_id(napi_env env, napi_callback_info) noexcept {
  napi_value result;
  return napi_create_uint32(env, percpu::here(percpu::Index::cpu_id).index, &result) == napi_ok ? result : nullptr;
}

/** Makes a Node-API function without the C++ wrapper. */
void export_function(Napi::Env env, Napi::Object exports, const char* name, napi_callback function) {
  napi_value callback;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &callback) == napi_ok)
    exports.Set(name, Napi::Value(env, callback));
}

} // namespace

void export_crossings(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "plainCall", plain_call);
  export_function(env, exports, "plainCpuId", plain_cpu_id);
#ifdef RSEQ_NODE_ABI
  percpu::addon::Object target(env, exports);
  percpu::addon::V8Tier(target).operation<empty>("emptyFast");
#endif
}

} // namespace rseq_bench
