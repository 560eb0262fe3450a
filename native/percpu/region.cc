#include "region.h"

#include "../rseq/thread.h"
#include "arena.h"
#include "array.h"
#include "list.h"
#include "ring.h"
#include "stack.h"

#include <cstring>

namespace rseq {
namespace {

constexpr uint32_t kMemoryAlignment = 16; ///< What a SharedArrayBuffer is aligned to.

bool is_known(Kind kind) noexcept {
  return kind == Kind::counters || kind == Kind::stack || kind == Kind::list || kind == Kind::pool ||
         kind == Kind::ring || kind == Kind::array || kind == Kind::mutex || kind == Kind::cpu_lock;
}
/** Whether a region of that kind may have such words. */
bool is_known(Element element, Kind kind) noexcept {
  return element == Element::i64 || element == Element::f64 || (element == Element::i32 && kind == Kind::array);
}
bool is_known(Index index) noexcept {
  return index == Index::cpu_id || index == Index::mm_cid;
}
bool is_known(Writers writers) noexcept {
  return writers == Writers::sections || writers == Writers::atomics;
}

/** Rings have one, and nothing else has. */
bool is_known(Policy policy, Kind kind) noexcept {
  return kind == Kind::ring ? policy == Policy::discard || policy == Policy::overwrite : policy == Policy::none;
}

bool is_aligned(const void* memory) noexcept {
  return reinterpret_cast<uintptr_t>(memory) % sizeof(uint64_t) == 0;
}

/** Whether this thread's process can write the region's shards by sections at all. */
bool can_write_by_sections(Writers writers, Index index) noexcept {
  if (writers != Writers::sections)
    return false;
  return index == Index::cpu_id || registration().usable_size >= RSEQ_AREA_MM_CID + sizeof(uint32_t);
}

/** Bytes from shard 0 to the end. No product of 32-bit numbers overflows. */
uint64_t size_of_shards(const RegionSpec& spec) noexcept {
  const uint64_t overflow = overflow_stride(spec.kind, spec.length, spec.units);
  return spec.shards * shard_stride(spec.length) + overflow + arena_size(spec.units, spec.unit_size);
}

/** Whether there is such a region, whatever memory there is for it. */
bool is_possible(const RegionSpec& spec) noexcept {
  return spec.shards != 0 && spec.shards <= kMaxShards && spec.length >= least_length(spec.kind) &&
         shard_stride(spec.length) <= UINT32_MAX &&
         (!has_arena(spec.kind) || is_possible_arena(spec.units, spec.unit_size));
}

} // namespace

uint32_t least_length(Kind kind) noexcept {
  switch (kind) {
  case Kind::stack:
  case Kind::pool:
    return kStackHead + 1;
  case Kind::list:
    return kListLength;
  case Kind::ring:
    return kRingHead + kLeastRing / sizeof(int64_t);
  case Kind::array:
    return kArrayHead + 1;
  default:
    return 1;
  }
}

uint32_t shard_without_section(const Region& region) noexcept {
  if (region.writers != Writers::atomics)
    return region.shards;
  const uint32_t index = here(Index::cpu_id).index;
  return index < region.shards ? index : region.shards;
}

uint64_t shard_stride(uint32_t length) noexcept {
  const uint64_t bytes = static_cast<uint64_t>(length) * sizeof(int64_t);
  return (bytes + kShardAlignment - 1) / kShardAlignment * kShardAlignment;
}

uint64_t region_size(uint32_t shards, uint32_t length) noexcept {
  return region_size({Kind::counters, Element::i64, Index::cpu_id, Writers::sections, shards, length});
}

uint64_t region_size(const RegionSpec& spec) noexcept {
  return sizeof(Header) + kShardAlignment - kMemoryAlignment + size_of_shards(spec);
}

RegionError format_region(void* memory, size_t size, const RegionSpec& spec) noexcept {
  if (!is_aligned(memory))
    return RegionError::misaligned;
  if (!is_known(spec.kind) || !is_known(spec.element, spec.kind) || !is_known(spec.index) || !is_known(spec.writers) ||
      !is_known(spec.policy, spec.kind))
    return RegionError::field;
  if (!has_arena(spec.kind) && (spec.units != 0 || spec.unit_size != 0 || spec.is_checked))
    return RegionError::field;
  if (!is_possible(spec))
    return RegionError::geometry;
  const uintptr_t start = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (start + sizeof(Header) + kShardAlignment - 1) / kShardAlignment * kShardAlignment;
  const uint64_t first_shard = first - start;
  if (size < first_shard || size - first_shard < size_of_shards(spec))
    return RegionError::too_short;

  Header header = {};
  header.magic = kMagic;
  header.version = kLayoutVersion;
  header.kind = static_cast<uint32_t>(spec.kind);
  header.element = static_cast<uint32_t>(spec.element);
  header.index = static_cast<uint32_t>(spec.index);
  header.writers = static_cast<uint32_t>(spec.writers);
  header.shards = spec.shards;
  header.length = spec.length;
  header.stride = static_cast<uint32_t>(shard_stride(spec.length));
  header.first_shard = static_cast<uint32_t>(first_shard);
  header.units = spec.units;
  header.unit_size = spec.unit_size;
  header.is_checked = spec.is_checked ? 1 : 0;
  header.policy = static_cast<uint32_t>(spec.policy);
  memcpy(memory, &header, sizeof(header));
  return RegionError::none;
}

RegionError open_region(void* memory, size_t size, Kind kind, Region& region) noexcept {
  if (size < sizeof(Header))
    return RegionError::too_short;
  if (!is_aligned(memory))
    return RegionError::misaligned;

  // One copy: what is checked is what is used, whatever another thread writes meanwhile.
  Header header;
  memcpy(&header, memory, sizeof(header));
  if (header.magic != kMagic)
    return RegionError::magic;
  if (header.version != kLayoutVersion)
    return RegionError::version;
  if (header.kind != static_cast<uint32_t>(kind))
    return is_known(static_cast<Kind>(header.kind)) ? RegionError::kind : RegionError::field;
  if (!is_known(static_cast<Element>(header.element), kind) || !is_known(static_cast<Index>(header.index)) ||
      !is_known(static_cast<Writers>(header.writers)) || !is_known(static_cast<Policy>(header.policy), kind))
    return RegionError::field;
  for (const uint32_t word : header.reserved)
    if (word != 0)
      return RegionError::field;

  if (header.is_checked > 1 || (!has_arena(kind) && (header.units | header.unit_size | header.is_checked) != 0))
    return RegionError::field;

  const RegionSpec spec = {kind,
                           static_cast<Element>(header.element),
                           static_cast<Index>(header.index),
                           static_cast<Writers>(header.writers),
                           header.shards,
                           header.length,
                           static_cast<Policy>(header.policy),
                           header.units,
                           header.unit_size,
                           header.is_checked != 0};
  if (!is_possible(spec))
    return RegionError::geometry;
  if (header.stride != shard_stride(header.length))
    return RegionError::geometry;
  // Less than 128-byte alignment in memory costs speed, not safety: a region may have been moved.
  if (header.first_shard < sizeof(Header) || header.first_shard % sizeof(int64_t) != 0)
    return RegionError::geometry;
  if (size < header.first_shard + size_of_shards(spec))
    return RegionError::too_short;

  region.first_shard = static_cast<unsigned char*>(memory) + header.first_shard;
  region.stride = header.stride;
  region.length = header.length;
  region.shards = header.shards;
  region.kind = kind;
  region.element = spec.element;
  region.index = spec.index;
  region.writers = spec.writers;
  region.policy = spec.policy;
  region.units = spec.units;
  region.unit_size = spec.unit_size;
  region.is_checked = spec.is_checked;
  region.section_shards = can_write_by_sections(region.writers, region.index) ? region.shards : 0;
  region.is_direct = region.section_shards != 0 && region.index == Index::cpu_id && has_libc_areas();
  region.direct_length = region.is_direct && kind != Kind::list ? region.length : 0;
  region.direct_stacks = 0;
  if (kind == Kind::stack || kind == Kind::pool) {
    // What checks each block must not be got around.
    const bool is_direct = region.direct_length != 0 && !region.is_checked;
    region.direct_length = is_direct ? stack_capacity(region) : 0;
    region.direct_stacks = is_direct ? region.shards : 0;
  }
  if (kind == Kind::array && region.direct_length != 0)
    region.direct_length = array_length(region);
  return RegionError::none;
}

} // namespace rseq
