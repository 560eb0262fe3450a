/**
 * @file
 * One shard of a ring, word by word: what ring.cc and ring_reader.cc share. ring.h draws it.
 */
#ifndef RSEQ_PERCPU_RING_SHARD_H
#define RSEQ_PERCPU_RING_SHARD_H

#include "remote.h"
#include "ring.h"

namespace rseq {

/** A length, in whole words. */
constexpr uint32_t padded_record(uint64_t length) noexcept {
  return static_cast<uint32_t>((length + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t));
}

/** What a record's first word says. */
struct RecordFrame {
  static constexpr uint32_t kCpuShift = 16;
  static constexpr uint32_t kThreadShift = 32;
  static constexpr uint64_t kLengthMask = 0xffff;

  explicit RecordFrame(uint64_t word)
      : meta(word), length(static_cast<uint32_t>(word & kLengthMask)), padded(padded_record(length)) {}

  /** Whether it can be a record's at all. */
  bool is_possible(const RingSeat& seat) const noexcept { return length <= seat.longest && meta >> kThreadShift != 0; }
  /** Bytes in the ring. */
  uint32_t size() const noexcept { return padded + kRecordFrame; }
  /** Bytes as ring_read() hands it out. */
  uint32_t size_read() const noexcept { return padded + kReadFrame; }

  uint64_t meta;
  uint32_t length;
  uint32_t padded;
};

class RingShard {
public:
  RingShard(const RingSeat& use, uint32_t shard) noexcept
      : seat(use), number(shard), words(word_at<uint64_t>(use.region, shard, 0)) {}

  uint64_t head() const noexcept { return __atomic_load_n(words + kHead, __ATOMIC_RELAXED); }
  /** With what was written before. */
  uint64_t head_acquire() const noexcept { return __atomic_load_n(words + kHead, __ATOMIC_ACQUIRE); }
  uint64_t tail() const noexcept { return __atomic_load_n(words + kTail, __ATOMIC_RELAXED); }
  uint64_t tail_acquire() const noexcept { return __atomic_load_n(words + kTail, __ATOMIC_ACQUIRE); }
  uint64_t dropped() const noexcept { return __atomic_load_n(words + kDropped, __ATOMIC_RELAXED); }

  /** Commits what was stored before. */
  void set_head(uint64_t head) const noexcept { __atomic_store_n(words + kHead, head, __ATOMIC_RELEASE); }
  /** Gives room back that was read before. */
  void set_tail(uint64_t tail) const noexcept { __atomic_store_n(words + kTail, tail, __ATOMIC_RELEASE); }
  void set_dropped(uint64_t count) const noexcept { __atomic_store_n(words + kDropped, count, __ATOMIC_RELAXED); }

  uint64_t* stop_word() const noexcept { return words + kStop; }
  int64_t* dropped_word() const noexcept { return word_at<int64_t>(seat.region, number, kDropped); }
  /** Of the overflow shard. */
  uint64_t* reader_word() const noexcept { return words + kReader; }

  /** The word at a position, wherever that is: as the sections find it. */
  uint64_t at(uint64_t position) const noexcept { return __atomic_load_n(place_of(position), __ATOMIC_RELAXED); }
  void set_at(uint64_t position, uint64_t word) const noexcept {
    __atomic_store_n(place_of(position), word, __ATOMIC_RELAXED);
  }

  /** Whether a section wrote its stamps. */
  bool has_ticks() const noexcept { return seat.region.writers == Writers::sections && number < seat.region.shards; }
  /** The most that may be unread if a record is to have room. */
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

} // namespace rseq

#endif // RSEQ_PERCPU_RING_SHARD_H
