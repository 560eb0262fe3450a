// A counter of doubles: one a shard.
#include "retry.h"

#include <cstring>

namespace percpu::interleave {
namespace {

struct Shard {
  double value;
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory& memory, Index, uint32_t) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    memory.shard<Shard>(i).value = 2.5;
}

const Structure floating = {"double", size, 1, set_up, nullptr};

double delta(const Call& call) {
  return 0.5 * (call.role + 1);
}

Answer add_model(const Call& call, uint32_t shard) {
  call.memory.shard<Shard>(shard).value += delta(call);
  return 0;
}

Answer add(const Call& call) {
  return retry(call, add_model, [&](const Here& here, Answer&) {
    return load_add_store_f64(here, &call.memory.shard<Shard>(here.index).value, delta(call));
  });
}

/** The bits of a double, for sections and answers, which know integers. */
int64_t bits(double value) {
  int64_t word;
  memcpy(&word, &value, sizeof(word));
  return word;
}

/** Doubles the value. Answers the bits it held. */
Answer scale_model(const Call& call, uint32_t shard) {
  double& value = call.memory.shard<Shard>(shard).value;
  const double old = value;
  value = 2 * old;
  return bits(old);
}

Answer scale(const Call& call) {
  return retry(call, scale_model, [&](const Here& here, Answer& answer) {
    double& value = call.memory.shard<Shard>(here.index).value;
    double old;
    __atomic_load(&value, &old, __ATOMIC_RELAXED);
    answer = bits(old);
    return load_cbne_store(here, reinterpret_cast<int64_t*>(&value), answer, bits(2 * old));
  });
}

const Rows rows({
    {"add", &floating, add, add_model, kAttempts, false, true},
    {"scale", &floating, scale, scale_model, kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave
