#include "region.h"

#include "../rseq/thread.h"
#include "arena.h"
#include "array.h"
#include "extents.h"
#include "heap_classes.h"
#include "list.h"
#include "ring.h"
#include "service.h"
#include "stack.h"

namespace percpu {
namespace {

constexpr uint32_t kMemoryAlignment = 16; ///< The alignment of a SharedArrayBuffer, in bytes.

bool is_known(Kind kind) noexcept {
  return kind == Kind::counters || kind == Kind::stack || kind == Kind::list || kind == Kind::pool ||
         kind == Kind::ring || kind == Kind::array || kind == Kind::mutex || kind == Kind::cpu_lock ||
         kind == Kind::heap;
}
/** Whether a region of this kind may have this element type. */
bool is_known(Element element, Kind kind) noexcept {
  return element == Element::i64 || element == Element::f64 || (element == Element::i32 && kind == Kind::array);
}
bool is_known(Index index) noexcept {
  return index == Index::cpu_id || index == Index::mm_cid;
}
bool is_known(Writers writers) noexcept {
  return writers == Writers::sections || writers == Writers::atomics;
}

/** Whether a region of this kind may have this policy. Only rings have a policy. */
bool is_known(Policy policy, Kind kind) noexcept {
  return kind == Kind::ring ? policy == Policy::discard || policy == Policy::overwrite : policy == Policy::none;
}

bool is_aligned(const void* memory) noexcept {
  return reinterpret_cast<uintptr_t>(memory) % sizeof(uint64_t) == 0;
}

constexpr uint32_t kHeaderFields = sizeof(Header) / sizeof(uint32_t);

/** Copies the header and reads each field once, so that no other thread can change a field after the check. */
Header read_header(const void* memory) noexcept {
  Header header;
  auto* const fields = reinterpret_cast<uint32_t*>(&header);
  for (uint32_t i = 0; i < kHeaderFields; i++)
    fields[i] = read_once(static_cast<const uint32_t*>(memory) + i);
  return header;
}

void write_header(void* memory, const Header& header) noexcept {
  const auto* const fields = reinterpret_cast<const uint32_t*>(&header);
  for (uint32_t i = 0; i < kHeaderFields; i++)
    __atomic_store_n(static_cast<uint32_t*>(memory) + i, fields[i], __ATOMIC_RELAXED);
}

/** Whether this thread's process can write the region's shards by sections at all. */
bool can_write_by_sections(Writers writers, Index index) noexcept {
  if (writers != Writers::sections)
    return false;
  return index == Index::cpu_id || registration().usable_size >= RSEQ_AREA_MM_CID + sizeof(uint32_t);
}

/** Bytes from shard 0 to the end. The products of 32-bit numbers do not overflow 64 bits. */
uint64_t size_of_shards(const RegionSpec& spec) noexcept {
  const uint64_t overflow = overflow_stride(spec.kind, spec.element, spec.length, spec.units);
  return spec.shards * shard_stride(spec.length) + overflow + arena_size(spec);
}

/** Whether a region's shards are allocated when they are needed. */
bool is_sparse(Kind kind) noexcept {
  return has_extents(kind) && can_allocate_later();
}

/**
 * Makes everything present that is not allocated later: the header, the overflow shard and the arena, and all shards
 * of kinds without extents.
 */
bool make_fixed_present(uint32_t service, unsigned char* first_shard, const RegionSpec& spec) noexcept {
  const uint64_t skipped = is_sparse(spec.kind) ? spec.shards * shard_stride(spec.length) : 0;
  return make_present(service, first_shard + skipped, size_of_shards(spec) - skipped);
}

/** Whether a heap, if it is one, has the pages and the caches of this release. */
bool is_possible_heap(const RegionSpec& spec) noexcept {
  return spec.kind != Kind::heap ||
         (spec.units <= kMaxHeapPages && spec.unit_size == kHeapPage && spec.length == kHeapLength);
}

/** Whether a region with these properties can exist, without regard to its memory. */
bool is_possible(const RegionSpec& spec) noexcept {
  return spec.shards != 0 && spec.shards <= kMaxShards && spec.length >= least_length(spec.kind) &&
         shard_stride(spec.length) <= UINT32_MAX &&
         (!has_arena(spec.kind) || is_possible_arena(spec.units, spec.unit_size)) && is_possible_heap(spec);
}

/**
 * Whether processes can share such a region. Concurrency ids number the threads of one process, and atomics on shards
 * are for backends whose owners have no name in a service. A heap does not know which process holds a block.
 */
bool can_be_shared(const RegionSpec& spec) noexcept {
  return spec.index == Index::cpu_id && spec.writers == Writers::sections && spec.kind != Kind::heap;
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
  case Kind::heap:
    return kHeapLength;
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
  return region_size({Kind::counters, Element::f64, Index::cpu_id, Writers::sections, shards, length});
}

uint64_t region_size(const RegionSpec& spec) noexcept {
  return sizeof(Header) + kShardAlignment - kMemoryAlignment + size_of_shards(spec);
}

RegionError format_region(void* memory, size_t size, const RegionSpec& wanted) noexcept {
  if (!is_aligned(memory))
    return RegionError::misaligned;
  const uint32_t service = service_of(memory);
  RegionSpec spec = wanted;
  spec.is_shared = service != 0;
  if (!is_known(spec.kind) || !is_known(spec.element, spec.kind) || !is_known(spec.index) || !is_known(spec.writers) ||
      !is_known(spec.policy, spec.kind))
    return RegionError::field;
  if (!has_arena(spec.kind) && (spec.units != 0 || spec.unit_size != 0 || spec.is_checked))
    return RegionError::field;
  if (!is_possible(spec))
    return RegionError::geometry;
  if (service != 0 && !can_be_shared(spec))
    return RegionError::shared;
  const uintptr_t start = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (start + sizeof(Header) + kShardAlignment - 1) / kShardAlignment * kShardAlignment;
  const uint64_t first_shard = first - start;
  if (size < first_shard || size - first_shard < size_of_shards(spec))
    return RegionError::too_short;
  auto* const shard_0 = static_cast<unsigned char*>(memory) + first_shard;
  // Shard 0 is there from the beginning, as a number of 0 means all.
  if (service != 0 && (!make_present(service, memory, first_shard + shard_stride(spec.length)) ||
                       !make_fixed_present(service, shard_0, spec)))
    return RegionError::no_room;

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
  header.is_shared = service != 0 ? 1 : 0;
  header.allocated = service != 0 && is_sparse(spec.kind) ? 1 : 0;
  header.policy = static_cast<uint32_t>(spec.policy);
  write_header(memory, header);
  return RegionError::none;
}

RegionError open_region(void* memory, size_t size, Kind kind, Region& region) noexcept {
  if (size < sizeof(Header))
    return RegionError::too_short;
  if (!is_aligned(memory))
    return RegionError::misaligned;

  const uint32_t service = service_of(memory);
  if (service != 0 && !make_present(service, memory, sizeof(Header)))
    return RegionError::no_room;
  const Header header = read_header(memory);
  if (header.magic != kMagic)
    return RegionError::magic;
  if (header.version != kLayoutVersion)
    return RegionError::version;
  if (header.kind != static_cast<uint32_t>(kind))
    return is_known(static_cast<Kind>(header.kind)) ? RegionError::kind : RegionError::field;
  if (!is_known(static_cast<Element>(header.element), kind) || !is_known(static_cast<Index>(header.index)) ||
      !is_known(static_cast<Writers>(header.writers)) || !is_known(static_cast<Policy>(header.policy), kind))
    return RegionError::field;
  if (header.is_shared > 1 || header.allocated > header.shards || (header.is_shared == 0 && header.allocated != 0))
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
                           header.is_checked != 0,
                           header.is_shared != 0};
  // Owners have other numbers there: a thread that took the memory for private would take over from live owners.
  if ((header.is_shared != 0) != (service != 0) || (service != 0 && !can_be_shared(spec)))
    return RegionError::shared;
  if (!is_possible(spec))
    return RegionError::geometry;
  if (header.stride != shard_stride(header.length))
    return RegionError::geometry;
  // The region may have been moved. An alignment of less than 128 bytes in memory only makes it slower.
  if (header.first_shard < sizeof(Header) || header.first_shard % sizeof(int64_t) != 0)
    return RegionError::geometry;
  if (size < header.first_shard + size_of_shards(spec))
    return RegionError::too_short;

