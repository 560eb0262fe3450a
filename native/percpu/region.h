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
 * The arena of lists and pools holds a fixed number of units of memory: see arena.h.
 *
 * No byte of it is trusted: JavaScript may write all bytes at any time. open_region() reads each field of the header
 * once and checks it; after that, native code uses only its own copy. Nothing in a region is a pointer or belongs to
 * one process.
 */
#ifndef RSEQ_PERCPU_REGION_H
#define RSEQ_PERCPU_REGION_H

#include "../rseq/sections.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace percpu {

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
  heap = 10,    ///< A stack a shard and size class, of the numbers of free blocks: see heap.h.
};

/** The type of a region's words. */
enum class Element : uint32_t {
  i64 = 1,
  f64 = 2,
  i32 = 3, ///< Only for arrays: 32 bits in a word of 64, with the sign extended.
};

/**
 * How the shards are written, for the whole life of the region. Sections and atomics on one word would lose updates. A
 * thread that cannot write in this way uses the overflow shard, which only atomics write. Totals therefore stay exact
 * for every mix of threads and backends.
 */
enum class Writers : uint32_t {
  sections = 1, ///< By restartable sequences on the shard's own CPU.
  atomics = 2,  ///< By atomic read-modify-writes, from anywhere: the portable backend's regions.
};

/** What happens to a record that finds no room in a ring. */
enum class Policy : uint32_t {
  none = 0,      ///< Not a ring.
  discard = 1,   ///< The record is counted and not written.
  overwrite = 2, ///< The record overwrites the oldest records: a flight recorder.
};

constexpr uint32_t kMagic = 0x51455352; ///< "RSEQ" in memory.
constexpr uint32_t kLayoutVersion = 3;
constexpr uint32_t kShardAlignment = 128; ///< Two lines: the adjacent-line prefetcher fetches pairs.
constexpr uint32_t kMaxShards = 1u << 16;

/** Words after the f64 counters of the overflow shard, which setting a counter needs: see counter.cc. */
constexpr uint32_t kSetWords = 3;

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
  uint32_t units;       ///< How many units the arena has. Without an arena, this field and the next two are 0.
  uint32_t unit_size;   ///< Bytes of a unit.
  uint32_t is_checked;  ///< 1 if the pool checks the state of each block.
  uint32_t is_shared;   ///< 1 if the memory was made for several processes (service.h). Never relied on. Its other bits
                        ///< are 0: they are for other strides (NUMA nodes) and for shards of a thread's own.
  uint32_t allocated;   ///< How many leading shards are allocated, see extents.h; 0: all. Never relied on.
  uint32_t policy;      ///< The Policy of a ring; 0 for all other kinds.
};

static_assert(sizeof(Header) == 64);

/** Why a region is refused. The numbers are part of the binding: src/runtime/region.ts has the messages. */
enum class RegionError : uint32_t {
  none = 0,
  too_short = 1,  ///< The memory is too short for the header or for the shards.
  magic = 2,      ///< The memory has no header of this library.
  version = 3,    ///< Made by another layout version.
  kind = 4,       ///< The region is of another kind.
  field = 5,      ///< A header field has a value that does not exist.
  geometry = 6,   ///< Shards, length, stride and offset do not fit together.
  misaligned = 7, ///< The memory itself is not aligned to 8 bytes.
  owners = 8,     ///< No more threads of this process can own something: see owner.h.
  no_memory = 9,  ///< The process has no memory left to open it.
  shared = 10,    ///< Made for several processes, and this copy of the library has not mapped it; or with an index or
                  ///< writers that processes cannot share.
  no_room = 11,   ///< Memory that processes share is not allocated, and there is no room for it.
};

