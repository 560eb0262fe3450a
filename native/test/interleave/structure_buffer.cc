// A buffer of words: a count and slots a shard, filled and emptied at the end.
#include "retry.h"

#include <cstring>

namespace percpu::interleave {
namespace {

constexpr int64_t kCapacity = 3;

struct Shard {
  int64_t count;
  int64_t slots[kCapacity];
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory& memory, Index, uint32_t state) {
  for (uint32_t i = 0; i <= memory.shards; i++) {
    Shard& shard = memory.shard<Shard>(i);
    shard.count = state;
    for (uint32_t n = 0; n < state; n++)
      shard.slots[n] = 50 + n;
  }
}

/** A slot that a push wrote and did not commit is not part of the contents. */
void tidy(const Memory& memory) {
  for (uint32_t i = 0; i <= memory.shards; i++) {
    Shard& shard = memory.shard<Shard>(i);
    for (int64_t n = shard.count; n >= 0 && n < kCapacity; n++)
      shard.slots[n] = 0;
  }
}

const Structure buffer = {"buffer", size, 3, set_up, tidy};

int64_t value_of(const Call& call) {
  return 10 + call.role;
}

Answer push_model(const Call& call, uint32_t shard) {
  Shard& it = call.memory.shard<Shard>(shard);
  if (it.count == kCapacity)
    return kFull;
  it.slots[it.count++] = value_of(call);
  return 0;
}

Answer push(const Call& call) {
  return retry(call, push_model, [&](const Here& here, Answer& answer) {
    Shard& it = call.memory.shard<Shard>(here.index);
    const int64_t count = read(it.count);
    if (count == kCapacity) {
      answer = kFull;
      return Outcome::done;
    }
    return load_cbne_store_store(here, call.order, &it.count, count, &it.slots[count], value_of(call), count + 1);
  });
}

Answer pop_model(const Call& call, uint32_t shard) {
  Shard& it = call.memory.shard<Shard>(shard);
  return it.count == 0 ? kEmpty : it.slots[--it.count];
}

/** Compares the slot, too: after a pop and a push, the count is equal again. */
Answer pop(const Call& call) {
  return retry(call, pop_model, [&](const Here& here, Answer& answer) {
    Shard& it = call.memory.shard<Shard>(here.index);
    const int64_t count = read(it.count);
    if (count == 0) {
      answer = kEmpty;
      return Outcome::done;
    }
    int64_t& last = it.slots[count - 1];
    answer = read(last);
    return load_cbne_load_cbne_store(here, &it.count, count, &last, answer, count - 1);
  });
}

const Rows rows({
    {"push", &buffer, push, push_model, kAttempts, true, true},
    {"pop", &buffer, pop, pop_model, kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave
