// Arrays of words, and vectors of operations on them. A step's element is a word's number, or a shard's.
#include "../../percpu/opv.h"
#include "step.h"

namespace percpu::fuzz {
namespace {

WordAct act_of(const Step& step) {
  const auto value = static_cast<int64_t>(step.value);
  return {static_cast<Act>(step.small % 4), value, value >> 1};
}

/** A vector of which the step says length and kinds, some of them beyond what there is. */
void run_vector(const Region& region, const Step& step) {
  OpvOperation vector[kOpvMost + 2];
  const uint32_t count = step.small % (kOpvMost + 3);
  for (uint32_t k = 0; k < count; k++) {
    const auto chosen = static_cast<uint32_t>(step.value >> (3 * k));
    vector[k] = {chosen % (kOpvKinds + 1), step.element + k % 3, chosen, 0, static_cast<int64_t>(step.value)};
  }
  uint32_t position = 0;
  cpu_opv(region, step.element % (region.shards + 2), vector, count, position);
}

} // namespace

void run_array_step(const Region& region, const Step& step) {
  ActAnswer answer = {};
  int64_t word = 0;
  const uint32_t shard = step.small;
  switch (step.operation % 6) {
  case 0:
  case 1:
    array_act(region, step.element, act_of(step), answer);
    break;
  case 2:
    array_get(region, shard, step.element, word);
    break;
  case 3:
    if (array_stop(region, shard) == Status::ok) {
      array_act_on(region, shard, step.element, act_of(step), word);
      run_vector(region, step);
      array_resume(region, shard);
    }
    break;
  case 4:
    run_vector(region, step);
    break;
  case 5:
    array_act_on(region, shard, step.element, act_of(step), word);
    array_resume(region, shard);
    break;
  }
}

} // namespace percpu::fuzz
