#include "counter_tree.h"

#include "extents.h"

namespace percpu {
namespace tree {

/** Bounds a carry. A round fails only if another thread has changed the leaf, which then carries it itself. */
constexpr uint32_t kRounds = 16;

/** Who finds twice that a node has changed since he loaded it need not try again: see refresh(). */
constexpr uint32_t kRefreshes = 2;

constexpr uint64_t kCountMask = (uint64_t{1} << detail::kNodeCountBits) - 1;

uint64_t node_of(uint64_t steps, uint64_t count) noexcept {
  return (steps << detail::kNodeCountBits) | (count & kCountMask);
}

/**
 * Barrier W: pairs with V in native/percpu/counter_tree.cc. All changes of nodes are in one order, with the loads that
 * they are computed from: who changes a leaf loads the total again after that.
 */
bool change(uint64_t* node, uint64_t seen, uint64_t next) noexcept {
  return __atomic_compare_exchange_n(node, &seen, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/** Adds the steps of a node below to `sum`, which wraps. */
void add_node(const Region& region, uint32_t shard, TreeWord word, uint64_t& sum) noexcept {
  const uint64_t node = __atomic_load_n(word_at<uint64_t>(region, shard, word), __ATOMIC_SEQ_CST);
  sum += static_cast<uint64_t>(detail::steps_of(node));
}

/**
 * Computes a node from what is below it. `add_below` adds that up.
 *
 * If both exchanges fail, another thread's exchange succeeded in each round. The second of these threads loaded the
 * node after the first one's exchange, and therefore read what is below later than this thread was called: the node
 * contains what this thread has brought. If nothing has changed, the node is exchanged nevertheless: its new count
 * makes the exchange of a thread fail that has read something older.
 */
template <typename AddBelow> void refresh(const Region& region, uint64_t* node, AddBelow add_below) noexcept {
  for (uint32_t tries = 0; tries < kRefreshes; tries++) {
    const uint64_t seen = __atomic_load_n(node, __ATOMIC_SEQ_CST);
    // After the node was loaded: if shards are allocated later, the thread that writes there changes the node, too.
    if (see_shards(region) != Status::ok)
      return;
    uint64_t sum = 0;
    add_below(shards_seen(region), sum);
    if (change(node, seen, node_of(sum, seen + 1)))
      return;
  }
}

void refresh_group(const Region& region, uint32_t first) noexcept {
  refresh(region, word_at<uint64_t>(region, first, kTreeGroup), [&](uint32_t seen, uint64_t& sum) {
    for (uint32_t shard = first; shard < seen && shard < first + kTreeGroupShards; shard++)
      add_node(region, shard, kTreeLeaf, sum);
  });
}

void refresh_top(const Region& region) noexcept {
  refresh(region, word_at<uint64_t>(region, region.shards, kTreeTop), [&](uint32_t seen, uint64_t& sum) {
    for (uint32_t first = 0; first < seen; first += kTreeGroupShards)
      add_node(region, first, kTreeGroup, sum);
    add_node(region, region.shards, kTreeLeaf, sum);
  });
}

/** The number of whole steps in a total, rounded down. */
int64_t whole_steps(int64_t total, uint32_t step) noexcept {
  const int64_t quotient = total / step;
  return total % step < 0 ? quotient - 1 : quotient;
}

} // namespace tree

void detail::counter_tree_carry(const Region& region, uint32_t shard, uint32_t step) noexcept {
  using namespace tree;
  uint64_t* const leaf = word_at<uint64_t>(region, shard, kTreeLeaf);
  for (uint32_t round = 0; round < kRounds; round++) {
    // Barrier V: pairs with W in native/percpu/counter_tree.cc. This thread's addition becomes visible before it looks
    // at the leaf.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    const uint64_t seen = __atomic_load_n(leaf, __ATOMIC_SEQ_CST);
    const int64_t total = __atomic_load_n(word_at<int64_t>(region, shard, kTreeTotal), __ATOMIC_SEQ_CST);
    if (is_carried(total, seen, step))
      return;
    const auto steps = static_cast<uint64_t>(whole_steps(total, step));
    const uint64_t next = node_of(steps, (seen + 1) | kOnItsWay);
    if (!change(leaf, seen, next))
      continue;
    if (shard != region.shards)
      refresh_group(region, shard - shard % kTreeGroupShards);
    refresh_top(region);
    change(leaf, next, node_of(steps, next + 1));
  }
}

Status detail::counter_tree_add_slow(const Region& region, uint32_t step, int64_t delta) noexcept {
  counter_tree_carry(region, counter_add_somewhere(region, kTreeTotal, delta), step);
  return Status::ok;
}

} // namespace percpu
