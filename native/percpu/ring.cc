#include "ring.h"

#include "../rseq/tick_clock.h"
#include "counter.h"
#include "extents.h"
#include "owner_thread.h"
#include "ring_shard.h"

#include <cstring>
#include <sched.h>

namespace percpu {
namespace {

/** How often to load a tail that changes. */
constexpr uint32_t kTailLooks = 8;

/** How many bytes of a shard are unread, while other threads move both ends; more than the ring has if it is corrupt.
 */
uint64_t count_unread(const RingShard& shard) noexcept {
  for (uint32_t look = 0; look < kTailLooks; look++) {
    const uint64_t tail = shard.tail_acquire();
    const uint64_t head = shard.head_acquire();
    if (shard.tail() == tail)
      return head - tail;
  }
  return 0; // The reader is as fast as the writers.
}

/** The current CPU, for a record that no section writes. */
uint64_t cpu_now() noexcept {
  const int cpu = sched_getcpu();
  return cpu < 0 ? 0 : static_cast<uint64_t>(cpu) & RecordFrame::kLengthMask;
}

/** Writes a record as the sections do, on a shard that the caller owns. `flags`: bits of the record's first word. */
Status put_record(const RingShard& shard, uint32_t length, uint64_t flags) noexcept {
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
  // Barrier J: pairs with K in native/percpu/ring_reader.cc. As in the section: what follows is not seen before the
  // last record's commit.
  __atomic_thread_fence(__ATOMIC_RELEASE);
  shard.set_at(head, seat.thread | flags | cpu_now() << RecordFrame::kCpuShift | length);
  for (uint32_t done = 0; done < padded; done += kWord) {
    uint64_t word;
    memcpy(&word, seat.scratch + done, kWord);
    shard.set_at(head + kWord + done, word);
  }
  shard.set_at(head + kWord + padded, static_cast<uint64_t>(monotonic_ns()));
  shard.set_at(head + 2 * kWord + padded, head);
  shard.set_head(head + kRecordFrame + padded);
  return Status::ok;
}

/** has_section(), which also opens the fast path where it has become possible. */
bool has_ring_section(const RingSeat& seat, uint32_t index) noexcept {
  if (!has_section(seat.region, index))
    return false;
  if (seat.region.service != 0 && seat.region.direct_length != 0 && !seat.has_own_time)
    __atomic_store_n(&seat.direct_shards, __atomic_load_n(&seat.region.section_shards, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
  return true;
}

/** Why a section did not write. `none`: the reason no longer exists. */
enum class WriteObstacle : uint32_t { none, stopped, no_room, corrupt };

/** One attempt by a section. If the section cannot read the time, it first puts the time behind the record's bytes. */
Outcome write_once(const RingSeat& seat, const Here& place, uint32_t length, uint64_t flags) noexcept {
  if (!seat.has_own_time)
    return ring_write_meta_at(seat, place, place.index, seat.thread | flags | length);
  const int64_t now = monotonic_ns();
  memcpy(seat.scratch + length, &now, sizeof(now));
  return ring_write_meta_at(seat, place, place.index,
                            seat.thread | flags | RecordFrame::kHasTime | (length + kRecordTime));
}

/** Why a record of `length` bytes, its time included, was not written. */
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

RegionError ring_open(const Region& region, unsigned char* scratch, uint32_t size, RingSeat& seat) noexcept {
  constexpr uint64_t kWord = sizeof(uint64_t);
  const uint64_t capacity = (static_cast<uint64_t>(region.length) - kRingHead) * kWord;
  if (region.kind != Kind::ring || region.length < kRingHead || capacity < kLeastRing || capacity > kMostRing ||
      (capacity & (capacity - 1)) != 0)
    return RegionError::geometry;
  seat = {};
  seat.region = region;
  seat.longest = longest_record(static_cast<uint32_t>(capacity));
  seat.mask = capacity - kWord;
  seat.thread = (static_cast<uint64_t>(this_thread()) & RecordFrame::kThreadMask) << RecordFrame::kThreadShift;
  ring_use_scratch(seat, scratch, size);
  ring_use_own_time(seat, !trusts_ticks());
  start_tick_clock();
  return RegionError::none;
}

void ring_use_own_time(RingSeat& seat, bool has_own_time) noexcept {
  seat.has_own_time = has_own_time;
  seat.direct_shards = seat.region.direct_length != 0 && !has_own_time ? seat.region.section_shards : 0;
}

void ring_use_scratch(RingSeat& seat, unsigned char* scratch, uint32_t size) noexcept {
  seat.scratch = scratch;
  const uint32_t room = size < kRecordTime ? 0 : (size - kRecordTime) / kRecordTime * kRecordTime;
  seat.writable = room < seat.longest ? room : seat.longest;
}

Status detail::ring_write_slow(const RingSeat& seat, uint32_t length, Wholeness wholeness) noexcept {
  if (length > seat.writable)
    return Status::out_of_range;
  const uint64_t flags = wholeness == Wholeness::truncated ? RecordFrame::kTruncated : 0;
  const uint32_t stored = length + (seat.has_own_time ? kRecordTime : 0);
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(seat.region.index);
    if (!has_ring_section(seat, place.index))
      break;
    const Outcome outcome = write_once(seat, place, length, flags);
    if (outcome == Outcome::done)
      return Status::ok;
    if (outcome != Outcome::compare_failed)
      continue;
    const RingShard shard(seat, place.index);
    const WriteObstacle why = write_obstacle(shard, stored);
    if (why == WriteObstacle::corrupt)
      return Status::corrupt;
    if (why == WriteObstacle::stopped)
      break;
    // Counts the record on the CPU that has no room. If the thread has moved, it looks for room on its new CPU.
    if (why == WriteObstacle::no_room && load_add_store(place, shard.dropped_word(), 1) == Outcome::done)
      return Status::full;
  }
  const RingShard shard(seat, shard_without_section(seat.region));
  return as_owner(seat.region, shard.number, shard.stop_word(), [&] { return put_record(shard, length, flags); });
}

Status ring_drop(const RingSeat& seat) noexcept {
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(seat.region.index);
    if (!has_ring_section(seat, place.index))
      break;
    if (load_add_store(place, RingShard(seat, place.index).dropped_word(), 1) == Outcome::done)
      return Status::ok;
  }
  const RingShard shard(seat, shard_without_section(seat.region));
  return as_owner(seat.region, shard.number, shard.stop_word(), [&] {
    shard.set_dropped(shard.dropped() + 1);
    return Status::ok;
  });
}

uint64_t ring_dropped(const RingSeat& seat, uint32_t shard) noexcept {
  return see_shard(seat.region, shard) == Status::ok ? RingShard(seat, shard).dropped() : 0;
}

Status ring_unread(const RingSeat& seat, uint32_t shard, uint32_t& bytes) noexcept {
  bytes = 0;
  const Status present = see_shard(seat.region, shard);
  if (present != Status::ok)
    return present == Status::empty ? Status::ok : present;
  const uint64_t unread = count_unread(RingShard(seat, shard));
  bytes = unread <= ring_capacity(seat) ? static_cast<uint32_t>(unread) : 0;
  return unread <= ring_capacity(seat) ? Status::ok : Status::corrupt;
}

} // namespace percpu
