// A word that is waited for, and what was last seen of it.
#include "retry.h"

namespace percpu::interleave {
namespace {

/** What the word is waited to become; it is that in state 1. */
constexpr uint32_t kAwaited = 9;
constexpr uint32_t kOther = 4;

union Shard {
  struct {
    uint32_t word;
    uint32_t seen;
  };
  int64_t both;
};

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory& memory, Index, uint32_t state) {
  for (uint32_t i = 0; i <= memory.shards; i++)
    memory.shard<Shard>(i).word = state == 0 ? kOther : kAwaited;
}

const Structure spin = {"spin", size, 2, set_up, nullptr};

Answer look_model(const Call& call, uint32_t shard) {
  Shard& it = call.memory.shard<Shard>(shard);
  it.seen = it.word;
  return 0;
}

/** Notes what the word is, after waiting a little for it to become kAwaited. */
Answer look(const Call& call) {
  return retry(call, look_model, [&](const Here& here, Answer&) {
    Shard& it = call.memory.shard<Shard>(here.index);
    return load_spin_store(here, &it.word, kAwaited, 2, &it.seen);
  });
}

int64_t both_of(uint32_t word) {
  const uint64_t wide = word;
  return static_cast<int64_t>(wide << 32 | wide);
}

Answer change_model(const Call& call, uint32_t shard) {
  call.memory.shard<Shard>(shard).both = both_of(call.role + 1);
  return 0;
}

/** Changes the word, and what was seen of it, at once. */
Answer change(const Call& call) {
  return retry(call, change_model, [&](const Here& here, Answer&) {
    int64_t& both = call.memory.shard<Shard>(here.index).both;
    return load_cbne_store(here, &both, read(both), both_of(call.role + 1));
  });
}

const Rows rows({
    {"look", &spin, look, look_model, kAttempts, false, true},
    {"change", &spin, change, change_model, kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave
