// A counter: one word a shard.
#include "retry.h"

namespace percpu::interleave {
namespace {

struct Shard {
  int64_t value;
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory& memory, Index, uint32_t) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    memory.shard<Shard>(i).value = 5;
}

const Structure word = {"word", size, 1, set_up, nullptr};

int64_t delta(const Call& call) {
  return int64_t{3} * (call.role + 1);
}

Answer add_model(const Call& call, uint32_t shard) {
  call.memory.shard<Shard>(shard).value += delta(call);
  return 0;
}

Answer add(const Call& call) {
  return retry(call, add_model, [&](const Here& here, Answer&) {
    return load_add_store(here, &call.memory.shard<Shard>(here.index).value, delta(call));
  });
}

/** Adds by the section with a delay in it. */
Answer add_slowly(const Call& call) {
  return retry(call, add_model, [&](const Here& here, Answer&) {
    uint32_t entered = 0;
    return load_store_spin_add_store(here, &call.memory.shard<Shard>(here.index).value, delta(call), &entered, 2);
  });
}

/** Doubles the word: does not commute with an addition. Answers what it held. */
Answer scale_model(const Call& call, uint32_t shard) {
  int64_t& value = call.memory.shard<Shard>(shard).value;
  const int64_t old = value;
  value = 2 * old;
  return old;
}

Answer scale(const Call& call) {
  return retry(call, scale_model, [&](const Here& here, Answer& answer) {
    int64_t& value = call.memory.shard<Shard>(here.index).value;
    answer = read(value);
    return load_cbne_store(here, &value, answer, 2 * answer);
  });
}

const Rows rows({
    {"add", &word, add, add_model, kAttempts, false, true},
    {"add_slowly", &word, add_slowly, add_model, kAttempts, false, true},
    {"scale", &word, scale, scale_model, kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave
