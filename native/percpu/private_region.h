/**
 * @file
 * Regions in memory of this process alone, for programs that have no other memory for them: one function that describes
 * each kind, and the owner of the memory.
 *
 *     percpu::PrivateRegion counters(percpu::counters_spec(3));
 *     if (!counters)
 *       return report(counters.error());
 *     percpu::counter_add(*counters, 0, int64_t{1});
 */
#ifndef RSEQ_PERCPU_PRIVATE_REGION_H
#define RSEQ_PERCPU_PRIVATE_REGION_H

#include "../rseq/cpus.h"
#include "array.h"
#include "heap.h"
#include "list.h"
#include "lock_words.h"
#include "pool.h"
#include "ring.h"

#include <cstddef>
#include <sys/mman.h>

namespace percpu {

/** `length` counters, by the CPU. Element::i64 for counter_add() of int64_t, Element::f64 for double. */
inline RegionSpec counters_spec(uint32_t length, Element element = Element::i64) noexcept {
  return {Kind::counters, element, Index::cpu_id, Writers::sections, possible_cpus(), length};
}

/** A stack of up to `capacity` doubles for each CPU; `capacity` from 1 on. */
inline RegionSpec stack_spec(uint32_t capacity) noexcept {
  const uint32_t length = capacity == 0 || capacity > UINT32_MAX - kStackHead ? 0 : capacity + kStackHead;
  return {Kind::stack, Element::f64, Index::cpu_id, Writers::sections, possible_cpus(), length};
}

/** A list for each CPU, and `nodes` nodes with `node_size` bytes of payload each. No node is on a list at first. */
inline RegionSpec list_spec(uint32_t nodes, uint32_t node_size, bool is_checked = false) noexcept {
  return {Kind::list,  Element::i64, Index::cpu_id, Writers::sections, possible_cpus(),
          kListLength, Policy::none, nodes,         node_size,         is_checked};
}

/** How many free blocks each CPU caches at most, where the caller does not say. */
constexpr uint32_t kPoolCache = 256;

/** `blocks` blocks of `block_size` bytes each, of which each CPU caches up to `cache` free ones. */
inline RegionSpec pool_spec(uint32_t blocks, uint32_t block_size, bool is_checked = false,
                            uint32_t cache = kPoolCache) noexcept {
  return {Kind::pool,        Element::f64,    Index::cpu_id,
          Writers::sections, possible_cpus(), kStackHead + (cache < blocks ? cache : blocks),
          Policy::none,      blocks,          block_size,
          is_checked};
}

/**
 * A heap whose blocks have `bytes` bytes together, rounded down to whole pages of kHeapPage bytes: at least one, at
 * most kMaxHeapPages.
 */
inline RegionSpec heap_spec(uint64_t bytes, bool is_checked = false) noexcept {
  const uint64_t pages = bytes / kHeapPage;
  return {Kind::heap,      Element::f64, Index::cpu_id, Writers::sections,
          possible_cpus(), kHeapLength,  Policy::none,  pages <= kMaxHeapPages ? static_cast<uint32_t>(pages) : 0,
          kHeapPage,       is_checked};
}

/**
 * A ring of `capacity` bytes for each CPU: a power of two from kLeastRing to kMostRing, of which kRecordFrame and up to
 * 7 go to each record in addition to its own.
 */
inline RegionSpec ring_spec(uint32_t capacity, Policy policy = Policy::discard) noexcept {
  const bool is_power = capacity >= kLeastRing && capacity <= kMostRing && (capacity & (capacity - 1)) == 0;
  const uint32_t length = is_power ? kRingHead + capacity / 8 : 0;
  return {Kind::ring, Element::i64, Index::cpu_id, Writers::sections, possible_cpus(), length, policy};
}

/** `words` words for each CPU. */
inline RegionSpec array_spec(uint32_t words, Element element = Element::i64) noexcept {
  const uint32_t length = words == 0 || words > UINT32_MAX - kArrayHead ? 0 : words + kArrayHead;
  return {Kind::array, element, Index::cpu_id, Writers::sections, possible_cpus(), length};
}

/** One mutex. */
inline RegionSpec mutex_spec() noexcept {
  return {Kind::mutex, Element::i64, Index::cpu_id, Writers::sections, 1, kLockLength};
}

/** A lock for each CPU. */
inline RegionSpec cpu_lock_spec() noexcept {
  return {Kind::cpu_lock, Element::i64, Index::cpu_id, Writers::sections, possible_cpus(), kLockLength};
}

/**
 * Maps memory for a region, makes the region and opens it; unmaps the memory at its end. Pages get memory when they are
 * first used. No thread may use the region any more when this is destroyed, and no seat may be open. A forked child has
 * a copy of the region.
 *
 * Make it after the first thread has attached, where libc registers no threads: see attach().
 */
class PrivateRegion {
public:
  /** If this fails, error() says why: geometry for numbers that are not accepted, no_memory, or as open_region(). */
  explicit PrivateRegion(const RegionSpec& spec) noexcept {
    // The size of what is not accepted means nothing; a length of 0 stands for a number that has no length.
    if (spec.length < least_length(spec.kind) || shard_stride(spec.length) > UINT32_MAX ||
        (has_arena(spec.kind) && !is_possible_arena(spec.units, spec.unit_size))) {
      error_ = RegionError::geometry;
      return;
    }
    size_ = region_size(spec);
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      error_ = RegionError::no_memory;
      return;
    }
    memory_ = memory;
    error_ = format_region(memory, size_, spec);
    if (error_ == RegionError::none)
      error_ = open_region(memory, size_, spec.kind, region_);
    if (error_ == RegionError::none && spec.kind == Kind::pool)
      fill();
  }
  ~PrivateRegion() {
    if (memory_ != nullptr)
      munmap(memory_, size_);
  }
  PrivateRegion(const PrivateRegion&) = delete;
  PrivateRegion& operator=(const PrivateRegion&) = delete;

  /** Whether there is a region. */
  explicit operator bool() const noexcept { return error_ == RegionError::none; }
  RegionError error() const noexcept { return error_; }
  /** Only if there is one. */
  const Region& operator*() const noexcept { return region_; }
  const Region* operator->() const noexcept { return &region_; }

private:
  /** Puts all blocks of a new pool into its central store, block 0 on top. No other thread knows of it yet. */
  void fill() const noexcept {
    *word_at<uint64_t>(region_, region_.shards, 0) = region_.units;
    for (uint32_t i = 0; i < region_.units; i++)
      *word_at<double>(region_, region_.shards, kStackHead + i) = region_.units - 1 - i;
  }

  void* memory_ = nullptr;
  size_t size_ = 0;
  Region region_ = {};
  RegionError error_ = RegionError::none;
};

} // namespace percpu

#endif // RSEQ_PERCPU_PRIVATE_REGION_H
