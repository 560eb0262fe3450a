/**
 * @file
 * A region: one stretch of shared memory that holds a header, a shard for every possible CPU, and
 * one overflow shard.
 *
 *     0            64         first_shard, aligned to 128 in memory
 *     +--------+----------+---------+---------+-----+-------------+----------+---------+
 *     | header | (slack)  | shard 0 | shard 1 | ... | shard P - 1 | overflow | (arena) |
 *     +--------+----------+---------+---------+-----+-------------+----------+---------+
 *                          <-stride->
 *
 * Kinds that have an arena are about a fixed number of units of memory, which are there: see arena.h.
 *
 * Every byte of it is untrusted: JavaScript may write any of them at any time. The header is read
 * once, by open_region(), field by field, and checked; after that native code only uses its own copy.
 * Nothing in a region is a pointer or belongs to one process.
 */
#ifndef RSEQ_PERCPU_REGION_H
#define RSEQ_PERCPU_REGION_H

#include "../rseq/sections.h"

#include <cstddef>
#include <cstdint>

namespace rseq {

/** What a region holds. */
enum class Kind : uint32_t {
  counters = 1, ///< `length` counters a shard, each the sum of its words over all shards.
  stack = 2,    ///< A stack a shard, of doubles: see stack.h.
  list = 3,     ///< A list a shard, of nodes: see list.h.
  pool = 4,     ///< A stack a shard, of the numbers of free blocks: see pool.h.
  ring = 5,     ///< A ring of records a shard: see ring.h.
  array = 6,    ///< An array of words a shard: see array.h.
  mutex = 8,    ///< A mutex: one shard, of the words in lock_words.h.
  cpu_lock = 9, ///< A lock a shard, the overflow shard included.
};

/** The type of a region's words. */
enum class Element : uint32_t {
  i64 = 1,
  f64 = 2,
  i32 = 3, ///< Of arrays only: in a whole word, with its sign extended.
};

/**
 * How the shards are written, for the whole life of the region. Sections and atomics on one word
 * lose updates, so whoever cannot write as the region says must use the overflow shard, which is
 * always written by atomics. That keeps totals exact whatever mix of threads and backends meets.
 */
enum class Writers : uint32_t {
  sections = 1, ///< By restartable sequences on the shard's own CPU.
  atomics = 2,  ///< By atomic read-modify-writes, from anywhere: the portable backend's regions.
};

/** What becomes of a ring's record that finds no room. */
enum class Policy : uint32_t {
  none = 0,      ///< Not a ring.
  discard = 1,   ///< It is counted and not written.
  overwrite = 2, ///< It goes over the oldest records: a flight recorder.
};

constexpr uint32_t kMagic = 0x51455352; ///< "RSEQ" in memory.
constexpr uint32_t kLayoutVersion = 1;
constexpr uint32_t kShardAlignment = 128; ///< Two lines: the adjacent-line prefetcher fetches pairs.
constexpr uint32_t kMaxShards = 1u << 16;

/** The first 64 bytes of a region. All fields little-endian. */
struct Header {
  uint32_t magic;
  uint32_t version;
  uint32_t kind;
  uint32_t element;
  uint32_t index;
  uint32_t writers;
  uint32_t shards;      ///< Without the overflow shard.
  uint32_t length;      ///< Words used in each shard.
  uint32_t stride;      ///< Bytes from one shard to the next: a multiple of 128.
  uint32_t first_shard; ///< Byte offset of shard 0 from the start of the region.
  uint32_t units;       ///< How many units the arena has; 0 where the kind has none, as the next two.
  uint32_t unit_size;   ///< Bytes of a unit.
  uint32_t is_checked;  ///< 1 if what is done with units is checked.
  uint32_t reserved[2]; ///< 0.
  uint32_t policy;      ///< Of a ring; 0 for all else.
};

static_assert(sizeof(Header) == 64);

/** Why a region is refused. The numbers are part of the binding: src/region.ts has the words. */
enum class RegionError : uint32_t {
  none = 0,
  too_short = 1,  ///< Not even a header, or the shards do not fit.
  magic = 2,      ///< Not made by this library.
  version = 3,    ///< Made by another layout version.
  kind = 4,       ///< Holds something else.
  field = 5,      ///< A header field has a value that does not exist.
  geometry = 6,   ///< Shards, length, stride and offset do not fit together.
  misaligned = 7, ///< The memory itself is not aligned to 8 bytes.
};

/** A checked region: what the hot paths need, in memory that JavaScript cannot reach. */
struct Region {
  unsigned char* first_shard;
  uint32_t stride;
  uint32_t length;
  uint32_t shards;
  /** `shards` where this process may write them by sections, else 0: one comparison then tells. */
  uint32_t section_shards;
  /**
   * `length`, or a stack's capacity, or an array's length, where the shortest way is open: sections by cpu_id, in areas
   * that libc registers. Else 0, so that the check of an element's index is the check of all that, too.
   */
  uint32_t direct_length;
  /** `shards` where that way is open to stacks, else 0: the check of the CPU is the check of all that, too. */
  uint32_t direct_stacks;
  uint32_t units;
  uint32_t unit_size;
  // In one word: an open region is to stay within a cache line of the handle table.
  Kind kind : 8;
  Element element : 8;
  Index index : 2;
  Writers writers : 2;
  Policy policy : 2;
  bool is_checked : 1;
  bool is_direct : 1; ///< The shortest way is open, whatever the kind.
};

/** What a new region is to be. */
struct RegionSpec {
  Kind kind;
  Element element;
  Index index;
  Writers writers;
  uint32_t shards;
  uint32_t length;
  Policy policy = Policy::none;
  uint32_t units = 0;
  uint32_t unit_size = 0;
  bool is_checked = false;
};

/** The fewest words that a shard of this kind can have. */
uint32_t least_length(Kind kind) noexcept;

/** Bytes of a shard of `length` words: 8 each, rounded up to 128. */
uint64_t shard_stride(uint32_t length) noexcept;

/**
 * Bytes that a region of this shape needs, wherever its memory starts: (shards + 1) strides, a
 * header of 64 and a slack of 112 (memory is at least 16-byte aligned).
 */
uint64_t region_size(uint32_t shards, uint32_t length) noexcept;

/** The same of any kind, the arena included. */
uint64_t region_size(const RegionSpec& spec) noexcept;

/** Writes the header into zeroed memory of at least region_size() bytes. */
RegionError format_region(void* memory, size_t size, const RegionSpec& spec) noexcept;

/**
 * Checks the bytes of a region and fills `region`. O(1). Never reads or trusts anything outside
 * [memory, memory + size). The memory must outlive the region.
 */
RegionError open_region(void* memory, size_t size, Kind kind, Region& region) noexcept;

/** The shard that the calling thread uses without a section: its CPU's where atomics write them, else the overflow
 * shard. */
uint32_t shard_without_section(const Region& region) noexcept;

/** The address of a word. `shard` up to and with `shards` (the overflow shard), `i` below `length`. */
template <typename Word> inline Word* word_at(const Region& region, uint64_t shard, uint32_t i) noexcept {
  static_assert(sizeof(Word) == 8);
  return reinterpret_cast<Word*>(region.first_shard + shard * region.stride) + i;
}

} // namespace rseq

#endif // RSEQ_PERCPU_REGION_H
