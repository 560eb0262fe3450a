/**
 * @file
 * Pools and lists in memory that processes share, for tests.
 */
#ifndef RSEQ_TEST_SHARED_UNITS_H
#define RSEQ_TEST_SHARED_UNITS_H

#include "../../percpu/holder.h"
#include "../../percpu/list.h"
#include "../../percpu/pool.h"
#include "processes.h"

#include <cstring>
#include <set>
#include <vector>

namespace percpu::test {

constexpr uint32_t kShards = 1u << 8; ///< More than the machine that runs this has CPUs.
constexpr uint32_t kCache = 8;

/** A region with units, in a service of its own. */
class SharedUnits : private Processes, public SharedRegion {
public:
  SharedUnits(Kind kind, uint32_t units, bool is_checked) : SharedRegion(joined(), spec(kind, units, is_checked)) {}

  uint32_t& note(uint32_t unit) const { return *unit_note(region, unit); }
  uint64_t& word(uint32_t shard, uint32_t i) const { return *word_at<uint64_t>(region, shard, i); }

  const Processes& processes = *this;
  const uint32_t service = joined();

private:
  static RegionSpec spec(Kind kind, uint32_t units, bool is_checked) {
    const bool is_pool = kind == Kind::pool;
    return {kind,
            is_pool ? Element::f64 : Element::i64,
            Index::cpu_id,
            Writers::sections,
            kShards,
            is_pool ? kStackHead + kCache : kListLength,
            Policy::none,
            units,
            64,
            is_checked,
            true};
  }
};

/** A pool whose blocks are all free and in the central store. */
class SharedPool : public SharedUnits {
public:
  explicit SharedPool(uint32_t blocks = 40, bool is_checked = false) : SharedUnits(Kind::pool, blocks, is_checked) {
    word(kShards, 0) = blocks;
    for (uint32_t block = 0; block < blocks; block++)
      put(kShards, block, block);
  }

  void put(uint32_t shard, uint32_t i, double number) const {
    memcpy(&word(shard, kStackHead + i), &number, sizeof(number));
  }

  Status alloc(uint32_t& block) const { return pool_alloc(region, block); }
  Status free(uint32_t block) const { return pool_free(region, block); }

  /** Takes blocks, up to `most`. An allocation that finds no free block looks for dead processes. */
  std::vector<uint32_t> take(uint32_t most) const {
    std::vector<uint32_t> blocks;
    uint32_t block = 0;
    while (blocks.size() < most && alloc(block) == Status::ok)
      blocks.push_back(block);
    return blocks;
  }

  /** How many blocks are free. */
  uint32_t available() const {
    uint32_t sum = 0, size = 0;
    for (uint32_t shard = 0; shard <= region.shards; shard++)
      if (CHECK_EQUAL(stack_size(region, shard, size), Status::ok))
        sum += size;
    return sum;
  }

  /** Takes a block. Its number is in the lower half, its holder in the upper one. */
  uint64_t block_and_holder() const {
    uint32_t block = 0;
    alloc(block);
    return block | uint64_t{unit_holder(region, block)} << 32;
  }

  uint32_t reclaimed() const {
    uint32_t count = 0;
    CHECK_EQUAL(pool_reclaim(region, count), Status::ok);
    return count;
  }

  /**
   * Checks that every block but `held` others is free exactly once. Takes and frees all of them, and no more: so no
   * allocation is without a block, which would give back what a dead process holds.
   */
  void check_whole(uint32_t held = 0) const {
    CHECK_EQUAL(available(), region.units - held);
    const std::vector<uint32_t> all = take(region.units - held);
    const std::set<uint32_t> different(all.begin(), all.end());
    CHECK_EQUAL(different.size(), size_t{region.units - held});
    CHECK_EQUAL(available(), 0u);
    for (const uint32_t block : different)
      CHECK_EQUAL(free(block), Status::ok);
  }
};

class SharedList : public SharedUnits {
public:
  explicit SharedList(uint32_t nodes = 40, bool is_checked = false) : SharedUnits(Kind::list, nodes, is_checked) {
    for (uint32_t node = 0; node < nodes; node++)
      CHECK_EQUAL(list_push(region, node), Status::ok);
  }

  /** Pops nodes of this CPU and of the overflow list, up to `most`. */
  std::vector<uint32_t> take(uint32_t most) const {
    std::vector<uint32_t> nodes;
    uint32_t node = 0;
    while (nodes.size() < most && list_pop(region, node) == Status::ok)
      nodes.push_back(node);
    return nodes;
  }

  uint32_t reclaimed() const {
    uint32_t count = 0;
    CHECK_EQUAL(list_reclaim(region, count), Status::ok);
    return count;
  }

  /** Checks that every node but `held` others is on a list exactly once. */
  void check_whole(uint32_t held = 0) const {
    std::vector<uint32_t> all;
    for (uint32_t shard = 0; shard <= region.shards; shard++) {
      for (uint64_t link = word(shard, 0); link != 0 && all.size() <= region.units;) {
        all.push_back(static_cast<uint32_t>(link - 1));
        link = static_cast<uint64_t>(list_links(region)[link - 1]);
      }
    }
    const std::set<uint32_t> different(all.begin(), all.end());
    CHECK_EQUAL(different.size(), size_t{region.units - held});
    CHECK_EQUAL(all.size(), different.size());
  }
};

} // namespace percpu::test

#endif // RSEQ_TEST_SHARED_UNITS_H
