#include "../rseq/tick_clock.h"
#include "extents.h"
#include "ring.h"
#include "ring_shard.h"

#include <cstring>

namespace percpu {
namespace {

constexpr uint64_t kRecordWord = sizeof(uint64_t);

/** Computes the times of a shard's records, from the oldest to the youngest. Construct it after the head was read. */
class Times {
public:
  explicit Times(const RingShard& shard) noexcept : has_ticks(shard.has_ticks()), clock() {
    if (has_ticks)
      clock = tick_clock();
    latest = monotonic_ns() + kClockSlackNs;
  }

  /**
   * The time of the next record, from its stamp or from the writer's own time. Sections read the counter without a
   * fence, and writers take their own time before the section, so times may be out of order: a time before the last one
   * is replaced by the last one. A time in the future was overwritten, and must not raise the times of later records.
   */
  int64_t next(const RecordFrame& frame, uint64_t stamp, uint64_t own) noexcept {
    const int64_t time = frame.has_time ? static_cast<int64_t>(own)
                         : has_ticks    ? clock.nanoseconds(stamp)
                                        : static_cast<int64_t>(stamp);
    if (time > last && time <= latest)
      last = time;
    return last;
  }

private:
  bool has_ticks;
  TickClock clock;
  int64_t last = 0;
  int64_t latest;
};

/** Writes the frame that ring_read() puts before a record's bytes. */
void put_frame(unsigned char* into, const RecordFrame& frame, int64_t nanoseconds) noexcept {
  const uint64_t meta = frame.meta_read();
  memcpy(into, &meta, kRecordWord);
  memcpy(into + kRecordWord, &nanoseconds, kRecordWord);
}

uint64_t word_of(const unsigned char* bytes) noexcept {
  uint64_t word;
  memcpy(&word, bytes, kRecordWord);
  return word;
}

/** The result of step_back(). `none`: no record begins at or after `from`. */
enum class StepBack : uint32_t { found, none, corrupt };

/** Finds the record that ends at `end`, and moves `end` to its start. `copy` has the ring's bytes from `from` on. */
StepBack step_back(const RingSeat& seat, const unsigned char* copy, uint64_t from, uint64_t& end) noexcept {
  if (end - from < kRecordFrame)
    return StepBack::none;
  const uint64_t start = word_of(copy + (end - from) - kRecordWord);
  const uint64_t size = end - start;
  if (size < kRecordFrame || size > most_in_ring(seat.longest))
    return StepBack::corrupt;
  if (size > end - from)
    return StepBack::none;
  const RecordFrame frame(word_of(copy + (start - from)));
  if (!frame.is_possible(seat) || frame.size() != size)
    return StepBack::corrupt;
  end = start;
  return StepBack::found;
}

RingShard overflow_of(const RingSeat& seat) noexcept {
  return RingShard(seat, seat.region.shards);
}

/** ok if the calling thread may read, and free what it has read. */
Status reader_check(const RingSeat& seat) noexcept {
  if (seat.region.policy != Policy::discard)
    return Status::wrong_policy;
  return owns_shard(seat.region, overflow_of(seat).reader_word()) ? Status::ok : Status::not_owner;
}

} // namespace

Status ring_claim(const RingSeat& seat) noexcept {
  return stop_shard(seat.region, seat.region.shards, overflow_of(seat).reader_word());
}

Status ring_release(const RingSeat& seat) noexcept {
  return resume_shard(seat.region, seat.region.shards, overflow_of(seat).reader_word());
}

Status ring_read(const RingSeat& seat, uint32_t number, unsigned char* into, uint32_t room, uint32_t& bytes) noexcept {
  bytes = 0;
  if (number > seat.region.shards || room < kReadFrame + padded_record(seat.longest))
    return Status::out_of_range;
  const Status may_read = reader_check(seat);
  if (may_read != Status::ok)
    return may_read;
  const Status present = see_shard(seat.region, number);
  if (present != Status::ok)
    return present == Status::empty ? Status::ok : present;
  const RingShard shard(seat, number);
  const uint64_t head = shard.head_acquire();
  uint64_t tail = shard.tail();
  if (head == tail)
    return Status::ok;
  bool is_sound = head - tail <= ring_capacity(seat);
  Times times(shard);
  while (is_sound && tail != head) {
    const RecordFrame frame(shard.at(tail)); // Read once, so that it copies what it has checked.
    const uint64_t end = tail + frame.size();
    is_sound = frame.is_possible(seat) && frame.size() <= head - tail && shard.at(end - kRecordWord) == tail;
    if (!is_sound || frame.size_read() > room - bytes)
      break;
    unsigned char* const to = into + bytes;
    const uint64_t own = frame.has_time ? shard.bytes_at(tail + kRecordWord + frame.length) : 0;
    put_frame(to, frame, times.next(frame, shard.at(end - 2 * kRecordWord), own));
    for (uint32_t done = 0; done < frame.length; done += kRecordWord) {
      const uint64_t word = shard.at(tail + kRecordWord + done);
      memcpy(to + kReadFrame + done, &word, kRecordWord);
    }
    bytes += frame.size_read();
    tail = end;
  }
  if (is_sound || bytes != 0)
    return Status::ok;
  shard.set_tail(head);
  return Status::corrupt;
}

uint32_t ring_record_size(const unsigned char* record) noexcept {
  const uint64_t meta = word_of(record);
  const uint32_t time = (meta & RecordFrame::kHasTime) != 0 ? kRecordTime : 0;
  return padded_record((meta & RecordFrame::kLengthMask) + time) + kRecordFrame;
}

Status ring_free(const RingSeat& seat, uint32_t number, uint32_t bytes) noexcept {
  if (number > seat.region.shards)
    return Status::out_of_range;
  const Status may_read = reader_check(seat);
  if (may_read != Status::ok)
    return may_read;
  const Status present = see_shard(seat.region, number);
  if (present != Status::ok)
    return present == Status::empty ? Status::ok : present;
  const RingShard shard(seat, number);
  const uint64_t head = shard.head_acquire();
  const uint64_t tail = shard.tail();
  const bool is_sound = head - tail <= ring_capacity(seat) && bytes <= head - tail;
  shard.set_tail(is_sound ? tail + bytes : head);
  return is_sound ? Status::ok : Status::corrupt;
}

Status ring_snapshot(const RingSeat& seat, uint32_t number, unsigned char* into, uint32_t room,
                     uint32_t& bytes) noexcept {
  bytes = 0;
  const uint32_t capacity = ring_capacity(seat);
  if (number > seat.region.shards || room < capacity)
    return Status::out_of_range;
  if (seat.region.policy != Policy::overwrite)
    return Status::wrong_policy;
  const Status present = see_shard(seat.region, number);
  if (present != Status::ok)
    return present == Status::empty ? Status::ok : present;
  const RingShard shard(seat, number);
  const uint64_t head = shard.head_acquire();
  const uint64_t begin = head < capacity ? head % kRecordWord : head - capacity;
  for (uint64_t position = begin; position != head; position += kRecordWord) {
    const uint64_t word = shard.at(position);
    memcpy(into + (position - begin), &word, kRecordWord);
  }
  // Barrier K: pairs with J in native/percpu/ring.cc, and in the sections. If a store is in the copy, every commit
  // before it is in this head; and one record more is begun at most.
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  const uint64_t written = shard.head() + most_in_ring(seat.longest) - begin;
  const uint64_t lost = written > capacity ? written - capacity : 0;
  if (lost >= head - begin)
    return Status::ok;
  const unsigned char* const copy = into + lost;
  const uint64_t from = begin + lost;

  uint64_t first = head;
  StepBack step = StepBack::found;
  while (step == StepBack::found)
    step = step_back(seat, copy, from, first);
  Times times(shard);
  for (uint64_t position = first; position != head;) {
    const unsigned char* const record = copy + (position - from);
    const RecordFrame frame(word_of(record));
    const uint64_t stamp = word_of(record + frame.size() - 2 * kRecordWord);
    const uint64_t own = frame.has_time ? word_of(record + kRecordWord + frame.length) : 0;
    // In place: a returned record is shorter than the record in the ring, so it does not reach the next one.
    memmove(into + bytes + kReadFrame, record + kRecordWord, padded_record(frame.length));
    put_frame(into + bytes, frame, times.next(frame, stamp, own));
    bytes += frame.size_read();
    position += frame.size();
  }
  return step == StepBack::corrupt ? Status::corrupt : Status::ok;
}

} // namespace percpu
