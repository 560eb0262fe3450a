#include "region.h"

#include "../rseq/thread.h"
#include "array.h"
#include "stack.h"

#include <cstring>

namespace rseq {
namespace {

constexpr uint32_t kMemoryAlignment = 16; ///< What a SharedArrayBuffer is aligned to.

bool is_known(Kind kind) noexcept {
  return kind == Kind::counters || kind == Kind::stack || kind == Kind::array || kind == Kind::mutex ||
         kind == Kind::cpu_lock;
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

bool is_aligned(const void* memory) noexcept {
  return reinterpret_cast<uintptr_t>(memory) % sizeof(uint64_t) == 0;
}

/** Whether this thread's process can write the region's shards by sections at all. */
bool can_write_by_sections(Writers writers, Index index) noexcept {
  if (writers != Writers::sections)
    return false;
  return index == Index::cpu_id || registration().usable_size >= RSEQ_AREA_MM_CID + sizeof(uint32_t);
}

} // namespace

uint32_t least_length(Kind kind) noexcept {
  if (kind == Kind::stack)
    return kStackHead + 1;
  return kind == Kind::array ? kArrayHead + 1 : 1;
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
  const uint64_t slack = kShardAlignment - kMemoryAlignment;
  return sizeof(Header) + slack + (static_cast<uint64_t>(shards) + 1) * shard_stride(length);
}

RegionError format_region(void* memory, size_t size, const RegionSpec& spec) noexcept {
  if (!is_aligned(memory))
    return RegionError::misaligned;
  if (!is_known(spec.kind) || !is_known(spec.element, spec.kind) || !is_known(spec.index) || !is_known(spec.writers))
    return RegionError::field;
  const uint64_t stride = shard_stride(spec.length);
  if (spec.shards == 0 || spec.shards > kMaxShards || spec.length < least_length(spec.kind) || stride > UINT32_MAX)
    return RegionError::geometry;
  const uintptr_t start = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (start + sizeof(Header) + kShardAlignment - 1) / kShardAlignment * kShardAlignment;
  const uint64_t first_shard = first - start;
  if (size < first_shard || size - first_shard < (static_cast<uint64_t>(spec.shards) + 1) * stride)
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
  header.stride = static_cast<uint32_t>(stride);
  header.first_shard = static_cast<uint32_t>(first_shard);
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
      !is_known(static_cast<Writers>(header.writers)))
    return RegionError::field;
  for (const uint32_t word : header.reserved)
    if (word != 0)
      return RegionError::field;

  if (header.shards == 0 || header.shards > kMaxShards || header.length < least_length(kind))
    return RegionError::geometry;
  if (header.stride != shard_stride(header.length))
    return RegionError::geometry;
  // Less than 128-byte alignment in memory costs speed, not safety: a region may have been moved.
  if (header.first_shard < sizeof(Header) || header.first_shard % sizeof(int64_t) != 0)
    return RegionError::geometry;
  const uint64_t end = header.first_shard + (static_cast<uint64_t>(header.shards) + 1) * header.stride;
  if (size < end)
    return RegionError::too_short;

  region.first_shard = static_cast<unsigned char*>(memory) + header.first_shard;
  region.stride = header.stride;
  region.length = header.length;
  region.shards = header.shards;
  region.kind = kind;
  region.element = static_cast<Element>(header.element);
  region.index = static_cast<Index>(header.index);
  region.writers = static_cast<Writers>(header.writers);
  region.section_shards = can_write_by_sections(region.writers, region.index) ? region.shards : 0;
  region.direct_length =
      region.section_shards != 0 && region.index == Index::cpu_id && has_libc_areas() ? region.length : 0;
  region.direct_stacks = 0;
  if (kind == Kind::stack && region.direct_length != 0) {
    region.direct_length = stack_capacity(region);
    region.direct_stacks = region.shards;
  }
  if (kind == Kind::array && region.direct_length != 0)
    region.direct_length = array_length(region);
  return RegionError::none;
}

} // namespace rseq
