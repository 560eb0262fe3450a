/**
 * @file
 * A ring of records of any length for each CPU: many threads write, one reads.
 *
 *     word 0     the head: how many bytes were ever written
 *     word 1     the stop word (remote.h)
 *     word 2     how many records were dropped, as they found no room
 *     word 16    the tail: how many bytes were ever read
 *     word 17    of the overflow shard: the reader, in a stop word for all tails
 *     word 18    of the overflow shard: two words of 32 bits for a reader that waits, see src/ring/ring-reader.ts
 *     word 19    of the overflow shard: JavaScript's policy for records that are too long, see src/ring/ring.ts
 *     word 32…   the ring's bytes, a power of two. Byte `p` of all written bytes is at p modulo that power
 *
 * A record is
 *
 *     8 bytes    bits 0 to 15 its length, 16 to 31 the CPU, 32 to 61 the kernel's id of the thread, never 0;
 *                bit 62: it was truncated; bit 63: its last 8 bytes are a time
 *     …          its bytes, up to a multiple of 8
 *     8 bytes    the time of writing: ticks (../rseq/ticks.h) if a section wrote it, nanoseconds of CLOCK_MONOTONIC if
 * it was written behind a lock 8 bytes    the position where it begins: the head before it
 *
 * so that a reader can walk in both directions. To write is one critical section on this CPU's shard, which copies the
 * record, stamps it and commits by the head: a ring has all of a record or nothing. If the kernel does not trust the
 * counter that ticks are read from (trusts_ticks(), in ../rseq/tick_clock.h), a writer puts the nanoseconds of
 * CLOCK_MONOTONIC behind the record's own bytes, before its section begins, and sets bit 63. Readers return
 * nanoseconds that never decrease from one record of a CPU to the next. With Policy::discard, a record that finds no
 * room before the tail is counted and not written; with Policy::overwrite it overwrites the oldest records, and readers
 * can only take snapshots.
 *
 * Threads without rseq, threads aborted kAttempts times in a row, and threads whose CPU is stopped use the overflow
 * shard, a ring behind a lock. If atomics write the region, every shard is behind its lock.
 *
 * All functions are thread-safe. A thread that reads a record sees all stores that its writer made before. Any thread
 * can overwrite the words of a shard: positions are masked, and lengths are checked.
 */
#ifndef RSEQ_PERCPU_RING_H
#define RSEQ_PERCPU_RING_H

#include "../rseq/ring_sections.h"
#include "../rseq/thread.h"
#include "region.h"
#include "status.h"

namespace percpu {

/** Words of a shard before its ring's bytes. */
constexpr uint32_t kRingHead = 32;
/** The fewest and the most bytes of a CPU's ring. */
constexpr uint32_t kLeastRing = 256;
constexpr uint32_t kMostRing = 1u << 30;
/** Bytes that a record takes in addition to its own. */
constexpr uint32_t kRecordFrame = 24;
/** More bytes that a record takes if the kernel does not trust the CPU's counter. */
constexpr uint32_t kRecordTime = 8;
/** The longest record, in bytes: 64 KiB with its frame. */
constexpr uint32_t kLongestRecord = (1u << 16) - kRecordFrame;
/** How many of the longest records a ring holds, without kRecordTime. */
constexpr uint32_t kLeastRecords = 4;

/** One thread's state for writing to a ring, in memory that JavaScript cannot reach. */
struct RingSeat {
  Region region;
  uint32_t longest;  ///< The longest record, in bytes.
  uint32_t writable; ///< The longest record that the scratch has room for.
  uint64_t mask;     ///< The ring's bytes, less 8.
  uint64_t thread;   ///< The calling thread's id, shifted to its bits in a record's first word.
  /** The bytes to write: `writable` + kRecordTime bytes, which the caller fills before each ring_write(). */
  unsigned char* scratch;
  /** Whether writers read the system's clock, as the kernel does not trust the CPU's counter. */
  bool has_own_time;
  /**
   * `region.section_shards` if the fast path applies: sections by cpu_id that read the time, in areas of libc. Else 0.
   * In memory that processes share, ring_write() raises it with that number (extents.h).
   */
  mutable uint32_t direct_shards;
};

/** Bytes of each CPU's ring. */
inline uint32_t ring_capacity(const RingSeat& seat) noexcept {
  return static_cast<uint32_t>(seat.mask) + 8;
}

/** The longest record of a ring of `capacity` bytes, of which kLeastRecords fit. */
constexpr uint32_t longest_record(uint32_t capacity) noexcept {
  const uint32_t share = capacity / kLeastRecords - kRecordFrame;
  return share < kLongestRecord ? share : kLongestRecord;
}

/** Bytes of a scratch for records of up to `longest` bytes: kRecordTime more, and whole words. */
constexpr uint32_t scratch_size(uint32_t longest) noexcept {
  return (longest + 7) / 8 * 8 + kRecordTime;
}

/**
 * Opens a seat for the calling thread at a region of rings. RegionError::geometry if the shards do not have the length
 * of a ring, field if there is no such policy.
 * @param scratch aligned to 8; must outlive the seat.
 * @param size the bytes of `scratch`: scratch_size() of the longest record to write.
 */
RegionError ring_open(const Region& region, unsigned char* scratch, uint32_t size, RingSeat& seat) noexcept;

/**
 * Chooses whether a seat's writers read the system's clock, or its sections the CPU's counter. ring_open() chooses the
 * counter if the kernel trusts it.
 */
void ring_use_own_time(RingSeat& seat, bool has_own_time) noexcept;

/** Sets another scratch of a seat, as in ring_open(). */
void ring_use_scratch(RingSeat& seat, unsigned char* scratch, uint32_t size) noexcept;

/** One attempt to write a record with the first word `meta`, on the shard `index` of `place`. */
inline Outcome ring_write_meta_at(const RingSeat& seat, const Here& place, uint64_t index, uint64_t meta) noexcept {
  int64_t* words = word_at<int64_t>(seat.region, index, 0);
  return seat.region.policy == Policy::discard
             ? load_cbne_load_load_cbgt_memcpy_stamp_store(place, words, seat.scratch, meta, seat.mask)
             : load_cbne_load_memcpy_stamp_store(place, words, seat.scratch, meta, seat.mask);
}

/** One attempt to write a record whose section reads the time: see ring_write(). */
inline Outcome ring_write_at(const RingSeat& seat, const Here& place, uint64_t index, uint32_t length) noexcept {
  return ring_write_meta_at(seat, place, index, seat.thread | length);
}

/** Whether a record has all its bytes. */
enum class Wholeness : uint32_t { whole, truncated };

namespace detail {
/** The rest of ring_write(): more attempts, then the overflow shard, or the reason for a refusal. */
Status ring_write_slow(const RingSeat& seat, uint32_t length, Wholeness wholeness) noexcept;
} // namespace detail

/**
 * Writes the first `length` bytes of the scratch as a record. O(length): at most kAttempts + 1 sections, then the
 * overflow shard.
 * @return ok; full: no room, and counted; out_of_range: longer than `writable`; corrupt or contended.
 */
inline Status ring_write(const RingSeat& seat, uint32_t length, Wholeness wholeness = Wholeness::whole) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(wholeness == Wholeness::whole && length <= seat.writable && index < seat.direct_shards &&
                           ring_write_at(seat, place, index, length) == Outcome::done,
                       true))
    return Status::ok;
  return detail::ring_write_slow(seat, length, wholeness);
}

