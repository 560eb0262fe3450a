#include "../../percpu/region.h"
#include "memory.h"
#include "place.h"

#include <cstring>
#include <functional>
#include <iterator>

using namespace percpu;
using namespace percpu::test;

namespace {

constexpr RegionSpec kSpec = {Kind::counters, Element::i64, Index::cpu_id, Writers::sections, 4, 3};

RegionError opened(Memory& memory, Region& region) {
  return open_region(memory.data(), memory.size(), Kind::counters, region);
}

/** Returns the result of open_region() for a good region whose header `change` has altered. */
RegionError opened_with(const std::function<void(Header&)>& change) {
  Memory memory(region_size(kSpec.shards, kSpec.length));
  format_region(memory.data(), memory.size(), kSpec);
  Header header;
  memcpy(&header, memory.data(), sizeof(header));
  change(header);
  memcpy(memory.data(), &header, sizeof(header));
  Region region;
  return opened(memory, region);
}

RegionError formatted_as(RegionSpec spec, size_t size = 1u << 16) {
  Memory memory(size);
  return format_region(memory.data(), memory.size(), spec);
}

/** Checks that every word of the region lies inside the memory. */
bool lies_inside(const Region& region, Memory& memory) {
  const unsigned char* last = region.first_shard + (uint64_t{region.shards} + 1) * region.stride;
  return region.first_shard >= memory.data() + sizeof(Header) && last <= memory.data() + memory.size() &&
         uint64_t{region.length} * sizeof(int64_t) <= region.stride;
}

} // namespace

TEST(a_region_has_the_size_in_the_documentation) {
  CHECK_EQUAL(shard_stride(1), 128u);
  CHECK_EQUAL(shard_stride(16), 128u);
  CHECK_EQUAL(shard_stride(17), 256u);
  CHECK_EQUAL(shard_stride(UINT32_MAX), uint64_t{1} << 35);
  for (const uint32_t shards : {1u, 2u, 64u, kMaxShards})
    for (const uint32_t length : {1u, 16u, 1000u})
      CHECK(region_size(shards, length) <=
            shards * ((8 * uint64_t{length} + 127) / 128 * 128) + (8 * (uint64_t{length} + 3) + 127) / 128 * 128 + 256);
}

TEST(a_formatted_region_opens_at_every_address) {
  for (size_t offset = 0; offset < 256; offset += 16) {
    Memory memory(region_size(kSpec.shards, kSpec.length), offset);
    CHECK_EQUAL(format_region(memory.data(), memory.size(), kSpec), RegionError::none);
    Region region;
    CHECK_EQUAL(opened(memory, region), RegionError::none);
    CHECK_EQUAL(reinterpret_cast<uintptr_t>(region.first_shard) % kShardAlignment, 0u);
    CHECK(lies_inside(region, memory));
    CHECK_EQUAL(region.length, 3u);
    CHECK_EQUAL(region.shards, 4u);
    CHECK_EQUAL(region.stride, 128u);
    CHECK(region.element == Element::i64 && region.index == Index::cpu_id && region.writers == Writers::sections);
  }
}

TEST(a_region_keeps_its_kind_of_words_and_writers) {
  for (const Element element : {Element::i64, Element::f64}) {
    for (const Index index : {Index::cpu_id, Index::mm_cid}) {
      for (const Writers writers : {Writers::sections, Writers::atomics}) {
        Memory memory(region_size(4, 3));
        CHECK_EQUAL(format_region(memory.data(), memory.size(), {Kind::counters, element, index, writers, 4, 3}),
                    RegionError::none);
        Region region;
        CHECK_EQUAL(opened(memory, region), RegionError::none);
        CHECK(region.element == element && region.index == index && region.writers == writers);
        const bool by_sections = writers == Writers::sections && (index == Index::cpu_id || has_mm_cid());
        CHECK_EQUAL(region.section_shards, by_sections ? 4u : 0u);
      }
    }
  }
}

TEST(a_region_with_impossible_fields_is_not_formatted) {
  const auto with = [](auto change) {
    RegionSpec spec = kSpec;
    change(spec);
    return formatted_as(spec);
  };
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.kind = Kind{0}; }), RegionError::field);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.kind = Kind{UINT32_MAX}; }), RegionError::field);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.element = Element{3}; }), RegionError::field);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.index = Index{2}; }), RegionError::field);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.writers = Writers{0}; }), RegionError::field);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.shards = 0; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.shards = kMaxShards + 1; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.length = 0; }), RegionError::geometry);
  // The words have 8 bytes. A stride of 2^32 or more does not fit its field.
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.length = 1u << 29; }), RegionError::geometry);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.length = UINT32_MAX; }), RegionError::geometry);
  // The largest region whose values fit the fields needs more memory than the test has.
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.length = (1u << 29) - 16; }), RegionError::too_short);
  CHECK_EQUAL(with([](RegionSpec& spec) { spec.shards = kMaxShards; }), RegionError::too_short);
}

