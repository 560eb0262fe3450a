#include "ring.h"

#include "../rseq/tick_clock.h"
#include "counter.h"
#include "owner_thread.h"
#include "ring_shard.h"

#include <cstring>
#include <sched.h>

namespace rseq {
namespace {

/** Looks at a tail that moves. */
constexpr uint32_t kTailLooks = 8;

/** How many bytes of a shard are unread, though others may move both ends; more than there are if it is corrupt. */
uint64_t count_unread(const RingShard& shard) noexcept {
  for (uint32_t look = 0; look < kTailLooks; look++) {
    const uint64_t tail = shard.tail_acquire();
    const uint64_t head = shard.head_acquire();
    if (shard.tail() == tail)
      return head - tail;
  }
  return 0; // It is being read as fast as it is written.
}

/** The CPU, for a record that no section writes. */
uint64_t cpu_now() noexcept {
  const int cpu = sched_getcpu();
  return cpu < 0 ? 0 : static_cast<uint64_t>(cpu) & RecordFrame::kLengthMask;
}

/** What the sections do, on a shard that is the caller's alone. */
Status put_record(const RingShard& shard, uint32_t length) noexcept {
  constexpr uint64_t kWord = sizeof(uint64_t);
  const RingSeat& seat = shard.seat;
  const uint32_t padded = padded_record(length);
  const uint64_t head = shard.head();
  if (seat.region.policy == Policy::discard) {
    const uint64_t unread = head - shard.tail_acquire();
    if (unread > ring_capacity(seat))
      return Status::corrupt;
    if (unread > shard.most_unread(length)) {
      shard.set_dropped(shard.dropped() + 1);
      return Status::full;
    }
  }
  // As in the section: what follows is not seen before the last record's commit.
  __atomic_thread_fence(__ATOMIC_RELEASE);
  shard.set_at(head, seat.thread | cpu_now() << RecordFrame::kCpuShift | length);
  for (uint32_t done = 0; done < padded; done += kWord) {
    uint64_t word;
    memcpy(&word, seat.scratch + done, kWord);
    shard.set_at(head + kWord + done, word);
  }
  const uint64_t last = shard.at(head - 2 * kWord);
  const auto now = static_cast<uint64_t>(monotonic_ns());
  shard.set_at(head + kWord + padded, now > last ? now : last);
  shard.set_at(head + 2 * kWord + padded, head);
  shard.set_head(head + kRecordFrame + padded);
  return Status::ok;
}

/** Why a section did not write. `none`: whatever it was, it is not so any more. */
enum class WriteObstacle : uint32_t { none, stopped, no_room, corrupt };

WriteObstacle write_obstacle(const RingShard& shard, uint32_t length) noexcept {
  if (__atomic_load_n(shard.stop_word(), __ATOMIC_RELAXED) != 0)
    return resume_abandoned(shard.seat.region, shard.number, shard.stop_word()) ? WriteObstacle::none
                                                                                : WriteObstacle::stopped;
  if (shard.seat.region.policy == Policy::overwrite)
    return WriteObstacle::none;
  const uint64_t unread = count_unread(shard);
  if (unread > ring_capacity(shard.seat))
    return WriteObstacle::corrupt;
  return unread > shard.most_unread(length) ? WriteObstacle::no_room : WriteObstacle::none;
}

} // namespace

RegionError ring_open(const Region& region, const unsigned char* scratch, RingSeat& seat) noexcept {
  constexpr uint64_t kWord = sizeof(uint64_t);
  const uint64_t capacity = (static_cast<uint64_t>(region.length) - kRingHead) * kWord;
  if (region.kind != Kind::ring || region.length < kRingHead || capacity < kLeastRing || capacity > kMostRing ||
      (capacity & (capacity - 1)) != 0)
    return RegionError::geometry;
  seat = {};
  seat.region = region;
  seat.longest = longest_record(static_cast<uint32_t>(capacity));
  seat.mask = capacity - kWord;
  seat.thread = static_cast<uint64_t>(this_thread()) << RecordFrame::kThreadShift;
  seat.scratch = scratch;
  seat.direct_shards = region.direct_length != 0 ? region.shards : 0;
  start_tick_clock();
  return RegionError::none;
}

Status ring_write(const RingSeat& seat, uint32_t length) noexcept {
  if (length > seat.longest)
    return Status::out_of_range;
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(seat.region.index);
    if (place.index >= seat.region.section_shards)
      break;
    const Outcome outcome = ring_write_at(seat, place, place.index, length);
    if (outcome == Outcome::done)
      return Status::ok;
    if (outcome != Outcome::compare_failed)
      continue;
    const RingShard shard(seat, place.index);
    const WriteObstacle why = write_obstacle(shard, length);
    if (why == WriteObstacle::corrupt)
      return Status::corrupt;
    if (why == WriteObstacle::stopped)
      break;
    // Counted where it was found, or not at all: moved meanwhile, the thread looks for room where it is then.
    if (why == WriteObstacle::no_room && load_add_store(place, shard.dropped_word(), 1) == Outcome::done)
      return Status::full;
  }
  const RingShard shard(seat, shard_without_section(seat.region));
  return as_owner(seat.region, shard.number, shard.stop_word(), [&] { return put_record(shard, length); });
}

uint64_t ring_dropped(const RingSeat& seat, uint32_t shard) noexcept {
  return RingShard(seat, shard).dropped();
}

Status ring_unread(const RingSeat& seat, uint32_t shard, uint32_t& bytes) noexcept {
  const uint64_t unread = count_unread(RingShard(seat, shard));
  bytes = unread <= ring_capacity(seat) ? static_cast<uint32_t>(unread) : 0;
  return unread <= ring_capacity(seat) ? Status::ok : Status::corrupt;
}

} // namespace rseq