/** A checked region: the copy that the hot paths use, in memory that JavaScript cannot reach. */
struct Region {
  unsigned char* first_shard;
  uint32_t stride;
  uint32_t length;
  uint32_t shards;
  /**
   * `shards` if this process may write them by sections, else 0: one comparison with it checks both. In memory that
   * processes share, only so many shards are known to be allocated; extents.h raises this number and the next but one.
   */
  mutable uint32_t section_shards;
  /**
   * The length (of a stack: its capacity; of an array: its words) if the fast path applies: sections by cpu_id, in
   * areas that libc registers. Else 0: the check of an element's index then checks that, too.
   */
  uint32_t direct_length;
  /** `section_shards` if the fast path applies to pushes on a stack, else 0: the check of the CPU then checks that,
   * too. */
  mutable uint32_t direct_stacks;
  union {
    struct {
      uint32_t units; ///< Where the kind has an arena, as the next.
      uint32_t unit_size;
    };
    /** For f64 counters: the stop word of all shards, which are stopped while one of the counters is set. */
    int64_t* stop;
  };
  // Bit fields, as an open region must fit into a cache line of the handle table.
  Kind kind : 8;
  Element element : 8;
  Index index : 2;
  Writers writers : 2;
  Policy policy : 2;
  bool is_checked : 1;
  bool is_direct : 1; ///< The fast path applies, for any kind.
  /** The service whose processes share the memory (service.h), as this process knows from its mapping; 0 if none do. */
  uint32_t service : 8;
  uint32_t header_distance; ///< Bytes from the header to shard 0.
  /** As direct_stacks, for pops from a stack or a list: 0 also where a pop has to note who holds what it takes. */
  mutable uint32_t direct_pops;
};

/** The properties of a new region. */
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
  /** Whether the memory belongs to a service (service.h): the arena of a list is longer there. format_region() finds
   * out itself. */
  bool is_shared = false;
};

/** The smallest number of words that a shard of this kind can have. */
uint32_t least_length(Kind kind) noexcept;

/** Bytes of a shard of `length` words: 8 each, rounded up to 128. */
uint64_t shard_stride(uint32_t length) noexcept;

/**
 * Bytes that a region of counters needs, for any element type and any 16-byte aligned memory: a stride for each shard,
 * an overflow shard with kSetWords more words, a header of 64 bytes and a slack of 112.
 */
uint64_t region_size(uint32_t shards, uint32_t length) noexcept;

/** Bytes that a region of any kind needs, with its arena. */
uint64_t region_size(const RegionSpec& spec) noexcept;

/**
 * Writes the header into zeroed memory of at least region_size() bytes. Other threads must not use it meanwhile. In
 * memory that processes share, it allocates what extents.h says; RegionError::no_room if that is not possible.
 */
RegionError format_region(void* memory, size_t size, const RegionSpec& wanted) noexcept;

/**
 * Checks the header of a region and fills `region`. O(1). Reads only bytes in [memory, memory + size). The memory must
 * outlive `region`.
 */
RegionError open_region(void* memory, size_t size, Kind kind, Region& region) noexcept;

/** The shard that the calling thread uses without a section: that of its CPU if atomics write the shards, else
 * overflow. */
uint32_t shard_without_section(const Region& region) noexcept;

/**
 * Reads a value of up to 8 bytes, aligned to its size, that other threads may write at any time: exactly once, so that
 * the caller uses the value that it has checked. A compiler may repeat or split a plain read or a memcpy(). Relaxed
 * order.
 */
template <typename Value> Value read_once(const Value* from) noexcept {
  static_assert(sizeof(Value) <= sizeof(uint64_t));
  Value value;
  __atomic_load(const_cast<Value*>(from), &value, __ATOMIC_RELAXED);
  return value;
}

/** The address of a word. `shard` is at most `shards` (the overflow shard), `i` is below `length`. */
template <typename Word> inline Word* word_at(const Region& region, uint64_t shard, uint32_t i) noexcept {
  static_assert(sizeof(Word) == 8);
  return reinterpret_cast<Word*>(region.first_shard + shard * region.stride) + i;
}

/** The double whose bits a word is. */
inline double double_of_word(int64_t word) noexcept {
  double value;
  memcpy(&value, &word, sizeof(value));
  return value;
}

} // namespace percpu

#endif // RSEQ_PERCPU_REGION_H
