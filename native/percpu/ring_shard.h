/**
 * @file
 * Access to the words of a ring's shard, for ring.cc and ring_reader.cc. ring.h describes the layout.
 */
#ifndef RSEQ_PERCPU_RING_SHARD_H
#define RSEQ_PERCPU_RING_SHARD_H

#include "remote.h"
#include "ring.h"

#include <cstring>

namespace percpu {

/** The bytes of whole words that hold `length` bytes. */
constexpr uint32_t padded_record(uint64_t length) noexcept {
  return static_cast<uint32_t>((length + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t));
}

/** The decoded first word of a record. */
struct RecordFrame {
  static constexpr uint32_t kCpuShift = 16;
  static constexpr uint32_t kThreadShift = 32;
  static constexpr uint64_t kLengthMask = 0xffff;
  static constexpr uint64_t kThreadMask = (uint64_t{1} << 30) - 1;
  static constexpr uint64_t kTruncated = uint64_t{1} << 62;
  /** The last 8 bytes of the record are a time, not data. */
  static constexpr uint64_t kHasTime = uint64_t{1} << 63;

  explicit RecordFrame(uint64_t word)
      : meta(word), has_time((word & kHasTime) != 0), stored(static_cast<uint32_t>(word & kLengthMask)),
        length(stored - (has_time ? kRecordTime : 0)) {}

  /** Whether this can be the first word of a record. */
  bool is_possible(const RingSeat& seat) const noexcept {
    // Unsigned: if the record has no room for its time, the length wraps to a large number.
    return length <= seat.longest && (meta >> kThreadShift & kThreadMask) != 0;
  }
  /** Bytes of the record in the ring. */
  uint32_t size() const noexcept { return padded_record(stored) + kRecordFrame; }
  /** Bytes of the record as ring_read() returns it, and its first word there. */
  uint32_t size_read() const noexcept { return padded_record(length) + kReadFrame; }
  uint64_t meta_read() const noexcept { return (meta & ~kLengthMask) | length; }

  uint64_t meta;
  bool has_time;
  uint32_t stored; ///< Bytes, with the time.
  uint32_t length; ///< Bytes of its own.
};

/** The most bytes that a record of `longest` bytes takes in a ring, by any writer. */
constexpr uint32_t most_in_ring(uint32_t longest) noexcept {
  return padded_record(longest + kRecordTime) + kRecordFrame;
}

class RingShard {
public:
  RingShard(const RingSeat& use, uint32_t shard) noexcept
      : seat(use), number(shard), words(word_at<uint64_t>(use.region, shard, 0)) {}

  uint64_t head() const noexcept { return __atomic_load_n(words + kHead, __ATOMIC_RELAXED); }
  /** With what was written before. Barrier G: pairs with F in native/percpu/ring_shard.h. */
  uint64_t head_acquire() const noexcept { return __atomic_load_n(words + kHead, __ATOMIC_ACQUIRE); }
  uint64_t tail() const noexcept { return __atomic_load_n(words + kTail, __ATOMIC_RELAXED); }
  /** Room that is not read any more; sections branch on it. Barrier I: pairs with H in native/percpu/ring_shard.h. */
  uint64_t tail_acquire() const noexcept { return __atomic_load_n(words + kTail, __ATOMIC_ACQUIRE); }
  uint64_t dropped() const noexcept { return __atomic_load_n(words + kDropped, __ATOMIC_RELAXED); }

  /** Commits what was stored before, as sections do. Barrier F: pairs with G in native/percpu/ring_shard.h. */
  void set_head(uint64_t head) const noexcept { __atomic_store_n(words + kHead, head, __ATOMIC_RELEASE); }
  /** Gives room back that was read before. Barrier H: pairs with I in native/percpu/ring_shard.h. */
  void set_tail(uint64_t tail) const noexcept { __atomic_store_n(words + kTail, tail, __ATOMIC_RELEASE); }
  void set_dropped(uint64_t count) const noexcept { __atomic_store_n(words + kDropped, count, __ATOMIC_RELAXED); }

  uint64_t* stop_word() const noexcept { return words + kStop; }
  int64_t* dropped_word() const noexcept { return word_at<int64_t>(seat.region, number, kDropped); }
  /** The stop word of the reader. Only the overflow shard has one. */
  uint64_t* reader_word() const noexcept { return words + kReader; }

  /** The word at any position, masked as in the sections. */
  uint64_t at(uint64_t position) const noexcept { return __atomic_load_n(place_of(position), __ATOMIC_RELAXED); }
  /** Eight bytes at any position. */
  uint64_t bytes_at(uint64_t position) const noexcept {
    const uint64_t offset = position % sizeof(uint64_t);
    const uint64_t both[2] = {at(position - offset), at(position - offset + sizeof(uint64_t))};
    uint64_t word;
    memcpy(&word, reinterpret_cast<const unsigned char*>(both) + offset, sizeof(word));
    return word;
  }
  void set_at(uint64_t position, uint64_t word) const noexcept {
    __atomic_store_n(place_of(position), word, __ATOMIC_RELAXED);
  }

  /** Whether sections write the records of this shard, and stamp them with ticks. */
  bool has_ticks() const noexcept { return seat.region.writers == Writers::sections && number < seat.region.shards; }
  /** A record has room if at most so many bytes are unread. */
  uint32_t most_unread(uint32_t length) const noexcept {
    return ring_capacity(seat) - padded_record(length) - kRecordFrame;
  }

  const RingSeat& seat;
  const uint32_t number;

private:
  static constexpr uint32_t kHead = 0;
  static constexpr uint32_t kStop = 1;
  static constexpr uint32_t kDropped = 2;
  static constexpr uint32_t kTail = 16;
  static constexpr uint32_t kReader = 17;

  uint64_t* place_of(uint64_t position) const noexcept {
    return words + kRingHead + (position & seat.mask) / sizeof(uint64_t);
  }

  uint64_t* const words;
};

} // namespace percpu

#endif // RSEQ_PERCPU_RING_SHARD_H
