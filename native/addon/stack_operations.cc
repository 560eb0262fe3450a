#include "stack_operations.h"

namespace percpu {
namespace addon {

uint32_t stack_push(uint32_t handle, double value) noexcept {
  const Region* region = find_region(handle, Kind::stack);
  return answer(region == nullptr ? Status::bad_handle : percpu::stack_push(*region, value));
}

double stack_pop(uint32_t handle) noexcept {
  const Region* region = find_region(handle, Kind::stack);
  double value = 0;
  switch (region == nullptr ? Status::bad_handle : percpu::stack_pop(*region, value)) {
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
  return value == kNothingToPop ? __builtin_nan("") : value;
}

double stack_pop_indirectly(const Region& region, Area* area, uint64_t index, uint32_t handle) noexcept {
  const uint32_t note = process_note(region.service);
  if (index >= region.direct_stacks || !has_notes(region) || region.kind != Kind::pool || note == 0)
    return stack_pop_or_nan(handle);
  double number;
  const Outcome outcome = pool_pop_noted(region, {area, static_cast<uint32_t>(index), Index::cpu_id}, note, number);
  return __builtin_expect(outcome == Outcome::done, true) ? number : __builtin_nan("");
}

int32_t list_pop_indirectly(const Region& region, Area* area, uint64_t index, uint32_t handle) noexcept {
  const uint32_t note = process_note(region.service);
  uint32_t node;
  if (index < region.shards && has_notes(region) && region.is_direct && note != 0 &&
      list_pop_noted(region, {area, static_cast<uint32_t>(index), Index::cpu_id}, note, node) == Outcome::done)
    return static_cast<int32_t>(node);
  return list_pop(handle);
}

uint32_t list_push(uint32_t handle, uint32_t node) noexcept {
  const Region* region = find_region(handle, Kind::list);
  return answer(region == nullptr ? Status::bad_handle : percpu::list_push(*region, node));
}

int32_t list_pop(uint32_t handle) noexcept {
  const Region* region = find_region(handle, Kind::list);
  uint32_t node = 0;
  const Status status = region == nullptr ? Status::bad_handle : percpu::list_pop(*region, node);
  return answer(status, node);
}

int32_t pool_alloc(uint32_t handle) noexcept {
  const Region* region = find_region(handle, Kind::pool);
  uint32_t block = 0;
  const Status status = region == nullptr ? Status::bad_handle : percpu::pool_alloc(*region, block);
  return answer(status, block);
}

uint32_t pool_free(uint32_t handle, uint32_t block) noexcept {
  const Region* region = find_region(handle, Kind::pool);
  return answer(region == nullptr ? Status::bad_handle : percpu::pool_free(*region, block));
}

} // namespace addon
} // namespace percpu
