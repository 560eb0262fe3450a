#include "../../percpu/counter_tree.h"
#include "../../rseq/cpus.h"
#include "../../rseq/registered_thread.h"
#include "memory.h"
#include "place.h"

#include <cmath>
#include <thread>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

/** A counter with a tree, with its own memory. */
struct Tree {
  explicit Tree(uint32_t in_step, uint32_t shards = possible_cpus(), Writers writers = Writers::sections)
      : step(in_step), memory(region_size(shards, kTreeLength)) {
    const RegionSpec spec = {Kind::counters, Element::i64, Index::cpu_id, writers, shards, kTreeLength};
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::counters, region), RegionError::none);
  }
  void add(int64_t delta) const { CHECK_EQUAL(counter_tree_add(region, step, delta), Status::ok); }
  int64_t value() const { return counter_sum_i64(region, kTreeTotal); }
  double approximate() const { return counter_tree_approximate(region, step); }
  /** By how many steps the tree is wrong. */
  double error() const { return std::fabs(approximate() - static_cast<double>(value())) / step; }
  uint64_t& leaf(uint32_t shard) const { return *word_at<uint64_t>(region, shard, kTreeLeaf); }

  uint32_t step;
  Memory memory;
  Region region;
};

} // namespace

TEST(a_tree_carries_whole_steps) {
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    const Tree tree(100, 1, writers);
    for (uint32_t i = 0; i < 99; i++)
      tree.add(1);
    CHECK_EQUAL(tree.approximate(), 0);
    tree.add(1);
    CHECK_EQUAL(tree.approximate(), 100);
    tree.add(-99);
    CHECK_EQUAL(tree.approximate(), 100);
    tree.add(-1);
    CHECK_EQUAL(tree.approximate(), 0);
    tree.add(-1'000'001);
    CHECK_EQUAL(tree.approximate(), -1'000'100);
    CHECK_EQUAL(tree.value(), -1'000'001);
  }
}

TEST(a_tree_of_many_shards_has_the_parts_of_all) {
  // The shards of CPUs that this machine does not have are filled by hand; an addition of any thread carries one of
  // them.
  for (const uint32_t shards : {1u, 2u, 31u, 32u, 33u, 64u, 512u, 1000u}) {
    const Tree tree(10, shards);
    int64_t wanted = 0;
    for (uint32_t shard = 0; shard <= shards; shard++) {
      const int64_t part = shard % 3 == 0 ? -10 * int64_t{shard} : 30 * int64_t{shard};
      *word_at<int64_t>(tree.region, shard, kTreeTotal) = part;
      detail::counter_tree_carry(tree.region, shard, tree.step);
      wanted += part;
      CHECK_EQUAL(tree.approximate(), static_cast<double>(wanted));
    }
    CHECK_EQUAL(tree.value(), wanted);
  }
}

TEST(a_leaf_on_its_way_is_carried_by_the_next_addition) {
  const Tree tree(100);
  const uint32_t shards = tree.region.shards + 1;
  // As threads leave them that end behind their change of the leaf, on all CPUs.
  for (uint32_t shard = 0; shard < shards; shard++) {
    *word_at<int64_t>(tree.region, shard, kTreeTotal) = 500;
    tree.leaf(shard) = (uint64_t{5} << detail::kNodeCountBits) + detail::kOnItsWay;
  }
  CHECK_EQUAL(tree.value(), 500 * shards);
  CHECK_EQUAL(tree.approximate(), 0);
  tree.add(1);
  CHECK(tree.approximate() >= 500);
  uint32_t arrived = 0;
  for (uint32_t shard = 0; shard < shards; shard++) {
    arrived += (tree.leaf(shard) & detail::kOnItsWay) == 0 ? 1 : 0;
    detail::counter_tree_carry(tree.region, shard, tree.step);
  }
  CHECK_EQUAL(arrived, 1u);
  CHECK_EQUAL(tree.approximate(), 500 * shards);
}

TEST(words_of_a_tree_that_were_overwritten_end_no_addition) {
  const Tree tree(64, 2);
  for (uint64_t pattern : {UINT64_MAX, uint64_t{1} << 63, uint64_t{1}, uint64_t{0xfff}, UINT64_MAX >> 1}) {
    for (uint32_t shard = 0; shard <= 2; shard++)
      for (uint32_t i = 0; i < kTreeLength; i++)
        *word_at<uint64_t>(tree.region, shard, i) = pattern;
    tree.add(1);
    tree.add(INT64_MIN);
    tree.add(INT64_MAX);
    CHECK(std::isfinite(tree.approximate()));
  }
}

TEST(threads_that_carry_at_once_leave_no_error) {
  constexpr uint32_t kThreads = 4;
  constexpr uint32_t kAdditions = 200'000;
  const Tree tree(2);
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < kThreads; thread++)
    threads.emplace_back([&, thread] {
      const RegisteredThread registered;
      for (uint32_t i = 0; i < kAdditions; i++)
        counter_tree_add(tree.region, tree.step, i % 5 == thread ? -7 : 3);
    });
  for (std::thread& thread : threads)
    thread.join();
  int64_t wanted = 0;
  for (uint32_t thread = 0; thread < kThreads; thread++)
    for (uint32_t i = 0; i < kAdditions; i++)
      wanted += i % 5 == thread ? -7 : 3;
  CHECK_EQUAL(tree.value(), wanted);
  CHECK(tree.error() < kTreeLateSteps * (tree.region.shards + 1));
  // Nobody is in the middle of a carry, and each shard is less than three steps away from its leaf.
  int64_t leaves = 0;
  for (uint32_t shard = 0; shard <= tree.region.shards; shard++) {
    const int64_t steps = detail::steps_of(tree.leaf(shard));
    const int64_t apart = *word_at<int64_t>(tree.region, shard, kTreeTotal) - steps * tree.step;
    CHECK((tree.leaf(shard) & detail::kOnItsWay) == 0);
    const int64_t most = int64_t{kTreeLateSteps} * tree.step;
    CHECK(apart < most && -apart < most);
    leaves += steps;
  }
  CHECK_EQUAL(tree.approximate(), static_cast<double>(leaves * tree.step));
}
