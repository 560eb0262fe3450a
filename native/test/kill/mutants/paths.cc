// Paths that are broken on purpose: kill-mutants must report them.
#include "../paths_tree.h"
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

/** Moves whole steps from the shard to the top: on the way they are in neither. */
class MovedCarry : public TreePath {
public:
  void act() override {
    const Region own = opened();
    for (const int64_t delta : {int64_t{10}, int64_t{-30}}) {
      counter_add(own, kTreeTotal, delta);
      const uint32_t cpu = here(Index::cpu_id).index;
      const int64_t steps = *word_at<int64_t>(own, cpu, kTreeTotal) / kTreeStep;
      __atomic_fetch_sub(word_at<int64_t>(own, cpu, kTreeTotal), steps * kTreeStep, __ATOMIC_RELAXED);
      __atomic_fetch_add(word_at<int64_t>(own, own.shards, kTreeTop), steps, __ATOMIC_RELAXED);
    }
  }

protected:
  int64_t sum() const override {
    return TreePath::sum() + *word_at<int64_t>(region, region.shards, kTreeTop) * kTreeStep;
  }
};

const PathRows rows({
    {"mutant/unnoted move", make_path<UnnotedMove>},
    {"mutant/early gift", make_path<EarlyGift>},
    {"mutant/moved carry", make_path<MovedCarry>},
});

} // namespace
} // namespace percpu::kill_test
