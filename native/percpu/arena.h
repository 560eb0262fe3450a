/**
 * @file
 * The arena of a region: a fixed number of units of memory, all of one size, for the kinds that are about such.
 *
 *     overflow shard                 aligned to 128             aligned to 128
 *     +---------------------------+------------------------+--------+--------+-----+
 *     | a pool's is as long as    | a word of 8 bytes for  | unit 0 | unit 1 | ... |
 *     | there are units           | each unit              |        |        |     |
 *     +---------------------------+------------------------+--------+--------+-----+
 *                                                          <- size, rounded up to 64
 *
 * Units are named by their number. What is read from the region as one is anybody's until is_unit() says that there is
 * one of that number.
 */
#ifndef RSEQ_PERCPU_ARENA_H
#define RSEQ_PERCPU_ARENA_H

#include "region.h"

namespace rseq {

/** So that two units share no cache line. */
constexpr uint32_t kUnitAlignment = 64;
constexpr uint32_t kMaxUnits = 1u << 28;
constexpr uint32_t kMaxUnitSize = 1u << 30;

inline bool has_arena(Kind kind) noexcept {
  return kind == Kind::list || kind == Kind::pool;
}

/** Whether there is such an arena. */
inline bool is_possible_arena(uint32_t units, uint32_t unit_size) noexcept {
  return units != 0 && units <= kMaxUnits && unit_size != 0 && unit_size <= kMaxUnitSize;
}

/** Bytes of the overflow shard. */
inline uint64_t overflow_stride(Kind kind, uint32_t length, uint32_t units) noexcept {
  constexpr uint32_t kHead = 2; // Words before the numbers: stack.h, which stands on this.
  const bool is_longer = kind == Kind::pool && units <= kMaxUnits && units + kHead > length;
  return shard_stride(is_longer ? units + kHead : length);
}

/** Bytes from one unit to the next. */
inline uint64_t unit_stride(uint32_t unit_size) noexcept {
  return (static_cast<uint64_t>(unit_size) + kUnitAlignment - 1) / kUnitAlignment * kUnitAlignment;
}

/** Bytes of the words and the units. */
inline uint64_t arena_size(uint32_t units, uint32_t unit_size) noexcept {
  return units == 0 ? 0 : shard_stride(units) + units * unit_stride(unit_size);
}

/** Whether a unit has this number. */
inline bool is_unit(const Region& region, double number) noexcept {
  return number >= 0 && number < region.units && number == static_cast<uint32_t>(number);
}

/** The words, that of unit 0 first. */
inline unsigned char* unit_words(const Region& region) noexcept {
  return region.first_shard + static_cast<uint64_t>(region.shards) * region.stride +
         overflow_stride(region.kind, region.length, region.units);
}

/** The first half of a unit's word. `unit` is below region.units, here and below. */
inline uint32_t* unit_state(const Region& region, uint32_t unit) noexcept {
  return reinterpret_cast<uint32_t*>(unit_words(region) + sizeof(uint64_t) * unit);
}

/** A unit's memory, of region.unit_size bytes. */
inline unsigned char* unit_at(const Region& region, uint32_t unit) noexcept {
  return unit_words(region) + shard_stride(region.units) + unit * unit_stride(region.unit_size);
}

} // namespace rseq

#endif // RSEQ_PERCPU_ARENA_H
