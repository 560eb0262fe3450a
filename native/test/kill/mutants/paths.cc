// Paths that are broken on purpose: kill-mutants must report them.
#include "../paths_units.h"

namespace percpu::kill_test {
namespace {

/** Moves a block from the central store to a cache as in memory of one process: on the way it is in neither, without a
 * note. */
class UnnotedMove : public PoolPath {
public:
  UnnotedMove() : PoolPath(false) {}

  void act() override {
    const Region own = opened();
    const uint32_t cpu = this_cpu();
    if (stack_stop(own, own.shards) != Status::ok || stack_stop(own, cpu) != Status::ok)
      return;
    uint64_t* const central = word_at<uint64_t>(own, own.shards, 0);
    uint64_t* const cache = word_at<uint64_t>(own, cpu, 0);
    if (cache[0] != kCache) {
      const uint64_t block = central[kStackHead + central[0] - 1];
      __atomic_store_n(central, central[0] - 1, __ATOMIC_RELAXED);
      cache[kStackHead + cache[0]] = block;
      __atomic_store_n(cache, cache[0] + 1, __ATOMIC_RELEASE);
    }
    stack_resume(own, cpu);
    stack_resume(own, own.shards);
  }
};

/** Gives a block back before it is taken out of the cache: on the way it is in both. */
class EarlyGift : public PoolPath {
public:
  EarlyGift() : PoolPath(false) {}

  void act() override {
    const Region own = opened();
    const uint32_t cpu = this_cpu();
    if (stack_stop(own, own.shards) != Status::ok || stack_stop(own, cpu) != Status::ok)
      return;
    uint64_t* const central = word_at<uint64_t>(own, own.shards, 0);
    uint64_t* const cache = word_at<uint64_t>(own, cpu, 0);
    if (cache[0] != 0) {
      central[kStackHead + central[0]] = cache[kStackHead + cache[0] - 1];
      __atomic_store_n(central, central[0] + 1, __ATOMIC_RELEASE);
      __atomic_store_n(cache, cache[0] - 1, __ATOMIC_RELEASE);
    }
    stack_resume(own, cpu);
    stack_resume(own, own.shards);
  }
};

const PathRows rows({
    {"mutant/unnoted move", make_path<UnnotedMove>},
    {"mutant/early gift", make_path<EarlyGift>},
});

} // namespace
} // namespace percpu::kill_test
