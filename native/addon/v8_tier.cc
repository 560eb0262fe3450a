#include "v8_tier.h"

#ifdef RSEQ_NODE_ABI // Defined by binding.gyp for the Node versions that v8_fast_call.h knows.

#include "operations.h"
#include "v8_callbacks.h"

namespace rseq {
namespace addon {

thread_local uint32_t slow_calls = 0;

namespace {

/** slowCalls(): how many calls of this thread were not fast. */
Napi::Value count_slow_calls(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), slow_calls);
}

/** A binary loaded through Node-API is not checked for its Node version: the layouts ask for it. */
bool runs_on_its_own_node(Napi::Env env) {
  const napi_node_version* version = Napi::VersionManagement::GetNodeVersion(env);
  return version->major == node_major_of(RSEQ_NODE_ABI);
}

/** The getter of `fast`. Replaces itself by what it made. */
Napi::Value make_fast(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!runs_on_its_own_node(env))
    return env.Null();
  Napi::Object operations = Napi::Object::New(env);
  V8Tier tier(env, operations);
  for_each_operation(tier);
  Napi::Object fast = Napi::Object::New(env);
  fast.Set("operations", operations);
  fast.Set("slowCalls", Napi::Function::New<count_slow_calls>(env, "slowCalls"));
  info.This().As<Napi::Object>().DefineProperty(Napi::PropertyDescriptor::Value("fast", fast));
  return fast;
}

} // namespace

void export_v8_tier(Napi::Env env, Napi::Object exports) {
  exports.Set("fastAbi", runs_on_its_own_node(env) ? RSEQ_NODE_ABI : 0);
  exports.DefineProperty(Napi::PropertyDescriptor::Accessor<make_fast>("fast", napi_configurable));
}

} // namespace addon
} // namespace rseq

#else

namespace rseq {
namespace addon {

void export_v8_tier(Napi::Env env, Napi::Object exports) {
  exports.Set("fastAbi", 0);
  exports.Set("fast", env.Null());
}

} // namespace addon
} // namespace rseq

#endif
