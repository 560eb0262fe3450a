#include "operations.h"

namespace rseq {
namespace addon {

uint32_t counter_add(uint32_t handle, uint32_t i, double delta) noexcept {
  const Region* region = find_region(handle, Kind::counters);
  if (region == nullptr)
    return answer(Status::bad_handle);
  if (region->element == Element::f64)
    return answer(rseq::counter_add(*region, i, delta));
  int64_t whole;
  if (!to_safe_integer(delta, whole))
    return answer(Status::bad_value);
  return answer(rseq::counter_add(*region, i, whole));
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
  return answer(region->element == Element::i64 ? rseq::counter_set(*region, i, whole, held_whole)
                                                : rseq::counter_set(*region, i, value, held));
}

uint32_t counted_add_anyhow(uint32_t counts, uint32_t bucket, uint32_t sums, uint32_t sum, double value) noexcept {
  const Region* count_region = find_region(counts, Kind::counters);
  const Region* sum_region = find_region(sums, Kind::counters);
  if (count_region == nullptr || sum_region == nullptr || count_region->element != Element::i64)
    return answer(Status::bad_handle);
  int64_t whole;
  if (sum_region->element == Element::i64 && !to_safe_integer(value, whole))
    return answer(Status::bad_value);
  if (bucket >= count_region->length || sum >= sum_region->length)
    return answer(Status::out_of_range);
  const uint32_t counted = answer(rseq::counter_add(*count_region, bucket, int64_t{1}));
  return counted == answer(Status::ok) ? counter_add(sums, sum, value) : counted;
}

uint32_t stack_push(uint32_t handle, double value) noexcept {
  const Region* region = find_region(handle, Kind::stack);
  return answer(region == nullptr ? Status::bad_handle : rseq::stack_push(*region, value));
}

double stack_pop(uint32_t handle) noexcept {
  const Region* region = find_region(handle, Kind::stack);
  double value = 0;
  switch (region == nullptr ? Status::bad_handle : rseq::stack_pop(*region, value)) {
  case Status::ok:
    return value;
  case Status::empty:
    return kNothingToPop;
  case Status::corrupt:
    return kCorruptStack;
  default:
    return __builtin_nan("");
  }
}

double stack_pop_or_nan(uint32_t handle) noexcept {
  const double value = stack_pop(handle);
  return value == kNothingToPop || value == kCorruptStack ? __builtin_nan("") : value;
}

uint32_t list_push(uint32_t handle, uint32_t node) noexcept {
  const Region* region = find_region(handle, Kind::list);
  return answer(region == nullptr ? Status::bad_handle : rseq::list_push(*region, node));
}

int32_t list_pop(uint32_t handle) noexcept {
  const Region* region = find_region(handle, Kind::list);
  uint32_t node = 0;
  const Status status = region == nullptr ? Status::bad_handle : rseq::list_pop(*region, node);
  return answer(status, node);
}

int32_t pool_alloc(uint32_t handle) noexcept {
  const Region* region = find_region(handle, Kind::pool);
  uint32_t block = 0;
  const Status status = region == nullptr ? Status::bad_handle : rseq::pool_alloc(*region, block);
  return answer(status, block);
}

uint32_t pool_free(uint32_t handle, uint32_t block) noexcept {
  const Region* region = find_region(handle, Kind::pool);
  return answer(region == nullptr ? Status::bad_handle : rseq::pool_free(*region, block));
}

uint32_t ring_write(uint32_t handle, uint32_t length) noexcept {
  const RingSeat* seat = ring_seats.find(handle);
  return answer(seat == nullptr || handle == 0 ? Status::bad_handle : rseq::ring_write(*seat, length));
}

} // namespace addon
} // namespace rseq
