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

} // namespace addon
} // namespace rseq
