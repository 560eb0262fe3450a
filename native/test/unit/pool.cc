#include "../../percpu/pool.h"
#include "memory.h"
#include "pinned.h"
#include "place.h"

#include <cstring>
#include <limits>
#include <set>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr uint32_t kShards = 1u << 10; ///< More than the machine that runs this has CPUs.
constexpr uint32_t kCache = 8;
constexpr uint32_t kBlocks = 40;
constexpr uint32_t kBlockSize = 100;

RegionSpec pool_spec(Index index = Index::cpu_id, Writers writers = Writers::sections, bool is_checked = false,
                     uint32_t shards = kShards) {
  return {Kind::pool,          Element::f64, index,   writers,    shards,
          kStackHead + kCache, Policy::none, kBlocks, kBlockSize, is_checked};
}

/** A pool whose blocks are all free and in the central store. */
class Pool {
public:
  explicit Pool(const RegionSpec& spec = pool_spec()) : memory(region_size(spec)) {
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::pool, region), RegionError::none);
    word(central(), 0) = kBlocks;
    for (uint32_t block = 0; block < kBlocks; block++)
      put(central(), block, block);
  }

  uint32_t central() const { return region.shards; }
  uint64_t& word(uint32_t shard, uint32_t i) const { return *word_at<uint64_t>(region, shard, i); }
  void put(uint32_t shard, uint32_t i, double number) const {
    memcpy(&word(shard, kStackHead + i), &number, sizeof(number));
  }

  Status alloc(uint32_t& block) const { return pool_alloc(region, block); }
  Status free(uint32_t block) const { return pool_free(region, block); }

  /** Takes all blocks. */
  std::vector<uint32_t> alloc_all() const {
    std::vector<uint32_t> blocks;
    uint32_t block = 0;
    while (blocks.size() <= kBlocks && alloc(block) == Status::ok)
      blocks.push_back(block);
    return blocks;
  }

  uint32_t available() const {
    uint32_t sum = 0, size = 0;
    for (uint32_t shard = 0; shard <= region.shards; shard++)
      if (CHECK_EQUAL(stack_size(region, shard, size), Status::ok))
        sum += size;
    return sum;
  }

  Memory memory;
  Region region = {};
};

/** Returns whether `blocks` are all blocks of the pool, each once. */
bool are_all(const std::vector<uint32_t>& blocks) {
  const std::set<uint32_t> different(blocks.begin(), blocks.end());
  return blocks.size() == kBlocks && different.size() == kBlocks && *different.rbegin() == kBlocks - 1;
}

/** Returns this CPU if the thread has sections; otherwise a CPU that no pool has. */
uint32_t this_cpu() {
  return here(Index::cpu_id).index;
}

} // namespace

TEST(a_pool_gives_out_each_block_once) {
  for (const Index index : {Index::cpu_id, Index::mm_cid})
    for (const Writers writers : {Writers::sections, Writers::atomics})
      for (const bool is_checked : {false, true}) {
        const Pool pool(pool_spec(index, writers, is_checked));
        for (int round = 0; round < 3; round++) {
          const std::vector<uint32_t> blocks = pool.alloc_all();
          CHECK(are_all(blocks));
          CHECK_EQUAL(pool.available(), 0u);
          uint32_t block = 0;
          CHECK_EQUAL(pool.alloc(block), Status::empty);
          for (const uint32_t taken : blocks)
            CHECK_EQUAL(pool.free(taken), Status::ok);
          CHECK_EQUAL(pool.available(), kBlocks);
        }
      }
}

TEST(half_a_cache_of_blocks_moves_at_once) {
  const Pinned pinned;
  const Pool pool;
  const uint32_t cpu = this_cpu();
  if (cpu >= kShards)
    return skip("this thread is not registered for rseq");
  uint32_t block = 0;
  CHECK_EQUAL(pool.alloc(block), Status::ok);
  CHECK_EQUAL(block, kBlocks - 1);
  CHECK_EQUAL(pool.word(cpu, 0), kCache / 2);
  CHECK_EQUAL(pool.word(pool.central(), 0), kBlocks - 1 - kCache / 2);
  // Fills the cache, and frees one more block.
  pool.word(cpu, 0) = kCache;
  pool.word(pool.central(), 0) = kBlocks - 1 - kCache;
  for (uint32_t k = 0; k < kCache; k++)
    pool.put(cpu, k, k);
  CHECK_EQUAL(pool.free(block), Status::ok);
  CHECK_EQUAL(pool.word(cpu, 0), kCache / 2);
  CHECK_EQUAL(pool.word(pool.central(), 0), kBlocks - kCache / 2);
  // If the central store has few blocks, half of them stay for other threads.
  pool.word(cpu, 0) = 0;
  pool.word(pool.central(), 0) = 4;
  CHECK_EQUAL(pool.alloc(block), Status::ok);
  CHECK_EQUAL(pool.word(cpu, 0), 2u);
  CHECK_EQUAL(pool.word(pool.central(), 0), 1u);
}

