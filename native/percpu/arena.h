/**
 * @file
 * The arena of a region: a fixed number of units of memory of one size, for lists (nodes), pools (blocks) and heaps
 * (pages).
 *
 *     overflow shard                 aligned to 128             aligned to 128
 *     +---------------------------+------------------------+--------+--------+-----+
 *     | a pool's is as long as    | a word of 8 bytes for  | unit 0 | unit 1 | ... |
 *     | there are units           | each unit; 2 in a list |        |        |     |
 *     |                           | checked or shared; 8   |        |        |     |
 *     |                           | in a heap              |        |        |     |
 *     +---------------------------+------------------------+--------+--------+-----+
 *                                                          <- size, rounded up to 64
 *
 * A unit has a number, from 0 on. Any thread can overwrite the numbers that a region holds: check them with is_unit().
 */
#ifndef RSEQ_PERCPU_ARENA_H
#define RSEQ_PERCPU_ARENA_H

#include "region.h"

namespace percpu {

/** Bytes. No two units share a cache line. */
constexpr uint32_t kUnitAlignment = 64;
constexpr uint32_t kMaxUnits = 1u << 28;
/** Words of a row of a heap's page. */
constexpr uint32_t kPageRowWords = 8;
constexpr uint32_t kMaxUnitSize = 1u << 30;

inline bool has_arena(Kind kind) noexcept {
  return kind == Kind::list || kind == Kind::pool || kind == Kind::heap;
}

/** Whether an arena may have so many units of so many bytes. */
inline bool is_possible_arena(uint32_t units, uint32_t unit_size) noexcept {
  return units != 0 && units <= kMaxUnits && unit_size != 0 && unit_size <= kMaxUnitSize;
}

/** Bytes of the overflow shard. */
inline uint64_t overflow_stride(Kind kind, Element element, uint32_t length, uint32_t units) noexcept {
  if (kind == Kind::counters && element == Element::f64)
    return shard_stride(length + kSetWords); // A length leaves room for them in 32 bits.
  constexpr uint32_t kHead = 2;              // Words before the numbers: stack.h, which stands on this.
  const bool is_longer = kind == Kind::pool && units <= kMaxUnits && units + kHead > length;
  return shard_stride(is_longer ? units + kHead : length);
}

/** Bytes from one unit to the next. */
inline uint64_t unit_stride(uint32_t unit_size) noexcept {
  return (static_cast<uint64_t>(unit_size) + kUnitAlignment - 1) / kUnitAlignment * kUnitAlignment;
}

/**
 * How many words the units have: one each; two in a list that is checked or that processes share: all links, and behind
 * them all states and notes; eight in a heap, side by side: a page's row (heap_spans.h).
 */
inline uint32_t unit_word_count(Kind kind, uint32_t units, bool is_checked, bool is_shared) noexcept {
  if (kind == Kind::heap)
    return kPageRowWords * units;
  return kind == Kind::list && (is_checked || is_shared) ? 2 * units : units;
}

inline uint32_t unit_word_count(const Region& region) noexcept {
  return unit_word_count(region.kind, region.units, region.is_checked, region.service != 0);
}

/** Bytes of the words and the units of a possible arena; 0 if there is none. */
inline uint64_t arena_size(const RegionSpec& spec) noexcept {
  if (spec.units == 0)
    return 0;
  return shard_stride(unit_word_count(spec.kind, spec.units, spec.is_checked, spec.is_shared)) +
         spec.units * unit_stride(spec.unit_size);
}

/** Whether the region has a unit of this number. */
inline bool is_unit(const Region& region, double number) noexcept {
  return number >= 0 && number < region.units && number == static_cast<uint32_t>(number);
}

/** The words of the units, beginning with unit 0. */
inline unsigned char* unit_words(const Region& region) noexcept {
  return region.first_shard + static_cast<uint64_t>(region.shards) * region.stride +
         overflow_stride(region.kind, region.element, region.length, region.units);
}

/** The state of a unit: the first half of a block's word, or, in a list that is checked or shared, of a node's second
 * word. The other half is the unit's note (holder.h). @param unit below region.units. */
inline uint32_t* unit_state(const Region& region, uint32_t unit) noexcept {
  const uint64_t links = unit_word_count(region) - region.units;
  return reinterpret_cast<uint32_t*>(unit_words(region) + sizeof(uint64_t) * (links + unit));
}

/** A unit's memory, of region.unit_size bytes. @param unit below region.units. */
inline unsigned char* unit_at(const Region& region, uint32_t unit) noexcept {
  return unit_words(region) + shard_stride(unit_word_count(region)) + unit * unit_stride(region.unit_size);
}

} // namespace percpu

#endif // RSEQ_PERCPU_ARENA_H
