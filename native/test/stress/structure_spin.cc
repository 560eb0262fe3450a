// A word in both halves of a shard: one step waits for the left one and copies it, another changes both.
#include "structure.h"

#include <atomic>

namespace percpu::stress {
namespace {

class Spin : public Structure {
public:
  Spin(uint32_t count, const Options&) : shards(count) {}

  void step(Worker& worker) override {
    const bool changes = worker.counts.steps % 2 == 0;
    const bool done = worker.try_here([&](const Here& here) {
      Shard& shard = shards[here.index];
      return changes ? change(here, shard) : load_spin_store(here, &shard.words[0], kNever, kSpins, &shard.words[1]);
    });
    if (changes && !done)
      left_out++;
    changes_wanted += changes;
  }

  std::string check(const Counts&) override {
    uint64_t sum = left_out;
    for (const Shard& shard : shards)
      sum += static_cast<uint32_t>(shard.both);
    return torn != 0 ? std::to_string(torn.load()) + " old words were copied" : compare("changed", sum, changes_wanted);
  }

private:
  union alignas(kShardAlignment) Shard {
    uint32_t words[2];
    int64_t both = 0;
  };
  static constexpr uint32_t kNever = UINT32_MAX;
  static constexpr uint64_t kSpins = 20;

  /** Adds 1 to both halves, which are equal whenever a section may look. */
  Outcome change(const Here& here, Shard& shard) {
    const uint64_t both = static_cast<uint64_t>(read(shard.both));
    const uint32_t word = static_cast<uint32_t>(both);
    const uint64_t next = word + 1;
    const Outcome outcome =
        load_cbne_store(here, &shard.both, static_cast<int64_t>(both), static_cast<int64_t>(next << 32 | next));
    if (outcome == Outcome::done && both >> 32 != word)
      torn++;
    return outcome;
  }

  std::vector<Shard> shards;
  std::atomic<uint64_t> changes_wanted{0};
  std::atomic<uint64_t> left_out{0};
  std::atomic<uint64_t> torn{0};
};

const Rows rows({{"spin", "load_spin_store: a word that is waited for", make<Spin>, true}});

} // namespace
} // namespace percpu::stress
