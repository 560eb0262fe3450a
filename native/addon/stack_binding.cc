#include "stack_binding.h"

#include "../percpu/holder.h"
#include "../percpu/list.h"
#include "../percpu/pool.h"
#include "../percpu/stack.h"
#include "environment.h"
#include "patience.h"

namespace percpu {
namespace addon {
namespace {

/** The result of all functions here: a count, or -Status, for which TypeScript throws an error. */
napi_value answer(const Call& call, Status status, uint32_t count = 0) noexcept {
  return call.number(status == Status::ok ? count : -static_cast<double>(status));
}

/** The smaller one of `wanted` and the number of values. */
uint32_t at_most(const Doubles& values, uint32_t wanted) noexcept {
  return wanted < values.length ? wanted : static_cast<uint32_t>(values.length);
}

/** stacks.pushMany(handle, values, count) and stacks.popMany(handle, into, count): how many they pushed or popped. */
template <auto function> napi_value many(const Call& call) noexcept {
  uint32_t handle, count;
  Doubles values;
  const Region* region = call.read(handle, values, count) ? find_region(handle, Kind::stack) : nullptr;
  if (region == nullptr)
    return answer(call, Status::bad_handle);
  count = at_most(values, count);
  const Status status = function(*region, values.data, count);
  return answer(call, status, count);
}

/** Chooses the operation on stacks or the one on lists, by the kind of the region. */
template <auto stacks, auto lists> auto of(const Region& region) noexcept {
  return region.kind == Kind::list ? lists : stacks;
}

/** stacks.size(handle, shard): how many values a shard has. */
napi_value size(const Call& call) noexcept {
  uint32_t handle, shard;
  const Region* region = call.read(handle, shard) ? find_stacks(handle) : nullptr;
  if (region == nullptr || shard > region->shards)
    return answer(call, region == nullptr ? Status::bad_handle : Status::out_of_range);
  uint32_t count = 0;
  const Status status = of<stack_size, list_size>(*region)(*region, shard, count);
  return answer(call, status, count);
}

/** stacks.stop(handle, shard) and stacks.resume(handle, shard). */
template <auto stacks, auto lists> napi_value own(const Call& call) noexcept {
  uint32_t handle, shard;
  const Region* region = call.read(handle, shard) ? find_stacks(handle) : nullptr;
  if (region == nullptr)
    return answer(call, Status::bad_handle);
  return answer(call, of<stacks, lists>(*region)(*region, shard));
}

/**
 * stacks.pushOwned(handle, shard, values, count, owned) and stacks.popOwned(handle, shard, into, count, owned): how
 * many they pushed or popped. If `owned`, the calling thread already owns the shard; otherwise it owns it during this
 * call.
 */
template <auto stacks, auto lists> napi_value as_owner(const Call& call) noexcept {
  uint32_t handle, shard, count;
  Doubles values;
  bool owned;
  const Region* region = call.read(handle, shard, values, count, owned) ? find_stacks(handle) : nullptr;
  if (region == nullptr)
    return answer(call, Status::bad_handle);
  Status status = owned ? Status::ok : of<stack_stop, list_stop>(*region)(*region, shard);
  if (status != Status::ok)
    return answer(call, status);
  count = at_most(values, count);
  status = of<stacks, lists>(*region)(*region, shard, values.data, count);
  if (!owned)
    of<stack_resume, list_resume> (*region)(*region, shard);
  return answer(call, status, count);
}

/** The region of a list or a pool; null if the handle names none. */
const Region* find_units(uint32_t handle) noexcept {
  const Region* const list = find_region(handle, Kind::list);
  return list != nullptr ? list : find_region(handle, Kind::pool);
}

/** stacks.holder(handle, unit): the note of the process that took the unit last; 0 if none, or in memory of one
 * process.
 */
napi_value holder(const Call& call) noexcept {
  uint32_t handle, unit;
  const Region* region = call.read(handle, unit) ? find_units(handle) : nullptr;
  if (region == nullptr || unit >= region->units)
    return answer(call, region == nullptr ? Status::bad_handle : Status::out_of_range);
  return answer(call, Status::ok, unit_holder(*region, unit));
}

/** stacks.adopt(handle, unit, holder): 0 if this process holds the unit now, which had that note. */
napi_value adopt(const Call& call) noexcept {
  uint32_t handle, unit, note;
  const Region* region = call.read(handle, unit, note) ? find_units(handle) : nullptr;
  if (region == nullptr || unit >= region->units)
    return answer(call, region == nullptr ? Status::bad_handle : Status::out_of_range);
  return answer(call, unit_adopt(*region, unit, note));
}

/** stacks.reclaim(handle): how many units of dead processes it gave back. */
napi_value reclaim(const Call& call) noexcept {
  uint32_t handle;
  const Region* region = call.read(handle) ? find_units(handle) : nullptr;
  if (region == nullptr)
    return answer(call, Status::bad_handle);
  uint32_t count = 0;
  const Status status = of<pool_reclaim, list_reclaim>(*region)(*region, count);
  return answer(call, status, count);
}

} // namespace

void export_stacks(Environment& environment, Object& exports) noexcept {
  Object stacks(environment.env());
  stacks.function<patient<many<stack_push_many>>>("pushMany", environment)
      .function<patient<many<stack_pop_many>>>("popMany", environment)
      .function<patient<size>>("size", environment)
      .function<patient<own<stack_stop, list_stop>>>("stop", environment)
      .function<own<stack_resume, list_resume>>("resume", environment)
      .function<patient<as_owner<stack_push_owned, list_push_owned>>>("pushOwned", environment)
      .function<holder>("holder", environment)
      .function<adopt>("adopt", environment)
      .function<patient<reclaim>>("reclaim", environment)
      .function<patient<as_owner<stack_pop_owned, list_pop_owned>>>("popOwned", environment);
  exports.value("stacks", stacks.value());
}

} // namespace addon
} // namespace percpu
