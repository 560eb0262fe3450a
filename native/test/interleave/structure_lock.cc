// A lock of this CPU: a word that names its holder, 0 when free.
#include "retry.h"

namespace percpu::interleave {
namespace {

/** The holder of the lock in state 1. */
constexpr int64_t kHolder = 7;

struct Shard {
  int64_t holder;
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory& memory, Index, uint32_t state) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    memory.shard<Shard>(i).holder = state == 0 ? 0 : kHolder;
}

const Structure lock = {"lock", size, 2, set_up, nullptr};

/** Sets the word to `to` if it is `from`; answers kBusy if it is not. */
Answer exchange_model(const Call& call, uint32_t shard, int64_t from, int64_t to) {
  int64_t& holder = call.memory.shard<Shard>(shard).holder;
  if (holder != from)
    return kBusy;
  holder = to;
  return 0;
}

Answer exchange(const Call& call, Answer (*model)(const Call&, uint32_t), int64_t from, int64_t to) {
  return retry(call, model, [&](const Here& here, Answer& answer) {
    const Outcome outcome = load_cbne_store(here, &call.memory.shard<Shard>(here.index).holder, from, to);
    if (outcome != Outcome::compare_failed)
      return outcome;
    answer = kBusy;
    return Outcome::done;
  });
}

Answer acquire_model(const Call& call, uint32_t shard) {
  return exchange_model(call, shard, 0, call.role + 1);
}

Answer acquire(const Call& call) {
  return exchange(call, acquire_model, 0, call.role + 1);
}

Answer release_model(const Call& call, uint32_t shard) {
  return exchange_model(call, shard, kHolder, 0);
}

Answer release(const Call& call) {
  return exchange(call, release_model, kHolder, 0);
}

const Rows rows({
    {"acquire", &lock, acquire, acquire_model, kAttempts, false, true},
    {"release", &lock, release, release_model, kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave
