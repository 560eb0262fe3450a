#include "../../percpu/heap.h"
#include "../../percpu/private_region.h"
#include "memory.h"
#include "pinned.h"
#include "place.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr uint32_t kShards = 64;
constexpr uint32_t kPages = 32;

RegionSpec spec_of(uint32_t pages = kPages, bool is_checked = false, Writers writers = Writers::sections,
                   uint32_t shards = kShards) {
  return {Kind::heap,  Element::f64, Index::cpu_id, writers,   shards,
          kHeapLength, Policy::none, pages,         kHeapPage, is_checked};
}

class Heap {
public:
  explicit Heap(const RegionSpec& spec = spec_of()) : memory(region_size(spec)) {
    CHECK_EQUAL(format_region(memory.data(), memory.size(), spec), RegionError::none);
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::heap, region), RegionError::none);
  }

  Status alloc(uint32_t bytes, uint32_t& block) const { return heap_alloc(region, bytes, block); }
  Status free(uint32_t block) const { return heap_free(region, block); }

  /** Takes blocks until there is none left. */
  std::vector<uint32_t> alloc_all(uint32_t bytes) const {
    std::vector<uint32_t> blocks;
    uint32_t block = 0;
    while (blocks.size() < size_t{kPages} * 256 && alloc(bytes, block) == Status::ok)
      blocks.push_back(block);
    return blocks;
  }
  void free_all(const std::vector<uint32_t>& blocks) const {
    for (const uint32_t block : blocks)
      CHECK_EQUAL(free(block), Status::ok);
  }

  /** Whether all memory is free: it is one block then. */
  bool is_whole() const {
    uint32_t block = 0;
    return alloc(static_cast<uint32_t>(heap_bytes(region)), block) == Status::ok && block == 0 &&
           free(block) == Status::ok;
  }

  /** A word of a CPU's cache of blocks for so many bytes: -1 is the limit, 0 the count, 1 the stop word. */
  int64_t& cache(uint32_t shard, uint32_t bytes, int word) const {
    return detail::heap_cache(region, shard, kHeapTable.classes[heap_class_of(bytes)])[word];
  }
  void put(uint32_t shard, uint32_t bytes, uint32_t position, double number) const {
    memcpy(&cache(shard, bytes, static_cast<int>(kStackHead + position)), &number, sizeof(number));
  }

  Memory memory;
  Region region = {};
};

/** This CPU if the thread has sections; otherwise a CPU that no heap has. */
uint32_t this_cpu() {
  return here(Index::cpu_id).index;
}

} // namespace

TEST(a_size_class_is_at_most_an_eighth_longer_and_finds_the_position_of_each_block) {
  for (uint32_t bytes = 0; bytes <= kMostHeapBlock; bytes++) {
    const uint32_t number = heap_class_of(bytes);
    const uint32_t size = heap_class_size(number);
    if (number >= kHeapClasses || size < bytes || (bytes > kLeastHeapBlock && 8 * (size - bytes) > bytes) ||
        (number > 0 && heap_class_size(number - 1) >= bytes))
      CHECK_EQUAL(size, bytes);
  }
  uint32_t end = 0;
  for (const HeapClass& one : kHeapTable.classes) {
    CHECK(one.blocks > 0 && one.blocks <= 256);
    const uint32_t span = one.pages * kHeapPage;
    CHECK(span - one.blocks * one.size <= span / 8);
    CHECK(one.first > end && one.first + kStackHead + one.capacity <= kHeapLength);
    end = one.first + kStackHead + one.capacity - 1;
    for (uint32_t offset = 0; offset < span; offset++)
      if (uint64_t{offset} * one.reciprocal >> 32 != offset / one.size)
        CHECK_EQUAL(offset, one.size);
  }
}

TEST(a_heap_gives_out_all_of_its_memory_in_blocks_of_any_size) {
  for (const Writers writers : {Writers::sections, Writers::atomics})
    for (const bool is_checked : {false, true}) {
      const Heap heap(spec_of(kPages, is_checked, writers));
      for (const uint32_t bytes : {16u, 18u, 100u, 1000u, 4096u, 5000u, 40000u, 65536u, 65537u}) {
        const std::vector<uint32_t> blocks = heap.alloc_all(bytes);
        std::vector<bool> used(heap_bytes(heap.region) / kHeapUnit);
        uint64_t sum = 0;
        for (const uint32_t block : blocks) {
          const uint64_t size = heap_size_of(heap.region, block);
          CHECK(size >= bytes);
          sum += size;
          for (uint64_t k = block; k < block + size / kHeapUnit; k++) {
            if (used[k])
              CHECK_EQUAL(block, UINT32_MAX);
            used[k] = true;
          }
          CHECK_EQUAL(reinterpret_cast<uintptr_t>(heap_at(heap.region, block)) % std::min(64u, bytes & -bytes), 0u);
          memset(heap_at(heap.region, block), 0xff, size);
        }
        CHECK(sum <= heap_bytes(heap.region) && sum >= heap_bytes(heap.region) / 2);
        uint32_t block = 0;
        CHECK_EQUAL(heap.alloc(bytes, block), Status::empty);
        heap.free_all(blocks);
        CHECK(heap.is_whole());
      }
    }
}

