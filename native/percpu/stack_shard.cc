#include "stack_shard.h"

#include "holder.h"

#include <cstring>

namespace percpu {
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

} // namespace

Status push_owned(const Region& region, uint32_t shard, const double* values, uint32_t& count) noexcept {
  uint64_t* words = word_at<uint64_t>(region, shard, 0);
  const uint64_t size = load(words + kCount);
  const uint32_t wanted = count;
  count = 0;
  if (size > capacity_of(region, shard))
    return Status::corrupt;
  const auto room = static_cast<uint32_t>(capacity_of(region, shard) - size);
  const uint32_t fitting = wanted < room ? wanted : room;
  for (uint32_t k = 0; k < fitting; k++) {
    const double value = read_once(values + k); // Other threads may write the caller's array.
    if (!is_finite(value))
      return Status::bad_value;
    store(words + kStackHead + size + k, static_cast<uint64_t>(bits_of(value)));
  }
  store(words + kCount, size + fitting);
  count = fitting;
  return Status::ok;
}

Status pop_owned(const Region& region, uint32_t shard, double* values, uint32_t& count) noexcept {
  uint64_t* words = word_at<uint64_t>(region, shard, 0);
  const uint64_t size = load(words + kCount);
  const uint32_t wanted = count;
  count = 0;
  if (size > capacity_of(region, shard))
    return Status::corrupt;
  const uint32_t most = wanted < size ? wanted : static_cast<uint32_t>(size);
  for (; count < most; count++) {
    const double value = double_of_word(static_cast<int64_t>(load(words + kStackHead + size - 1 - count)));
    if (!is_finite(value))
      break;
    values[count] = value;
  }
  // Returns the values above an overwritten word. The next call finds that word on top, removes it, and returns
  // corrupt.
  const bool is_scribbled = count == 0 && most != 0;
  store(words + kCount, size - count - (is_scribbled ? 1 : 0));
  return is_scribbled ? Status::corrupt : Status::ok;
}

Status push_locked(const Region& region, uint32_t shard, double value) noexcept {
  uint32_t count = 1;
  const Status status = locked(region, shard, [&] { return push_owned(region, shard, &value, count); });
  return status == Status::ok && count == 0 ? Status::full : status;
}

Status pop_locked(const Region& region, uint32_t shard, double& value) noexcept {
  // Looks before it takes the lock, as the overflow shard is usually empty.
  if (count_of(region, shard) == 0)
    return Status::empty;
  uint32_t count = 1;
  const Status status = locked(region, shard, [&] { return pop_owned(region, shard, &value, count); });
  return status == Status::ok && count == 0 ? Status::empty : status;
}

Obstacle pop_obstacle(const Region& region, uint32_t shard) noexcept {
  const Obstacle found = obstacle(region, shard, 0);
  const uint64_t size = count_of(region, shard);
  const auto is_damaged_at = [&](uint64_t n) {
    const double value =
        double_of_word(static_cast<int64_t>(load(word_at<uint64_t>(region, shard, 0) + kStackHead + n - 1)));
    return has_notes(region) && region.kind == Kind::pool ? !is_unit(region, value) : value != value;
  };
  if (found != Obstacle::none || size == 0 || size > stack_capacity(region) || !is_damaged_at(size))
    return found;
  // Sections do not pop such a word. Remove it behind the lock, if it is still on top.
  const Status status = locked(region, shard, [&] {
    const uint64_t now = count_of(region, shard);
    if (now == 0 || now > stack_capacity(region) || !is_damaged_at(now))
      return Status::ok;
    store(word_at<uint64_t>(region, shard, kCount), now - 1);
    return Status::corrupt;
  });
  return status == Status::ok ? Obstacle::none : Obstacle::corrupt;
}

Obstacle obstacle(const Region& region, uint32_t shard, uint64_t limit) noexcept {
  const uint64_t size = count_of(region, shard);
  if (size > stack_capacity(region))
    return Obstacle::corrupt;
  const Obstacle stop = stop_obstacle(region, shard);
  return stop == Obstacle::none && size == limit ? Obstacle::at_limit : stop;
}

} // namespace stack_shard
} // namespace percpu