  region.first_shard = static_cast<unsigned char*>(memory) + header.first_shard;
  // What is not allocated on a full file system is SIGBUS at the first touch, whatever the header says.
  if (service != 0 && !make_fixed_present(service, region.first_shard, spec))
    return RegionError::no_room;
  region.header_distance = header.first_shard;
  region.stride = header.stride;
  region.length = header.length;
  region.shards = header.shards;
  region.kind = kind;
  region.element = spec.element;
  region.index = spec.index;
  region.writers = spec.writers;
  region.policy = spec.policy;
  region.service = service & 0xff;
  region.units = spec.units;
  region.unit_size = spec.unit_size;
  if (kind == Kind::counters)
    region.stop = word_at<int64_t>(region, region.shards, region.length);
  region.is_checked = spec.is_checked;
  const bool has_sections = can_write_by_sections(region.writers, region.index);
  const bool is_later = service != 0 && is_sparse(kind); // The first operation on a CPU raises the bound.
  // A checked heap has no caches.
  const bool has_caches = kind != Kind::heap || !region.is_checked;
  region.section_shards = has_sections && !is_later && has_caches ? region.shards : 0;
  // What checks each node must not be got around.
  const bool is_checked_list = kind == Kind::list && region.is_checked;
  region.is_direct = has_sections && region.index == Index::cpu_id && has_libc_areas() && !is_checked_list;
  region.direct_length = region.is_direct && kind != Kind::list && kind != Kind::heap ? region.length : 0;
  region.direct_stacks = 0;
  if (kind == Kind::stack || kind == Kind::pool) {
    // A checked pool must not use the fast path, which would skip its checks.
    const bool is_direct = region.direct_length != 0 && !region.is_checked;
    region.direct_length = is_direct ? stack_capacity(region) : 0;
    region.direct_stacks = is_direct ? region.section_shards : 0;
  }
  region.direct_pops = kind == Kind::list && region.is_direct ? region.section_shards : region.direct_stacks;
  if (has_arena(kind) && service != 0)
    region.direct_pops = 0;
  if (kind == Kind::array && region.direct_length != 0)
    region.direct_length = array_length(region);
  return RegionError::none;
}

} // namespace percpu