TEST(alloc_fetches_blocks_that_only_another_cpu_has) {
  for (const Writers writers : {Writers::sections, Writers::atomics}) {
    const Pool pool(pool_spec(Index::cpu_id, writers));
    const uint32_t other = kShards - 1;
    pool.word(pool.central(), 0) = 0;
    pool.word(other, 0) = 2;
    pool.put(other, 0, 7);
    pool.put(other, 1, 8);
    uint32_t first = 0, second = 0, third = 0;
    CHECK_EQUAL(pool.alloc(first), Status::ok);
    CHECK_EQUAL(pool.alloc(second), Status::ok);
    CHECK_EQUAL(pool.alloc(third), Status::empty);
    CHECK(first + second == 15 && (first == 7 || first == 8));
    CHECK_EQUAL(pool.word(other, 0), 0u);
    CHECK_EQUAL(pool.word(other, 1), 0u);
    CHECK_EQUAL(pool.word(pool.central(), 1), 0u);
  }
}

TEST(a_cpu_is_flushed_to_the_central_store) {
  const Pool pool;
  pool.word(pool.central(), 0) = kBlocks - kCache;
  pool.word(5, 0) = kCache;
  for (uint32_t k = 0; k < kCache; k++)
    pool.put(5, k, kBlocks - 1 - k);
  uint32_t count = 1;
  CHECK_EQUAL(pool_flush(pool.region, 6, count), Status::ok);
  CHECK_EQUAL(count, 0u);
  CHECK_EQUAL(pool_flush(pool.region, 5, count), Status::ok);
  CHECK_EQUAL(count, kCache);
  CHECK_EQUAL(pool.word(5, 0), 0u);
  CHECK(are_all(pool.alloc_all()));
  for (const uint32_t shard : {kShards, kShards + 1, UINT32_MAX})
    CHECK_EQUAL(pool_flush(pool.region, shard, count), Status::out_of_range);
}

TEST(a_thread_without_rseq_uses_the_central_store) {
  const Pool pool;
  const bool ran = on_refused_thread([&] {
    const std::vector<uint32_t> blocks = pool.alloc_all();
    CHECK(are_all(blocks));
    for (const uint32_t block : blocks)
      CHECK_EQUAL(pool.free(block), Status::ok);
    CHECK_EQUAL(pool.word(pool.central(), 0), kBlocks);
  });
  if (!ran)
    skip(kCannotRefuse);
}

TEST(a_checked_pool_knows_which_blocks_are_taken) {
  const Pool pool(pool_spec(Index::cpu_id, Writers::sections, true));
  CHECK_EQUAL(pool.region.direct_stacks, 0u);
  CHECK_EQUAL(pool.free(3), Status::not_owner);
  uint32_t block = 0;
  CHECK_EQUAL(pool.alloc(block), Status::ok);
  unsigned char* bytes = unit_at(pool.region, block);
  memset(bytes, 1, kBlockSize);
  CHECK_EQUAL(pool.free(block), Status::ok);
  for (uint32_t i = 0; i < kBlockSize; i++)
    CHECK_EQUAL(bytes[i], kPoison);
  CHECK_EQUAL(pool.free(block), Status::not_owner);
  CHECK_EQUAL(pool.available(), kBlocks);
  for (const uint32_t none : {kBlocks, UINT32_MAX})
    CHECK_EQUAL(pool.free(none), Status::out_of_range);
  // The state of a free block is overwritten: it says that the block is taken.
  *unit_state(pool.region, block) = static_cast<uint32_t>(BlockState::taken);
  Status status = Status::ok;
  for (uint32_t k = 0; k < kBlocks && status == Status::ok; k++)
    status = pool.alloc(block);
  CHECK_EQUAL(status, Status::corrupt);
}

TEST(a_checked_pool_that_refuses_a_block_leaves_it_alone) {
  const Pool pool(pool_spec(Index::cpu_id, Writers::sections, true));
  uint32_t block = 0;
  CHECK_EQUAL(pool.alloc(block), Status::ok);
  unsigned char* bytes = unit_at(pool.region, block);
  memset(bytes, 'x', kBlockSize);
  const uint64_t size = pool.word(pool.central(), 0);
  for (const uint64_t scribbled : {uint64_t{kBlocks}, uint64_t{kBlocks} + 1, UINT64_MAX}) {
    pool.word(pool.central(), 0) = scribbled;
    CHECK_EQUAL(pool.free(block), scribbled == kBlocks ? Status::full : Status::corrupt);
    CHECK_EQUAL(*unit_state(pool.region, block), static_cast<uint32_t>(BlockState::taken));
    for (uint32_t i = 0; i < kBlockSize; i++)
      CHECK_EQUAL(bytes[i], static_cast<unsigned char>('x'));
  }
  pool.word(pool.central(), 0) = size;
  CHECK_EQUAL(pool.free(block), Status::ok);
  CHECK_EQUAL(pool.available(), kBlocks);
}

