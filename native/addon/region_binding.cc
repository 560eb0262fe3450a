#include "region_binding.h"

#include "../percpu/arena.h"
#include "../percpu/region.h"
#include "handles.h"
#include "keeper.h"

namespace rseq {
namespace addon {
namespace {

uint32_t number_at(const Napi::CallbackInfo& info, size_t position) {
  return info[position].ToNumber().Uint32Value();
}

/**
 * formatRegion(bytes, kind, element, index, writers, shards, length, policy, units, unitSize, isChecked): a
 * RegionError.
 */
Napi::Value format(const Napi::CallbackInfo& info) {
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  RegionSpec spec;
  spec.kind = static_cast<Kind>(number_at(info, 1));
  spec.element = static_cast<Element>(number_at(info, 2));
  spec.index = static_cast<Index>(number_at(info, 3));
  spec.writers = static_cast<Writers>(number_at(info, 4));
  spec.shards = number_at(info, 5);
  spec.length = number_at(info, 6);
  spec.policy = static_cast<Policy>(number_at(info, 7));
  spec.units = number_at(info, 8);
  spec.unit_size = number_at(info, 9);
  spec.is_checked = info[10].ToBoolean();
  const RegionError error = format_region(bytes.Data(), bytes.ByteLength(), spec);
  return Napi::Number::New(info.Env(), static_cast<uint32_t>(error));
}

/**
 * openRegion(bytes, kind): the open region, or the number of a RegionError. The result's `keeper`
 * holds the memory and the handle: when it is collected, or the environment ends, both are let go.
 */
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  Region region = {};
  const RegionError error =
      open_region(bytes.Data(), bytes.ByteLength(), static_cast<Kind>(number_at(info, 1)), region);
  if (error != RegionError::none)
    return Napi::Number::New(env, static_cast<uint32_t>(error));
  const uint32_t handle = regions.acquire(static_cast<uint32_t>(region.kind), region);
  if (handle == 0)
    return Napi::Number::New(env, kNoHandleLeft);

  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", handle);
  result.Set("element", static_cast<uint32_t>(region.element));
  result.Set("index", static_cast<uint32_t>(region.index));
  result.Set("writers", static_cast<uint32_t>(region.writers));
  result.Set("shards", region.shards);
  result.Set("length", region.length);
  result.Set("units", region.units);
  result.Set("unitSize", region.unit_size);
  result.Set("isChecked", region.is_checked);
  result.Set("firstWord", static_cast<double>(unit_words(region) - bytes.Data()));
  result.Set("keeper", make_keeper(env, handle, bytes, [](uint32_t closed) { regions.release(closed); }));
  return result;
}

/** openHandles(): how many handles the process has open, for leak tests. */
Napi::Value open_count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), regions.open_count() + array_seats.open_count() + batches.open_count() +
                                           mutex_seats.open_count() + cpu_lock_seats.open_count() +
                                           ring_seats.open_count());
}

} // namespace

void export_regions(Napi::Env env, Napi::Object exports) {
  exports.Set("formatRegion", Napi::Function::New<format>(env, "formatRegion"));
  exports.Set("openRegion", Napi::Function::New<open>(env, "openRegion"));
  exports.Set("openHandles", Napi::Function::New<open_count>(env, "openHandles"));
}

} // namespace addon
} // namespace rseq