TEST(memory_that_is_too_short_or_misaligned_is_not_formatted) {
  const size_t enough = region_size(kSpec.shards, kSpec.length);
  for (size_t size = 0; size < enough - kShardAlignment; size++)
    CHECK_EQUAL(formatted_as(kSpec, size), RegionError::too_short);
  CHECK_EQUAL(formatted_as(kSpec, enough), RegionError::none);
  Memory misaligned(enough + 8, 4);
  CHECK_EQUAL(format_region(misaligned.data(), enough, kSpec), RegionError::misaligned);
}

TEST(memory_that_is_too_short_or_misaligned_is_not_opened) {
  Memory memory(region_size(kSpec.shards, kSpec.length));
  format_region(memory.data(), memory.size(), kSpec);
  Region region;
  CHECK_EQUAL(opened(memory, region), RegionError::none);
  const size_t needed = static_cast<size_t>(region.first_shard - memory.data()) + size_t{5} * region.stride;
  for (size_t size = 0; size < needed; size++) {
    Memory shorter(size);
    memcpy(shorter.data(), memory.data(), size);
    CHECK_EQUAL(opened(shorter, region), RegionError::too_short);
  }
  Memory misaligned(memory.size() + 8, 4);
  memcpy(misaligned.data(), memory.data(), memory.size());
  CHECK_EQUAL(open_region(misaligned.data(), memory.size(), Kind::counters, region), RegionError::misaligned);
}

TEST(every_field_of_a_header_is_checked) {
  CHECK_EQUAL(opened_with([](Header&) {}), RegionError::none);
  CHECK_EQUAL(opened_with([](Header& header) { header.magic++; }), RegionError::magic);
  CHECK_EQUAL(opened_with([](Header& header) { header.version++; }), RegionError::version);
  CHECK_EQUAL(opened_with([](Header& header) { header.kind = UINT32_MAX; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.element = 0; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.index = 2; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.writers = 3; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.policy = 1; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.is_shared = 1; }), RegionError::shared);
  CHECK_EQUAL(opened_with([](Header& header) { header.is_shared = 2; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.allocated = 1; }), RegionError::field);
  // The fields of kinds that have an arena.
  CHECK_EQUAL(opened_with([](Header& header) { header.units = 1; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.unit_size = 1; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.is_checked = 1; }), RegionError::field);
  CHECK_EQUAL(opened_with([](Header& header) { header.shards = 0; }), RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) { header.shards = kMaxShards + 1; }), RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) { header.length = 0; }), RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) { header.length = 17; }), RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) { header.stride = 64; }), RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) { header.stride = 0; }), RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) { header.first_shard = 0; }), RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) { header.first_shard += 4; }), RegionError::geometry);
}

TEST(a_region_of_another_kind_is_no_damaged_region) {
  Memory memory(region_size(kSpec.shards, kSpec.length));
  format_region(memory.data(), memory.size(), kSpec);
  Region region;
  CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind{UINT32_MAX}, region), RegionError::kind);
}

TEST(sizes_that_overflow_32_bits_are_refused) {
  // 8 * 2^29 is 2^32: a stride of 0 in 32 bits.
  CHECK_EQUAL(opened_with([](Header& header) {
                header.length = 1u << 29;
                header.stride = 0;
              }),
              RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) {
                header.length = (1u << 29) + 16;
                header.stride = 128;
              }),
              RegionError::geometry);
  // 2^25 bytes times (127 + 1) shards is 2^32, and so is the largest stride times anything.
  CHECK_EQUAL(opened_with([](Header& header) {
                header.length = 1u << 22;
                header.stride = 1u << 25;
                header.shards = 127;
              }),
              RegionError::too_short);
  CHECK_EQUAL(opened_with([](Header& header) {
                header.length = (1u << 29) - 16;
                header.stride = UINT32_MAX - 127;
                header.shards = kMaxShards;
                header.first_shard = UINT32_MAX - 7;
              }),
              RegionError::too_short);
  CHECK_EQUAL(opened_with([](Header& header) { header.shards = UINT32_MAX; }), RegionError::geometry);
  CHECK_EQUAL(opened_with([](Header& header) { header.first_shard = UINT32_MAX - 7; }), RegionError::too_short);
}

TEST(every_byte_of_a_header_may_have_every_value) {
  Memory memory(region_size(kSpec.shards, kSpec.length));
  format_region(memory.data(), memory.size(), kSpec);
  for (size_t i = 0; i < sizeof(Header); i++) {
    const unsigned char before = memory.data()[i];
    for (unsigned value = 0; value < 256; value++) {
      memory.data()[i] = static_cast<unsigned char>(value);
      Region region;
      if (opened(memory, region) == RegionError::none)
        CHECK(lies_inside(region, memory));
    }
    memory.data()[i] = before;
  }
}
