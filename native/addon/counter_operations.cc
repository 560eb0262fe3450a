#include "counter_operations.h"

namespace percpu {
namespace addon {

uint32_t counter_add(uint32_t handle, uint32_t i, double delta) noexcept {
  const Region* region = find_region(handle, Kind::counters);
  if (region == nullptr)
    return answer(Status::bad_handle);
  if (region->element == Element::f64)
    return answer(percpu::counter_add(*region, i, delta));
  int64_t whole;
  if (!to_safe_integer(delta, whole))
    return answer(Status::bad_value);
  return answer(percpu::counter_add(*region, i, whole));
}

uint32_t counter_set(uint32_t handle, uint32_t i, double value) noexcept {
  const Region* region = find_region(handle, Kind::counters);
  if (region == nullptr)
    return answer(Status::bad_handle);
  int64_t whole = 0;
  if (region->element == Element::i64 && !to_safe_integer(value, whole))
    return answer(Status::bad_value);
  if (i >= region->length)
    return answer(Status::out_of_range);
  int64_t held_whole;
  double held;
  return answer(region->element == Element::i64 ? percpu::counter_set(*region, i, whole, held_whole)
                                                : percpu::counter_set(*region, i, value, held));
}

uint32_t counted_add_slow(uint32_t counts, uint32_t bucket, uint32_t sums, uint32_t sum, double value) noexcept {
  const Region* count_region = find_region(counts, Kind::counters);
  const Region* sum_region = find_region(sums, Kind::counters);
  if (count_region == nullptr || sum_region == nullptr || count_region->element != Element::i64)
    return answer(Status::bad_handle);
  int64_t whole;
  if (sum_region->element == Element::i64 && !to_safe_integer(value, whole))
    return answer(Status::bad_value);
  if (bucket >= count_region->length || sum >= sum_region->length)
    return answer(Status::out_of_range);
  // The sum comes first: only the sum can still be refused, and then the bucket stays unchanged.
  const uint32_t added = counter_add(sums, sum, value);
  return added == answer(Status::ok) ? answer(percpu::counter_add(*count_region, bucket, int64_t{1})) : added;
}

uint32_t counted_add_rest(const CountedAddition& counted, const Addition* next) noexcept {
  const auto& [sum, bucket, handle] = counted;
  if (next == &sum)
    return counted_add_slow(handle, bucket.element, handle, sum.element, sum.delta);
  return counter_add(handle, bucket.element, bucket.delta);
}

} // namespace addon
} // namespace percpu
