#include "stack.h"

#include "counter.h"
#include "remote.h"

#include <cstring>

namespace rseq {
namespace {

constexpr uint32_t kCount = 0;
constexpr uint32_t kStop = 1;

uint64_t* stop_word(const Region& region, uint32_t shard) noexcept {
  return word_at<uint64_t>(region, shard, kStop);
}

uint64_t load(const uint64_t* word) noexcept {
  return __atomic_load_n(word, __ATOMIC_RELAXED);
}

void store(uint64_t* word, uint64_t value) noexcept {
  __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

int64_t bits_of(double value) noexcept {
  int64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

double double_of(uint64_t bits) noexcept {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

bool is_finite(double value) noexcept {
  return value - value == 0;
}

/** What all have to do with a shard that is theirs alone. */
Status give(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept {
  uint64_t* words = word_at<uint64_t>(region, shard, 0);
  const uint64_t size = load(words + kCount);
  const uint32_t wanted = count;
  count = 0;
  if (size > stack_capacity(region))
    return Status::corrupt;
  const auto room = static_cast<uint32_t>(stack_capacity(region) - size);
  const uint32_t fitting = wanted < room ? wanted : room;
  for (uint32_t k = 0; k < fitting; k++) {
    const double value = values[k]; // Read once: the array may be shared, too.
    if (!is_finite(value))
      return Status::bad_value;
    store(words + kStackHead + size + k, static_cast<uint64_t>(bits_of(value)));
  }
  store(words + kCount, size + fitting);
  count = fitting;
  return Status::ok;
}

Status take(const Region& region, uint32_t shard, double* values, uint32_t& count) noexcept {
  uint64_t* words = word_at<uint64_t>(region, shard, 0);
  const uint64_t size = load(words + kCount);
  const uint32_t wanted = count;
  count = 0;
  if (size > stack_capacity(region))
    return Status::corrupt;
  const uint32_t taken = wanted < size ? wanted : static_cast<uint32_t>(size);
  Status status = Status::ok;
  for (uint32_t k = 0; k < taken; k++) {
    const double value = double_of(load(words + kStackHead + size - 1 - k));
    values[k] = value;
    if (!is_finite(value))
      status = Status::corrupt; // All of them are taken off all the same: what is wrong must not stay.
  }
  store(words + kCount, size - taken);
  count = status == Status::ok ? taken : 0;
  return status;
}

/** Runs `act` on a shard behind its lock. */
template <typename Act> Status locked(const Region& region, uint32_t shard, Act act) noexcept {
  return as_owner(region, shard, stop_word(region, shard), act);
}

Status push_locked(const Region& region, uint32_t shard, double value) noexcept {
  uint32_t count = 1;
  const Status status = locked(region, shard, [&] { return give(region, shard, &value, count); });
  return status == Status::ok && count == 0 ? Status::full : status;
}

Status pop_locked(const Region& region, uint32_t shard, double& value) noexcept {
  // Not to take a lock for nothing, which is the usual case of the overflow shard.
  if (load(word_at<uint64_t>(region, shard, kCount)) == 0)
    return Status::empty;
  uint32_t count = 1;
  const Status status = locked(region, shard, [&] { return take(region, shard, &value, count); });
  return status == Status::ok && count == 0 ? Status::empty : status;
}

/** Why a section's comparison failed. `ok`: whatever it was, it is not so any more. */
enum class Obstacle : uint32_t { none, stopped, at_limit, corrupt };

/** `limit`: the count at which the section gives up. */
Obstacle obstacle(const Region& region, uint32_t shard, uint64_t limit) noexcept {
  const uint64_t size = load(word_at<uint64_t>(region, shard, kCount));
  if (size > stack_capacity(region))
    return Obstacle::corrupt;
  uint64_t* word = stop_word(region, shard);
  if (load(word) != 0)
    return resume_abandoned(region, shard, word) ? Obstacle::none : Obstacle::stopped;
  return size == limit ? Obstacle::at_limit : Obstacle::none;
}

/** What came of the attempts on this CPU's stack. */
enum class Attempted : uint32_t { done, at_limit, corrupt, elsewhere };

/** Tries `section(here)` on this CPU's stack; `elsewhere` if it is the overflow shard's turn. */
template <typename Section> Attempted attempt(const Region& region, uint64_t limit, Section section) noexcept {
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(region.index);
    if (place.index >= region.section_shards)
      break;
    const Outcome outcome = section(place, word_at<int64_t>(region, place.index, 0));
    if (outcome == Outcome::done)
      return Attempted::done;
    if (outcome != Outcome::compare_failed)
      continue;
    switch (obstacle(region, place.index, limit)) {
    case Obstacle::none:
      break;
    case Obstacle::stopped:
      return Attempted::elsewhere;
    case Obstacle::at_limit:
      return Attempted::at_limit;
    case Obstacle::corrupt:
      return Attempted::corrupt;
    }
  }
  return Attempted::elsewhere;
}

} // namespace

Status stack_push(const Region& region, double value) noexcept {
  if (!is_finite(value))
    return Status::bad_value;
  const uint32_t capacity = stack_capacity(region);
  const Attempted attempted = attempt(region, capacity, [&](const Here& here, int64_t* words) {
    return load_cbne_load_cbge_store_add_store(here, words, capacity, value);
  });
  switch (attempted) {
  case Attempted::done:
    return Status::ok;
  case Attempted::at_limit:
    return Status::full;
  case Attempted::corrupt:
    return Status::corrupt;
  case Attempted::elsewhere:
    break;
  }
  return push_locked(region, shard_without_section(region), value);
}

Status stack_pop(const Region& region, double& value) noexcept {
  const Attempted attempted = attempt(region, 0, [&](const Here& here, int64_t* words) {
    const Taken taken = load_cbne_load_add_cbge_load_store(here, words, stack_capacity(region));
    value = taken.value;
    return taken.outcome;
  });
  if (attempted == Attempted::done)
    return is_finite(value) ? Status::ok : Status::corrupt;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  const uint32_t own = shard_without_section(region);
  const Status status = own != region.shards ? pop_locked(region, own, value) : Status::empty;
  return status == Status::empty ? pop_locked(region, region.shards, value) : status;
}

Status stack_push_many(const Region& region, const double* values, uint32_t& count) noexcept {
  const uint32_t wanted = count;
  for (count = 0; count < wanted; count++) {
    const double value = values[count]; // As in give().
    const Status status = stack_push(region, value);
    if (status != Status::ok)
      return status == Status::full ? Status::ok : status;
  }
  return Status::ok;
}

Status stack_pop_many(const Region& region, double* values, uint32_t& count) noexcept {
  const uint32_t wanted = count;
  for (count = 0; count < wanted; count++) {
    const Status status = stack_pop(region, values[count]);
    // What was popped before must not be lost for it: the next call meets the same.
    if (status != Status::ok)
      return status == Status::empty || count != 0 ? Status::ok : status;
  }
  return Status::ok;
}

Status stack_size(const Region& region, uint32_t shard, uint32_t& size) noexcept {
  const uint64_t seen = load(word_at<uint64_t>(region, shard, kCount));
  size = seen <= stack_capacity(region) ? static_cast<uint32_t>(seen) : 0;
  return seen <= stack_capacity(region) ? Status::ok : Status::corrupt;
}

Status stack_stop(const Region& region, uint32_t shard) noexcept {
  return shard <= region.shards ? stop_shard(region, shard, stop_word(region, shard)) : Status::out_of_range;
}

Status stack_resume(const Region& region, uint32_t shard) noexcept {
  return shard <= region.shards ? resume_shard(region, shard, stop_word(region, shard)) : Status::out_of_range;
}

Status stack_give(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept {
  if (shard <= region.shards && owns_shard(stop_word(region, shard)))
    return give(region, shard, values, count);
  count = 0;
  return shard <= region.shards ? Status::not_owner : Status::out_of_range;
}

Status stack_take(const Region& region, uint32_t shard, double* values, uint32_t& count) noexcept {
  if (shard <= region.shards && owns_shard(stop_word(region, shard)))
    return take(region, shard, values, count);
  count = 0;
  return shard <= region.shards ? Status::not_owner : Status::out_of_range;
}

} // namespace rseq
