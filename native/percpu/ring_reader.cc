#include "../rseq/tick_clock.h"
#include "ring.h"
#include "ring_shard.h"

#include <cstring>

namespace rseq {
namespace {

constexpr uint64_t kRecordWord = sizeof(uint64_t);

/** What to make of stamps: nanoseconds, where sections wrote them. */
class Stamps {
public:
  explicit Stamps(const RingShard& shard) noexcept : are_ticks(shard.has_ticks()), clock() {
    if (are_ticks)
      clock = tick_clock();
  }
  uint64_t nanoseconds(uint64_t stamp) const noexcept {
    return are_ticks ? static_cast<uint64_t>(clock.nanoseconds(stamp)) : stamp;
  }

private:
  bool are_ticks;
  TickClock clock;
};

/** Puts a record's frame before its bytes, as ring_read() hands it out. */
void put_frame(unsigned char* into, uint64_t meta, uint64_t nanoseconds) noexcept {
  memcpy(into, &meta, kRecordWord);
  memcpy(into + kRecordWord, &nanoseconds, kRecordWord);
}

uint64_t word_of(const unsigned char* bytes) noexcept {
  uint64_t word;
  memcpy(&word, bytes, kRecordWord);
  return word;
}

/** The record before a position, if there is one at or after `from`. */
enum class StepBack : uint32_t { found, none, corrupt };

/** `copy` is what the ring had from the position `from` on. Moves `end` to the record's start. */
StepBack step_back(const RingSeat& seat, const unsigned char* copy, uint64_t from, uint64_t& end) noexcept {
  if (end - from < kRecordFrame)
    return StepBack::none;
  const uint64_t start = word_of(copy + (end - from) - kRecordWord);
  const uint64_t size = end - start;
  if (size < kRecordFrame || size > padded_record(seat.longest) + kRecordFrame)
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

bool is_reader(const RingSeat& seat) noexcept {
  return owns_shard(overflow_of(seat).reader_word());
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
  if (!is_reader(seat))
    return Status::not_owner;
  const RingShard shard(seat, number);
  const uint64_t head = shard.head_acquire();
  uint64_t tail = shard.tail();
  if (head == tail)
    return Status::ok;
  bool is_sound = head - tail <= ring_capacity(seat);
  const Stamps stamps(shard);
  while (is_sound && tail != head) {
    const RecordFrame frame(shard.at(tail)); // Read once: what is checked is what is copied.
    const uint64_t end = tail + frame.size();
    is_sound = frame.is_possible(seat) && frame.size() <= head - tail && shard.at(end - kRecordWord) == tail;
    if (!is_sound || frame.size_read() > room - bytes)
      break;
    unsigned char* const to = into + bytes;
    put_frame(to, frame.meta, stamps.nanoseconds(shard.at(end - 2 * kRecordWord)));
    for (uint32_t done = 0; done < frame.padded; done += kRecordWord) {
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

Status ring_free(const RingSeat& seat, uint32_t number, uint32_t bytes) noexcept {
  if (number > seat.region.shards)
    return Status::out_of_range;
  if (!is_reader(seat))
    return Status::not_owner;
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
  const RingShard shard(seat, number);
  const uint64_t head = shard.head_acquire();
  const uint64_t begin = head < capacity ? head % kRecordWord : head - capacity;
  for (uint64_t position = begin; position != head; position += kRecordWord) {
    const uint64_t word = shard.at(position);
    memcpy(into + (position - begin), &word, kRecordWord);
  }
  // If a store is in the copy, every commit before it is in this head; and one record more is begun at most.
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  const uint64_t written = shard.head() + padded_record(seat.longest) + kRecordFrame - begin;
  const uint64_t lost = written > capacity ? written - capacity : 0;
  if (lost >= head - begin)
    return Status::ok;
  const unsigned char* const copy = into + lost;
  const uint64_t from = begin + lost;

  uint64_t first = head;
  StepBack step = StepBack::found;
  while (step == StepBack::found)
    step = step_back(seat, copy, from, first);
  const Stamps stamps(shard);
  for (uint64_t position = first; position != head;) {
    const unsigned char* const record = copy + (position - from);
    const RecordFrame frame(word_of(record));
    const uint64_t stamp = word_of(record + frame.size() - 2 * kRecordWord);
    // In place: what is handed out is shorter than what was there, and never reaches the next record.
    memmove(into + bytes + kReadFrame, record + kRecordWord, frame.padded);
    put_frame(into + bytes, frame.meta, stamps.nanoseconds(stamp));
    bytes += frame.size_read();
    position += frame.size();
  }
  return step == StepBack::corrupt ? Status::corrupt : Status::ok;
}

} // namespace rseq
