// A counter behind a table: the shard's entry points to the word that additions go to.
#include "retry.h"

namespace percpu::interleave {
namespace {

struct Shard {
  int64_t words[2];
  intptr_t unused; ///< So that the entry has an offset.
  intptr_t entry;  ///< Address of the current word.
  intptr_t table;  ///< Address of `unused`, where the table begins.
};

constexpr intptr_t kEntryOffset = sizeof(intptr_t);

size_t size(uint32_t shards) {
  return (shards + 1) * sizeof(Shard);
}

void set_up(const Memory& memory, Index, uint32_t) {
  for (uint32_t i = 0; i <= memory.shards; i++) {
    Shard& shard = memory.shard<Shard>(i);
    shard.table = reinterpret_cast<intptr_t>(&shard.unused);
    shard.entry = reinterpret_cast<intptr_t>(&shard.words[0]);
  }
}

const Structure table = {"table", size, 1, set_up, nullptr};

int64_t delta(const Call& call) {
  return int64_t{3} * (call.role + 1);
}

Answer add_model(const Call& call, uint32_t shard) {
  *reinterpret_cast<int64_t*>(call.memory.shard<Shard>(shard).entry) += delta(call);
  return 0;
}

Answer add(const Call& call) {
  return retry(call, add_model, [&](const Here& here, Answer&) {
    return load_add_load_load_add_store(here, &call.memory.shard<Shard>(here.index).table, kEntryOffset, delta(call));
  });
}

/** The word that the entry does not point to. */
intptr_t other(Shard& shard, intptr_t entry) {
  return reinterpret_cast<intptr_t>(entry == reinterpret_cast<intptr_t>(&shard.words[0]) ? &shard.words[1]
                                                                                         : &shard.words[0]);
}

/** Points the entry to the other word. Answers which one it pointed to. */
Answer turn_model(const Call& call, uint32_t shard) {
  Shard& it = call.memory.shard<Shard>(shard);
  const intptr_t left = it.entry;
  it.entry = other(it, left);
  return left;
}

Answer turn(const Call& call) {
  return retry(call, turn_model, [&](const Here& here, Answer& answer) {
    Shard& it = call.memory.shard<Shard>(here.index);
    answer = read(it.entry);
    return load_cbne_store(here, &it.entry, answer, other(it, answer));
  });
}

const Rows rows({
    {"add", &table, add, add_model, kAttempts, false, true},
    {"turn", &table, turn, turn_model, kAttempts, false, true},
});

} // namespace
} // namespace percpu::interleave
