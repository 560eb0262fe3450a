#include "pool_binding.h"

#include "../percpu/pool.h"
#include "handles.h"

namespace rseq {
namespace addon {
namespace {

/** poolFlush(handle, shard): how many blocks went from there to the central store, or -Status. */
Napi::Value flush(const Napi::CallbackInfo& info) {
  // As in stack_binding.cc: no conversion, which a terminated Worker may not make.
  const Region* region = find_region(info[0].As<Napi::Number>().Uint32Value(), Kind::pool);
  uint32_t count = 0;
  const Status status =
      region == nullptr ? Status::bad_handle : pool_flush(*region, info[1].As<Napi::Number>().Uint32Value(), count);
  return Napi::Number::New(info.Env(), status == Status::ok ? count : -static_cast<double>(status));
}

} // namespace

void export_pools(Napi::Env env, Napi::Object exports) {
  exports.Set("poolFlush", Napi::Function::New<flush>(env, "poolFlush"));
}

} // namespace addon
} // namespace rseq