TEST(blocks_lie_within_the_pool_and_do_not_overlap) {
  Pool pool(pool_spec(Index::cpu_id, Writers::sections, false, 2));
  CHECK_EQUAL(unit_at(pool.region, 1) - unit_at(pool.region, 0), 128);
  CHECK(unit_at(pool.region, kBlocks - 1) + kBlockSize <= pool.memory.data() + pool.memory.size());
  const uint64_t* central = &pool.word(pool.central(), 0);
  const auto* words = reinterpret_cast<uint64_t*>(unit_words(pool.region));
  CHECK(words >= central + kStackHead + kBlocks);
  CHECK(reinterpret_cast<uint64_t*>(unit_at(pool.region, 0)) >= words + kBlocks);
}

TEST(damaged_words_of_a_pool_are_refused) {
  for (const uint64_t count : {uint64_t{kBlocks} + 1, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
    const Pool pool;
    for (uint32_t shard = 0; shard <= kShards; shard++)
      pool.word(shard, 0) = count;
    uint32_t block = 0, moved = 0;
    CHECK_EQUAL(pool.alloc(block), Status::corrupt);
    CHECK_EQUAL(pool.free(1), Status::corrupt);
    CHECK_EQUAL(pool_flush(pool.region, 0, moved), Status::corrupt);
    pool.word(pool.central(), 0) = 0;
    CHECK_EQUAL(pool.alloc(block), Status::corrupt);
  }
  // Numbers that belong to no block.
  for (const double number : {-1.0, 0.5, double{kBlocks}, 1e300, std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN()}) {
    const Pool pool;
    for (uint32_t k = 0; k < kBlocks; k++)
      pool.put(pool.central(), k, number);
    uint32_t block = 0;
    CHECK_EQUAL(pool.alloc(block), Status::corrupt);
  }
  // More free blocks than the pool has.
  const Pool pool;
  Status status = Status::ok;
  for (uint32_t k = 0; k <= kCache && status == Status::ok; k++)
    status = pool.free(0);
  CHECK_EQUAL(status, Status::full);
}

TEST(a_region_with_impossible_fields_is_no_pool) {
  const auto with = [](auto change) {
    RegionSpec spec = pool_spec();
    Memory memory(region_size(spec));
    change(spec);
    return format_region(memory.data(), memory.size(), spec);
  };
  CHECK_EQUAL(with([](RegionSpec&) {}), RegionError::none);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.units = 0; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.units = kMaxUnits + 1; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.units = UINT32_MAX; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.units = kMaxUnits; }), RegionError::too_short);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.unit_size = 0; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.unit_size = UINT32_MAX; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.unit_size = kMaxUnitSize; }), RegionError::too_short);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.unit_size = 129; }), RegionError::too_short);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.length = kStackHead; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.kind = Kind::stack; }), RegionError::field);

  const auto opened = [](auto change, size_t missing = 0) {
    const RegionSpec spec = pool_spec(Index::cpu_id, Writers::sections, true, 1);
    Memory memory(region_size(spec) - missing);
    Memory whole(region_size(spec));
    format_region(whole.data(), whole.size(), spec);
    memcpy(memory.data(), whole.data(), memory.size());
    change(*reinterpret_cast<Header*>(memory.data()));
    Region region = {};
    return open_region(memory.data(), memory.size(), Kind::pool, region);
  };
  CHECK_EQUAL(opened([](Header&) {}), RegionError::none);
  CHECK_EQUAL(opened([](Header&) {}, kShardAlignment), RegionError::too_short);
  CHECK_EQUAL(opened([](Header& header) { header.units = 0; }), RegionError::geometry);
  CHECK_EQUAL(opened([](Header& header) { header.units = UINT32_MAX; }), RegionError::geometry);
  CHECK_EQUAL(opened([](Header& header) { header.units = kMaxUnits; }), RegionError::too_short);
  CHECK_EQUAL(opened([](Header& header) { header.units++; }), RegionError::too_short);
  CHECK_EQUAL(opened([](Header& header) { header.unit_size = 0; }), RegionError::geometry);
  CHECK_EQUAL(opened([](Header& header) { header.unit_size = kMaxUnitSize + 1; }), RegionError::geometry);
  CHECK_EQUAL(opened([](Header& header) { header.is_checked = 2; }), RegionError::field);
  CHECK_EQUAL(opened([](Header& header) { header.allocated = 1; }), RegionError::field);
}
