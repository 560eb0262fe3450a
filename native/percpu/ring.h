/**
 * @file
 * A ring of records of any length for each CPU: many threads write, one reads.
 *
 *     word 0     the head: how many bytes were ever written
 *     word 1     the stop word (remote.h)
 *     word 2     how many records found no room
 *     word 16    the tail: how many bytes were ever read
 *     word 17    of the overflow shard: who reads, a stop word for all tails
 *     word 18    of the overflow shard: two words of 32 bits for a reader that waits, see src/ring-reader.ts
 *     word 32…   the ring's bytes, a power of two. Byte `p` of all that was ever written is at p modulo their number
 *
 * A record is
 *
 *     8 bytes    bits 0 to 15 its length, 16 to 31 the CPU, 32 to 63 the kernel's id of the thread, never 0
 *     …          its bytes, up to a multiple of 8
 *     8 bytes    when it was written: in ticks (../rseq/ticks.h) where a section wrote it, in nanoseconds of
 *                CLOCK_MONOTONIC where it was written behind a lock
 *     8 bytes    where it begins: the head before it
 *
 * so that it can be found from either end. Writing is one critical section on this CPU's shard, which copies the
 * record, stamps it and commits by the head: it is there whole or not at all, and within a CPU the order of records is
 * that of their stamps. With Policy::discard a record that finds no room up to the tail is counted and not written;
 * with Policy::overwrite it goes over the oldest ones, and nobody reads but by snapshots.
 *
 * Threads without rseq, threads aborted kAttempts times in a row, and those that find their CPU stopped use the
 * overflow shard, a ring like the others behind a lock. Where atomics write the region, every shard is behind its lock.
 *
 * All functions are thread-safe and may run at once in any number of threads. Who reads a record sees what
 * its writer had stored before. Every word of a shard may be anybody's: positions are masked, lengths checked.
 */
#ifndef RSEQ_PERCPU_RING_H
#define RSEQ_PERCPU_RING_H

#include "../rseq/ring_sections.h"
#include "../rseq/thread.h"
#include "region.h"
#include "status.h"

namespace rseq {

/** Words of a shard before its ring's bytes. */
constexpr uint32_t kRingHead = 32;
/** The fewest and the most bytes of a CPU's ring. */
constexpr uint32_t kLeastRing = 256;
constexpr uint32_t kMostRing = 1u << 30;
/** The longest record, in bytes, and how many of it a ring holds at least. */
constexpr uint32_t kLongestRecord = 4096;
constexpr uint32_t kLeastRecords = 4;
/** Bytes that a record takes beside its own. */
constexpr uint32_t kRecordFrame = 24;

/** One thread's way to a ring: what writing needs, in memory that JavaScript cannot reach. */
struct RingSeat {
  Region region;
  uint32_t longest; ///< The longest record, in bytes.
  uint64_t mask;    ///< The ring's bytes, less 8.
  uint64_t thread;  ///< The calling thread's id, shifted to where a record has it.
  /** What is to be written: `longest` bytes, which the seat's opener fills before each writing. */
  const unsigned char* scratch;
  /** `region.shards` where the shortest way is open: sections by cpu_id, in areas that libc registers. Else 0. */
  uint32_t direct_shards;
};

/** Bytes of each CPU's ring. */
inline uint32_t ring_capacity(const RingSeat& seat) noexcept {
  return static_cast<uint32_t>(seat.mask) + 8;
}

/** The longest record of a ring of `capacity` bytes: kLeastRecords of them fit. */
constexpr uint32_t longest_record(uint32_t capacity) noexcept {
  const uint32_t share = capacity / kLeastRecords - kRecordFrame;
  return share < kLongestRecord ? share : kLongestRecord;
}

/**
 * Opens a seat of the calling thread's at a region of rings. `scratch`: at least longest_record() bytes, aligned
 * to 8, that outlive the seat. RegionError::geometry if the shards have no ring's length, field if there is no such
 * policy.
 */
RegionError ring_open(const Region& region, const unsigned char* scratch, RingSeat& seat) noexcept;

/** One attempt at writing, at a place: see ring_write(). */
inline Outcome ring_write_at(const RingSeat& seat, const Here& place, uint64_t index, uint32_t length) noexcept {
  int64_t* words = word_at<int64_t>(seat.region, index, 0);
  const uint64_t meta = seat.thread | length;
  return seat.region.policy == Policy::discard
             ? load_cbne_load_load_cbgt_memcpy_stamp_store(place, words, seat.scratch, meta, seat.mask)
             : load_cbne_load_memcpy_stamp_store(place, words, seat.scratch, meta, seat.mask);
}

/**
 * Writes the first `length` bytes of the scratch as a record. O(length): at most kAttempts sections, then the overflow
 * shard.
 * @return ok; full: no room, and counted; out_of_range: longer than `longest`; corrupt or contended.
 */
Status ring_write(const RingSeat& seat, uint32_t length) noexcept;

/** How many records found no room in a shard, the overflow shard included. */
uint64_t ring_dropped(const RingSeat& seat, uint32_t shard) noexcept;

/** Bytes of a shard that are not read yet, frames included; ok or corrupt. A look, without being the reader. */
Status ring_unread(const RingSeat& seat, uint32_t shard, uint32_t& bytes) noexcept;

/**
 * Makes the calling thread the reader: waits for another, and takes over from a dead one; see stop_shard().
 * Returns ok, contended or held_already.
 */
Status ring_claim(const RingSeat& seat) noexcept;

/** Ends that. Returns ok or not_owner. */
Status ring_release(const RingSeat& seat) noexcept;

/** Bytes before the bytes of a record that was read: the first word as above, then nanoseconds. */
constexpr uint32_t kReadFrame = 16;

/**
 * Copies the oldest unread records of a shard, as many as fit into `room` bytes, as the reader: each with kReadFrame
 * bytes before it, then its bytes up to a multiple of 8. They stay in the ring until ring_free().
 * What makes no sense is skipped, up to the head, and answered by corrupt: then nothing was read.
 * @param number the shard's.
 * @param into aligned to 8.
 * @param bytes how many were written there.
 * @return ok; corrupt; not_owner: the calling thread is not the reader; out_of_range: there is no such shard.
 */
Status ring_read(const RingSeat& seat, uint32_t number, unsigned char* into, uint32_t room, uint32_t& bytes) noexcept;

/** Gives the room of the oldest unread records back, `bytes` with their frames; as the reader. Answers as above. */
Status ring_free(const RingSeat& seat, uint32_t number, uint32_t bytes) noexcept;

/**
 * Copies the youngest records of a shard, oldest first, as ring_read() does, while writers go on: whole records only,
 * all but those that may have been overwritten meanwhile. That is the last `capacity` bytes less one record of the
 * longest.
 * @param room at least the ring's capacity.
 * @return ok; corrupt: only what is younger than what makes no sense was copied; out_of_range.
 */
Status ring_snapshot(const RingSeat& seat, uint32_t number, unsigned char* into, uint32_t room,
                     uint32_t& bytes) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_RING_H
