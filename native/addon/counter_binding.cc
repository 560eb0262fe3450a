#include "counter_binding.h"

#include "../percpu/counter.h"
#include "../percpu/extents.h"
#include "environment.h"
#include "patience.h"

namespace percpu {
namespace addon {
namespace {

/** The counter of the first two arguments (handle, i); false if there is no such counter. */
struct Counter {
  const Region* region;
  uint32_t i;
};

bool find_counter(uint32_t handle, uint32_t i, Counter& into) noexcept {
  into = {find_region(handle, Kind::counters), i};
  return into.region != nullptr && i < into.region->length;
}

/** counterBigint(handle, i): the exact value of an i64 counter; null if the arguments are refused, or
 * if its memory cannot be read. */
napi_value bigint(const Call& call) noexcept {
  uint32_t handle, i;
  Counter counter;
  if (!call.read(handle, i) || !find_counter(handle, i, counter) || counter.region->element != Element::i64)
    return call.null();
  int64_t sum;
  return counter_sum(*counter.region, i, sum) == Status::ok ? call.bigint(sum) : call.null();
}

/** counterReset(handle, i): the old value, as a number; null if the arguments are refused, undefined if the set failed.
 */
napi_value reset(const Call& call) noexcept {
  uint32_t handle, i;
  Counter counter;
  if (!call.read(handle, i) || !find_counter(handle, i, counter))
    return call.null();
  if (counter.region->element == Element::f64) {
    double held = 0;
    return counter_reset_f64(*counter.region, i, held) == Status::ok ? call.number(held) : nullptr;
  }
  int64_t held = 0;
  const Status status = counter_reset_i64(*counter.region, i, held);
  return status == Status::ok ? call.number(static_cast<double>(held)) : nullptr;
}

double word_as_double(const Region& region, uint32_t shard, uint32_t i) noexcept {
  if (region.element == Element::i64)
    return static_cast<double>(__atomic_load_n(word_at<int64_t>(region, shard, i), __ATOMIC_RELAXED));
  double value;
  __atomic_load(word_at<double>(region, shard, i), &value, __ATOMIC_RELAXED);
  return value;
}

/** counterShards(handle, i, into): the counter's word of each shard, the overflow shard last. False if refused. */
napi_value shards(const Call& call) noexcept {
  uint32_t handle, i;
  Doubles into;
  Counter counter;
  if (!call.read(handle, i, into) || !find_counter(handle, i, counter) || into.length <= counter.region->shards)
    return call.boolean(false);
  const Region& region = *counter.region;
  if (see_shards(region) != Status::ok)
    return call.boolean(false);
  const uint32_t seen = shards_seen(region);
  for (uint32_t shard = 0; shard <= region.shards; shard++)
    into.data[shard] = shard < seen || shard == region.shards ? word_as_double(region, shard, i) : 0;
  return call.boolean(true);
}

/** counterSnapshot(handle, into): every counter's value, as a Float64Array or a BigInt64Array. False if refused. */
napi_value snapshot(const Call& call) noexcept {
  uint32_t handle;
  Doubles doubles;
  Integers integers;
  if (call.read(handle, doubles)) {
    const Region* region = find_region(handle, Kind::counters);
    if (region == nullptr || doubles.length < region->length)
      return call.boolean(false);
    Status status = Status::ok;
    for (uint32_t i = 0; i < region->length && status == Status::ok; i++) {
      int64_t whole = 0;
      double sum = 0;
      const bool is_whole = region->element == Element::i64;
      status = is_whole ? counter_sum(*region, i, whole) : counter_sum(*region, i, sum);
      doubles.data[i] = is_whole ? static_cast<double>(whole) : sum;
    }
    return call.boolean(status == Status::ok);
  }
  if (call.read(handle, integers)) {
    const Region* region = find_region(handle, Kind::counters);
    if (region == nullptr || integers.length < region->length || region->element != Element::i64)
      return call.boolean(false);
    Status status = Status::ok;
    for (uint32_t i = 0; i < region->length && status == Status::ok; i++)
      status = counter_sum(*region, i, integers.data[i]);
    return call.boolean(status == Status::ok);
  }
  return call.boolean(false);
}

/**
 * openBatch(handle, memory, capacity, second, summed): {handle, keeper} of a batch on the counters, or null.
 * `memory` holds `capacity` doubles (the deltas), then `capacity` entries, then the sums of the first `summed`
 * counters, padded to the room that counter_add_sums() needs. It must be an ArrayBuffer that no other code can detach.
 * `second` is the handle of f64 counters for entries with kSecondRegion, or 0. The batch keeps the memory of both
 * regions alive, also after their handles are closed.
 */
napi_value open_batch(const Call& call) noexcept {
  uint32_t handle, capacity, second_handle, summed;
  Memory memory;
  if (!call.read(handle, memory, capacity, second_handle, summed))
    return call.null();
  const Region* region = find_region(handle, Kind::counters);
  const Region* second = find_region(second_handle, Kind::counters);
  if (second_handle != 0 && (second == nullptr || second->element != Element::f64))
    return call.null();
  const uint64_t needed =
      static_cast<uint64_t>(capacity) * (sizeof(double) + sizeof(BatchEntry)) + room_for_sums(summed) * sizeof(int32_t);
  if (region == nullptr || summed > region->length || memory.length < needed)
    return call.null();
  double* wide = reinterpret_cast<double*>(memory.data);
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
  Object all(call.env);
  all.value("memory", memory.value).value("counters", call.environment().memory_of(handle));
  if (second != nullptr)
    all.value("second", call.environment().memory_of(second_handle));
  if (all.value() == nullptr)
    return call.null();
  const Opened opened = call.environment().open(batches, kBatchTag, batch, all.value(), memory.length);
  if (opened.handle == 0)
    return call.null();
  return Object(call.env).number("handle", opened.handle).value("keeper", opened.keeper).value();
}

} // namespace

void export_counters(Environment& environment, Object& exports) noexcept {
  exports.function<open_batch>("openBatch", environment)
      .function<bigint>("counterBigint", environment)
      .function<patient<reset>>("counterReset", environment)
      .function<shards>("counterShards", environment)
      .function<snapshot>("counterSnapshot", environment);
}

} // namespace addon
} // namespace percpu