TEST(a_cache_grows_with_its_misses_and_is_halved_when_others_need_its_memory) {
  const Pinned pinned;
  const Heap heap(spec_of(4));
  const uint32_t cpu = this_cpu();
  if (cpu >= kShards)
    return skip("this thread is not registered for rseq");
  uint32_t block = 0;
  CHECK_EQUAL(heap.alloc(100, block), Status::ok);
  CHECK_EQUAL(heap.cache(cpu, 100, -1), 4);
  CHECK_EQUAL(heap.cache(cpu, 100, 0), 2);
  std::vector<uint32_t> blocks = {block};
  while (blocks.size() < 39 && heap.alloc(100, block) == Status::ok)
    blocks.push_back(block);
  CHECK(heap.cache(cpu, 100, -1) >= 16);
  heap.free_all(blocks);
  const int64_t limit = heap.cache(cpu, 100, -1);
  CHECK(heap.cache(cpu, 100, 0) >= 20);
  CHECK_EQUAL(limit <= 61, true);
  // All pages: the spans get them back from the cache.
  CHECK(heap.is_whole());
  CHECK_EQUAL(heap.cache(cpu, 100, 0), 0);
  CHECK_EQUAL(heap.cache(cpu, 100, -1), (limit + 1) / 2);
}

TEST(alloc_fetches_what_only_another_cpu_has) {
  const Heap heap(spec_of(2));
  const uint32_t other = kShards - 1;
  const std::vector<uint32_t> blocks = heap.alloc_all(1024);
  CHECK_EQUAL(blocks.size(), 8u);
  heap.cache(other, 1024, 0) = 8;
  for (uint32_t k = 0; k < 8; k++)
    heap.put(other, 1024, k, blocks[k]);
  uint32_t block = 0;
  CHECK_EQUAL(heap.alloc(8192, block), Status::ok);
  CHECK_EQUAL(heap.cache(other, 1024, 0), 0);
  CHECK_EQUAL(heap.cache(other, 1024, 1), 0);
  CHECK_EQUAL(heap.free(block), Status::ok);
  CHECK(heap.is_whole());
}

TEST(a_thread_without_rseq_uses_the_spans) {
  const Heap heap;
  const bool ran = on_refused_thread([&] {
    const std::vector<uint32_t> blocks = heap.alloc_all(300);
    CHECK(blocks.size() > 300);
    heap.free_all(blocks);
    for (uint32_t shard = 0; shard < kShards; shard++)
      CHECK_EQUAL(heap.cache(shard, 300, 0), 0);
  });
  if (!ran)
    skip(kCannotRefuse);
}

TEST(a_checked_heap_knows_which_blocks_are_free) {
  const Heap heap(spec_of(2 * kPages, true));
  CHECK_EQUAL(heap.region.section_shards, 0u);
  for (const uint32_t bytes : {100u, 100000u}) {
    uint32_t block = 0, other = 0;
    CHECK_EQUAL(heap.alloc(bytes, block), Status::ok);
    CHECK_EQUAL(heap.alloc(bytes, other), Status::ok);
    unsigned char* data = heap_at(heap.region, block);
    const uint64_t size = heap_size_of(heap.region, block);
    memset(data, 1, size);
    CHECK_EQUAL(heap.free(block + 1), Status::out_of_range);
    CHECK_EQUAL(data[size - 1], 1);
    CHECK_EQUAL(heap.free(block), Status::ok);
    for (uint64_t k = 0; k < size; k++)
      CHECK_EQUAL(data[k], kPoison);
    CHECK_EQUAL(heap.free(block), bytes == 100 ? Status::not_owner : Status::out_of_range);
    CHECK_EQUAL(heap.free(other), Status::ok);
  }
  CHECK(heap.is_whole());
}

