/**
 * @file
 * A counter with a hint of its value that one load reads: the idea of librseq's percpu_counter_tree.
 *
 * The shards count exactly, as in counter.h, and nothing is ever taken out of them. Beside that, each shard has a leaf:
 * how many whole steps of it the tree has counted. An addition that finds its shard a step away from its leaf
 * carries: it writes the leaf, then the sum of a group of leaves, then the sum of all groups.
 *
 *     shard 0   | total |  leaf  |  sum of the leaves of shards 0 to 31
 *     shard 1   | total |  leaf  |  -
 *     ...
 *     shard 32  | total |  leaf  |  sum of the leaves of shards 32 to 63
 *     ...
 *     overflow  | total |  leaf  |  -  |  top: the sum of all groups, and the overflow shard's leaf
 *
 * Each node is computed anew from what is below it, and never changed by a difference. So a thread that ends in the
 * middle of a carry leaves nodes that are late, but none that is wrong for ever: its leaf says that it is on its way,
 * and the next addition to that shard carries it on. docs/protocols/counter-carry.md has the argument, and the bound.
 *
 * The region is one of i64 counters with kTreeLength words in a shard. All functions are thread-safe and may run at
 * once in any number of threads and processes.
 */
#ifndef RSEQ_PERCPU_COUNTER_TREE_H
#define RSEQ_PERCPU_COUNTER_TREE_H

#include "counter.h"

namespace percpu {

/** The words of a shard. The nodes are not in the cache line of the total, which other CPUs must not touch. */
enum TreeWord : uint32_t {
  kTreeTotal = 0,
  kTreeLeaf = 8,
  kTreeGroup = 9, ///< In the first shard of a group.
  kTreeTop = 10,  ///< In the overflow shard.
};
constexpr uint32_t kTreeLength = kTreeTop + 1;

/** The shards of a group. The overflow shard is in no group. */
constexpr uint32_t kTreeGroupShards = 32;

/** In each shard, the tree may be wrong by less than so many steps. */
constexpr uint32_t kTreeLateSteps = 3;

namespace detail {

/**
 * A node is a number of steps in its upper 52 bits, modulo 2^52, and below it a count of its changes: an exchange
 * fails if the node has changed since it was loaded. The count of a leaf is odd while the leaf is on its way to the
 * top.
 */
constexpr uint32_t kNodeCountBits = 12;
constexpr uint64_t kOnItsWay = 1;

inline int64_t steps_of(uint64_t node) noexcept {
  return static_cast<int64_t>(node) >> kNodeCountBits;
}

/** Whether the tree need not be told of a shard with this total and leaf. */
inline bool is_carried(int64_t total, uint64_t leaf, uint32_t step) noexcept {
  const uint64_t carried = static_cast<uint64_t>(steps_of(leaf)) * step;
  const uint64_t above = static_cast<uint64_t>(total) - carried + (step - uint64_t{1});
  return above < 2 * uint64_t{step} - 1 && (leaf & kOnItsWay) == 0;
}

/** Adds to the total and carries, in all cases. */
Status counter_tree_add_slow(const Region& region, uint32_t step, int64_t delta) noexcept;

/** Brings what `shard` has counted up to the top. O(shards / kTreeGroupShards + kTreeGroupShards), bounded. */
void counter_tree_carry(const Region& region, uint32_t shard, uint32_t step) noexcept;

} // namespace detail

/** Whether a region has the words of a tree. */
inline bool is_counter_tree(const Region& region) noexcept {
  return region.kind == Kind::counters && region.element == Element::i64 && region.length == kTreeLength;
}

/**
 * Adds `delta`, and carries if this CPU's part is a step or more away from what the tree has of it. Wait-free: O(1),
 * and O(shards / 32 + 32) once in a step.
 * @param step at least 1; the same in all calls.
 * @return ok.
 */
inline Status counter_tree_add(const Region& region, uint32_t step, int64_t delta) noexcept {
  const Here place = __builtin_expect(region.is_direct, true) ? libc_here() : here(region.index);
  const uint32_t shard = place.index;
  if (__builtin_expect(
          shard >= region.section_shards || detail::add_here(region, place, kTreeTotal, delta) != Outcome::done, false))
    return detail::counter_tree_add_slow(region, step, delta);
  const int64_t total = __atomic_load_n(word_at<int64_t>(region, shard, kTreeTotal), __ATOMIC_RELAXED);
  const uint64_t leaf = __atomic_load_n(word_at<uint64_t>(region, shard, kTreeLeaf), __ATOMIC_RELAXED);
  // A delta of a step or more always carries, as the bound needs: this check is not ordered after the addition.
  const bool is_small = static_cast<uint64_t>(delta) + (step - uint64_t{1}) < 2 * uint64_t{step} - 1;
  if (__builtin_expect(!is_small || !detail::is_carried(total, leaf, step), false))
    detail::counter_tree_carry(region, shard, step);
  return Status::ok;
}

/**
 * The value as the tree knows it, by one load; O(1). It differs by less than
 * kTreeLateSteps x step x (shards + 1) from the sum of all additions that have returned, of which those still
 * running, and those whose thread was ended within, may be missing until the next addition to the same shard.
 */
inline double counter_tree_approximate(const Region& region, uint32_t step) noexcept {
  const uint64_t top = __atomic_load_n(word_at<uint64_t>(region, region.shards, kTreeTop), __ATOMIC_RELAXED);
  return static_cast<double>(detail::steps_of(top)) * static_cast<double>(step);
}

} // namespace percpu

#endif // RSEQ_PERCPU_COUNTER_TREE_H