/**
 * Counts a record as dropped, without writing it: at most kAttempts sections, then on the overflow shard. Returns ok or
 * contended.
 */
Status ring_drop(const RingSeat& seat) noexcept;

/**
 * How many records found no room in a shard; `shard` is at most region.shards. 0 if the shard is not allocated or
 * cannot be read (extents.h): see ring_unread().
 */
uint64_t ring_dropped(const RingSeat& seat, uint32_t shard) noexcept;

/** Sets `bytes` to the unread bytes of a shard, frames included. Any thread may call it. Returns ok, corrupt or
 * no_room (extents.h). */
Status ring_unread(const RingSeat& seat, uint32_t shard, uint32_t& bytes) noexcept;

/**
 * Makes the calling thread the reader: waits for another reader, and takes over from one that has ended; see
 * stop_shard(). Returns ok, contended or held_already.
 */
Status ring_claim(const RingSeat& seat) noexcept;

/** Ends the calling thread's role as the reader. Returns ok or not_owner. */
Status ring_release(const RingSeat& seat) noexcept;

/** Bytes before a record's bytes in ring_read(): its first word, with the length of its own bytes, and nanoseconds. */
constexpr uint32_t kReadFrame = 16;

/**
 * Copies the oldest unread records of a shard, as many as fit into `room` bytes: for each, kReadFrame bytes, then its
 * bytes up to a multiple of 8. Only the reader may call it. The records stay in the ring until ring_free(). If the
 * oldest record is corrupt, it skips all records up to the head, copies nothing and returns corrupt. Times are those of
 * CLOCK_MONOTONIC, and never decrease within a call. A stamp in the future was overwritten: its record gets the time of
 * the previous record.
 * @param number the shard, at most region.shards.
 * @param into aligned to 8.
 * @param room at least kReadFrame and the `longest`.
 * @param bytes is set to the number of copied bytes.
 * @return ok; corrupt; no_room: as see_shards() (extents.h); not_owner: the calling thread is not the reader;
 * out_of_range: there is no such shard, or too little room; wrong_policy: the ring has Policy::overwrite: use
 * ring_snapshot().
 */
Status ring_read(const RingSeat& seat, uint32_t number, unsigned char* into, uint32_t room, uint32_t& bytes) noexcept;

/** The bytes that the record which ring_read() put at `record` takes in the ring: the argument of ring_free(). */
uint32_t ring_record_size(const unsigned char* record) noexcept;

/**
 * Frees the room of the oldest unread records. Only the reader may call it. Release order.
 * @param bytes the sum of ring_record_size() of these records.
 * @return as ring_read().
 */
Status ring_free(const RingSeat& seat, uint32_t number, uint32_t bytes) noexcept;

/**
 * Copies the youngest records of a shard, oldest first, as ring_read() does, while writers continue. It copies only
 * whole records, without those that may have been overwritten meanwhile: all within the last `capacity` bytes, minus
 * the size of the longest record.
 * @param room at least the ring's capacity.
 * @return ok; corrupt: it copied only the records that are younger than a corrupt one; out_of_range; wrong_policy: the
 * ring has Policy::discard: use ring_read().
 */
Status ring_snapshot(const RingSeat& seat, uint32_t number, unsigned char* into, uint32_t room,
                     uint32_t& bytes) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_RING_H