TEST(a_heap_that_was_left_inconsistent_is_made_consistent) {
  const Heap heap;
  std::vector<uint32_t> blocks = heap.alloc_all(2000);
  while (blocks.size() > 5) {
    CHECK_EQUAL(heap.free(blocks.back()), Status::ok);
    blocks.pop_back();
  }
  // Whatever the lists and numbers say: the pages and the bits are right.
  for (uint32_t word = heap_spans::kConsistent; word < heap_spans::kLists + kHeapClasses; word++)
    *word_at<uint64_t>(heap.region, kShards, word) = word == heap_spans::kConsistent ? 0 : word * 0x1234567;
  const std::vector<uint32_t> more = heap.alloc_all(2000);
  for (const uint32_t block : more)
    CHECK(std::find(blocks.begin(), blocks.end(), block) == blocks.end());
  heap.free_all(more);
  heap.free_all(blocks);
  CHECK(heap.is_whole());
}

TEST(damaged_words_of_a_heap_are_refused) {
  const Pinned pinned;
  const uint32_t cpu = this_cpu();
  const double none[] = {-1.0, 0.5, double{kPages} * 2048, 1e300, std::numeric_limits<double>::infinity()};
  for (const double number : none) {
    const Heap heap;
    if (cpu >= kShards)
      return skip("this thread is not registered for rseq");
    heap.cache(cpu, 100, 0) = 1;
    heap.put(cpu, 100, 0, number);
    uint32_t block = 0;
    CHECK_EQUAL(heap.alloc(100, block), Status::corrupt);
    // In the cache of another CPU, it is found when that is emptied.
    heap.cache(kShards - 1, 100, 0) = 1;
    heap.put(kShards - 1, 100, 0, number);
    CHECK_EQUAL(heap.alloc(kPages * kHeapPage, block), Status::ok);
    heap.free(block);
    CHECK_EQUAL(heap.alloc(16, block), Status::ok);
    CHECK_EQUAL(heap.alloc(kPages * kHeapPage, block), Status::corrupt);
  }
  for (const int64_t count : {int64_t{62}, int64_t{1} << 32, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    const Heap heap;
    uint32_t block = 0;
    CHECK_EQUAL(heap.alloc(100, block), Status::ok);
    heap.cache(cpu, 100, 0) = count;
    CHECK_EQUAL(heap.free(block), Status::corrupt);
    CHECK_EQUAL(heap.alloc(100, block), Status::corrupt);
  }
  // Pages that cannot be, in a heap that has to be made consistent.
  using heap_spans::PageState;
  for (const uint32_t page :
       {heap_spans::page_number(PageState::interior, 1), heap_spans::page_number(PageState::large, kPages + 1),
        heap_spans::page_number(PageState::large, 0), heap_spans::page_number(PageState::free, UINT32_MAX >> 9),
        heap_spans::page_number(PageState::blocks, 2, 3), heap_spans::page_number(PageState::blocks, 1, 127)}) {
    const Heap heap(spec_of(kPages, true));
    uint32_t block = 0;
    CHECK_EQUAL(heap.alloc(100, block), Status::ok);
    *heap_spans::row_of(heap.region, 0) = page;
    *word_at<uint64_t>(heap.region, kShards, heap_spans::kConsistent) = 0;
    CHECK(heap_size_of(heap.region, block) <= heap_bytes(heap.region));
    for (uint32_t k = 0; k < 3; k++)
      CHECK_EQUAL(heap.alloc(kHeapPage, block), Status::corrupt);
  }
}

TEST(a_region_with_impossible_fields_is_no_heap) {
  const auto with = [](auto change) {
    RegionSpec spec = spec_of();
    Memory memory(region_size(spec));
    change(spec);
    return format_region(memory.data(), memory.size(), spec);
  };
  CHECK_EQUAL(with([](RegionSpec&) {}), RegionError::none);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.units = 0; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.units = kMaxHeapPages + 1; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.units++; }), RegionError::too_short);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.unit_size = 8192; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.length++; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.length--; }), RegionError::geometry);
  // Rounded down to whole pages.
  CHECK_EQUAL(heap_spec(2 * kHeapPage + 1).units, 2u);
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{kHeapPage} - 1, uint64_t{1} << 40})
    CHECK_EQUAL(PrivateRegion(heap_spec(bytes)).error(), RegionError::geometry);
  const PrivateRegion heap(heap_spec(1 << 20));
  uint32_t block = 0;
  CHECK_EQUAL(heap_alloc(*heap, 1 << 20, block), Status::ok);
  CHECK_EQUAL(heap_alloc(*heap, 1, block), Status::empty);
}
