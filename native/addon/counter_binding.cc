#include "counter_binding.h"

#include "../percpu/counter.h"
#include "handles.h"
#include "keeper.h"

namespace rseq {
namespace addon {
namespace {

/** The region named by the first argument, or null. TypeScript turns a null answer into an error. */
const Region* region_of(const Napi::CallbackInfo& info) {
  return find_region(info[0].ToNumber().Uint32Value(), Kind::counters);
}

uint32_t element_of(const Napi::CallbackInfo& info) {
  return info[1].ToNumber().Uint32Value();
}

/** counterBigint(handle, i): the exact value of an i64 counter; null if refused. */
Napi::Value bigint(const Napi::CallbackInfo& info) {
  const Region* region = region_of(info);
  const uint32_t i = element_of(info);
  if (region == nullptr || i >= region->length || region->element != Element::i64)
    return info.Env().Null();
  return Napi::BigInt::New(info.Env(), counter_sum_i64(*region, i));
}

/** counterReset(handle, i): what the counter held, as a number; null if refused, undefined if contended. */
Napi::Value reset(const Napi::CallbackInfo& info) {
  const Region* region = region_of(info);
  const uint32_t i = element_of(info);
  if (region == nullptr || i >= region->length)
    return info.Env().Null();
  if (region->element == Element::f64) {
    double held = 0;
    return counter_reset_f64(*region, i, held) == Status::ok ? Napi::Number::New(info.Env(), held)
                                                             : info.Env().Undefined();
  }
  int64_t held = 0;
  return counter_reset_i64(*region, i, held) == Status::ok ? Napi::Number::New(info.Env(), static_cast<double>(held))
                                                           : info.Env().Undefined();
}

double word_as_double(const Region& region, uint32_t shard, uint32_t i) {
  if (region.element == Element::i64)
    return static_cast<double>(__atomic_load_n(word_at<int64_t>(region, shard, i), __ATOMIC_RELAXED));
  double value;
  __atomic_load(word_at<double>(region, shard, i), &value, __ATOMIC_RELAXED);
  return value;
}

/** counterShards(handle, i, into): the counter's word of each shard, the overflow shard last. False if refused. */
Napi::Value shards(const Napi::CallbackInfo& info) {
  const Region* region = region_of(info);
  const uint32_t i = element_of(info);
  Napi::Float64Array into = info[2].As<Napi::Float64Array>();
  const bool fits = region != nullptr && i < region->length && into.ElementLength() > region->shards;
  for (uint32_t shard = 0; fits && shard <= region->shards; shard++)
    into.Data()[shard] = word_as_double(*region, shard, i);
  return Napi::Boolean::New(info.Env(), fits);
}

/** counterSnapshot(handle, into): every counter's value, as a Float64Array or a BigInt64Array. False if refused. */
Napi::Value snapshot(const Napi::CallbackInfo& info) {
  const Region* region = region_of(info);
  const Napi::TypedArray into = info[1].As<Napi::TypedArray>();
  bool fits = region != nullptr && into.ElementLength() >= region->length;
  if (fits && into.TypedArrayType() == napi_float64_array) {
    double* values = into.As<Napi::Float64Array>().Data();
    for (uint32_t i = 0; i < region->length; i++)
      values[i] = region->element == Element::i64 ? static_cast<double>(counter_sum_i64(*region, i))
                                                  : counter_sum_f64(*region, i);
  } else if (fits && into.TypedArrayType() == napi_bigint64_array && region->element == Element::i64) {
    int64_t* values = into.As<Napi::BigInt64Array>().Data();
    for (uint32_t i = 0; i < region->length; i++)
      values[i] = counter_sum_i64(*region, i);
  } else {
    fits = false;
  }
  return Napi::Boolean::New(info.Env(), fits);
}

/**
 * openBatch(handle, memory, capacity, second, summed): {handle, keeper} of a batch on the counters, or null.
 * `memory` holds `capacity` doubles, the deltas, after them as many entries, and after them the sums of the first
 * `summed` counters, with room as counter_add_sums() wants it. It must be an ArrayBuffer that nobody can detach: it
 * does not leave its class. `second` is the handle of f64 counters for entries with kSecondRegion, or 0. The
 * counters' own keepers must live as long.
 */
Napi::Value open_batch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Region* region = region_of(info);
  Napi::ArrayBuffer memory = info[1].As<Napi::ArrayBuffer>();
  const uint32_t capacity = info[2].ToNumber().Uint32Value();
  const uint32_t second_handle = info[3].ToNumber().Uint32Value();
  const Region* second = find_region(second_handle, Kind::counters);
  if (second_handle != 0 && (second == nullptr || second->element != Element::f64))
    return env.Null();
  const uint32_t summed = info[4].ToNumber().Uint32Value();
  const uint64_t needed =
      static_cast<uint64_t>(capacity) * (sizeof(double) + sizeof(BatchEntry)) + room_for_sums(summed) * sizeof(int32_t);
  if (region == nullptr || summed > region->length || memory.ByteLength() < needed)
    return env.Null();
  double* wide = static_cast<double*>(memory.Data());
  BatchEntry* entries = reinterpret_cast<BatchEntry*>(wide + capacity);
  int32_t* sums = reinterpret_cast<int32_t*>(entries + capacity);
  const Batch batch = {*region,
                       second != nullptr ? *second : Region{},
                       entries,
                       wide,
                       sums,
                       capacity,
                       summed,
                       static_cast<uint32_t>(room_for_sums(summed)),
                       summed != 0 ? direct_span_shards(*region) : 0};
  const uint32_t handle = batches.acquire(kBatchTag, batch);
  if (handle == 0)
    return env.Null();
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", handle);
  result.Set("keeper", make_keeper(env, handle, memory, [](uint32_t closed) { batches.release(closed); }));
  return result;
}

} // namespace

void export_counters(Napi::Env env, Napi::Object exports) {
  exports.Set("openBatch", Napi::Function::New<open_batch>(env, "openBatch"));
  exports.Set("counterBigint", Napi::Function::New<bigint>(env, "counterBigint"));
  exports.Set("counterReset", Napi::Function::New<reset>(env, "counterReset"));
  exports.Set("counterShards", Napi::Function::New<shards>(env, "counterShards"));
  exports.Set("counterSnapshot", Napi::Function::New<snapshot>(env, "counterSnapshot"));
}

} // namespace addon
} // namespace rseq
