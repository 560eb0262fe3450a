#include "stack_shard.h"

#include <cstring>

namespace rseq {
namespace stack_shard {
namespace {

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

} // namespace

Status give(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept {
  uint64_t* words = word_at<uint64_t>(region, shard, 0);
  const uint64_t size = load(words + kCount);
  const uint32_t wanted = count;
  count = 0;
  if (size > capacity_of(region, shard))
    return Status::corrupt;
  const auto room = static_cast<uint32_t>(capacity_of(region, shard) - size);
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
  if (size > capacity_of(region, shard))
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

Status push_locked(const Region& region, uint32_t shard, double value) noexcept {
  uint32_t count = 1;
  const Status status = locked(region, shard, [&] { return give(region, shard, &value, count); });
  return status == Status::ok && count == 0 ? Status::full : status;
}

Status pop_locked(const Region& region, uint32_t shard, double& value) noexcept {
  // Not to take a lock for nothing, which is the usual case of the overflow shard.
  if (count_of(region, shard) == 0)
    return Status::empty;
  uint32_t count = 1;
  const Status status = locked(region, shard, [&] { return take(region, shard, &value, count); });
  return status == Status::ok && count == 0 ? Status::empty : status;
}

Obstacle obstacle(const Region& region, uint32_t shard, uint64_t limit) noexcept {
  const uint64_t size = count_of(region, shard);
  if (size > stack_capacity(region))
    return Obstacle::corrupt;
  const Obstacle stop = stop_obstacle(region, shard);
  return stop == Obstacle::none && size == limit ? Obstacle::at_limit : stop;
}

} // namespace stack_shard
} // namespace rseq
