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

} // namespace addon
} // namespace rseq
