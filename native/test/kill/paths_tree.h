/**
 * @file
 * Additions to a counter with a tree, each of which carries.
 */
#ifndef RSEQ_KILL_PATHS_TREE_H
#define RSEQ_KILL_PATHS_TREE_H

#include "../../percpu/counter_tree.h"
#include "path.h"

namespace percpu::kill_test {

constexpr uint32_t kTreeStep = 4;

class TreePath : public Path {
public:
  TreePath()
      : Path({Kind::counters, Element::i64, Index::cpu_id, Writers::sections, possible_cpus(), kTreeLength,
              Policy::none, 0, 0, false, true}) {
    counter_tree_add(region, kTreeStep, 1);
    keep();
  }

  void act() override {
    const Region own = opened();
    counter_tree_add(own, kTreeStep, 10);
    counter_tree_add(own, kTreeStep, -30);
  }

  /** The value must be that between two additions. What an addition to each shard would look for, it finds. */
  const char* judge() override {
    const int64_t value = sum();
    if (value != 1 && value != 11 && value != -19)
      return "the value is that of no number of additions";
    int64_t top = 0;
    for (uint32_t shard = 0; shard <= region.shards; shard++) {
      if (shard >= shards_now() && shard != region.shards)
        continue;
      if (!is_carried(shard))
        detail::counter_tree_carry(region, shard, kTreeStep);
      if (!is_carried(shard))
        return "a shard cannot be carried";
      top += detail::steps_of(*word_at<uint64_t>(region, shard, kTreeLeaf));
    }
    if (counter_tree_approximate(region, kTreeStep) != static_cast<double>(top * kTreeStep))
      return "the top is not the sum of the leaves";
    return nullptr;
  }

protected:
  virtual int64_t sum() const {
    int64_t value = 0;
    counter_sum(region, kTreeTotal, value);
    return value;
  }

private:
  /** The shards that are allocated, after sum() has looked. */
  uint32_t shards_now() const { return region.section_shards; }

  bool is_carried(uint32_t shard) const {
    return detail::is_carried(*word_at<int64_t>(region, shard, kTreeTotal),
                              *word_at<uint64_t>(region, shard, kTreeLeaf), kTreeStep);
  }
};

} // namespace percpu::kill_test

#endif // RSEQ_KILL_PATHS_TREE_H
