#include "pool.h"

#include "stack_shard.h"

#include <cstring>

namespace rseq {
namespace pool_moves {

using namespace stack_shard;

/** The most numbers that are moved at once, and have room on the thread's stack. */
constexpr uint32_t kMostMoved = 256;

/** Half a cache: after a move as many can be taken as given back, before the next. */
uint32_t batch_of(const Region& region) noexcept {
  const uint32_t half = (stack_capacity(region) + 1) / 2;
  return half < kMostMoved ? half : kMostMoved;
}

/**
 * Tries `section(here, words, count)`, with the count of this CPU's cache, as often as any. For who has the central
 * store's lock. False: it is nobody's cache that sections write, or there were too many aborts.
 */
template <typename Section> bool move_here(const Region& region, Section section) noexcept {
  for (uint32_t tries = 0; tries < kAttempts; tries++) {
    const Here place = here(region.index);
    if (place.index >= region.section_shards)
      return false;
    const uint64_t count = count_of(region, place.index);
    if (count > stack_capacity(region))
      return false;
    const Outcome outcome = section(place, word_at<int64_t>(region, place.index, 0), static_cast<uint32_t>(count));
    if (outcome == Outcome::done)
      return true;
  }
  return false;
}

/** Half of what the central store has, up to a batch, for the CPU that the thread is on. */
void fill_cache(const Region& region) noexcept {
  double numbers[kMostMoved];
  const uint64_t there = (count_of(region, region.shards) + 1) / 2;
  uint32_t size = there < batch_of(region) ? static_cast<uint32_t>(there) : batch_of(region);
  if (take(region, region.shards, numbers, size) != Status::ok || size == 0)
    return;
  const bool moved = move_here(region, [&](const Here& here, int64_t* words, uint32_t count) {
    if (size > stack_capacity(region) - count)
      return Outcome::compare_failed;
    return load_cbne_memcpy_store(here, Order::relaxed, words + kCount, count, words + kStackHead + count, numbers,
                                  size * sizeof(double), count + size);
  });
  if (!moved)
    give(region, region.shards, numbers, size);
}

/** Half of what the cache of this CPU can hold, to the central store. */
Status empty_cache(const Region& region) noexcept {
  double numbers[kMostMoved];
  uint32_t size = 0;
  const bool moved = move_here(region, [&](const Here& here, int64_t* words, uint32_t count) {
    size = count < batch_of(region) ? count : batch_of(region);
    return load_cbne_memcpy_store(here, Order::relaxed, words + kCount, count, numbers,
                                  words + kStackHead + count - size, size * sizeof(double), count - size);
  });
  return moved ? give(region, region.shards, numbers, size) : Status::ok;
}

/** All that a CPU has, to the central store, for who has that one's lock. */
Status fetch(const Region& region, uint32_t shard, uint32_t& fetched) noexcept {
  fetched = 0;
  return locked(region, shard, [&] {
    double numbers[kMostMoved];
    for (;;) {
      uint32_t size = kMostMoved;
      Status status = take(region, shard, numbers, size);
      if (status != Status::ok || size == 0)
        return status;
      const uint32_t taken = size;
      status = give(region, region.shards, numbers, size);
      fetched += size;
      // The central store has room for all blocks. What does not fit is there twice.
      if (status != Status::ok || size != taken)
        return Status::corrupt;
    }
  });
}

/** Fetches from the first CPU that has something. ok if none has. */
Status fetch_from_any(const Region& region) noexcept {
  Status trouble = Status::ok;
  for (uint32_t shard = 0; shard < region.shards; shard++) {
    if (count_of(region, shard) == 0)
      continue;
    uint32_t fetched = 0;
    const Status status = fetch(region, shard, fetched);
    if (fetched != 0)
      return Status::ok;
    if (status != Status::ok)
      trouble = status;
  }
  return trouble;
}

/** Takes a number from the central store, and more for this CPU. */
Status take_central(const Region& region, double& number) noexcept {
  return locked(region, region.shards, [&] {
    Status status = count_of(region, region.shards) == 0 ? fetch_from_any(region) : Status::ok;
    uint32_t count = 1;
    if (status == Status::ok)
      status = take(region, region.shards, &number, count);
    if (status != Status::ok)
      return status;
    fill_cache(region);
    return count == 1 ? Status::ok : Status::empty;
  });
}

/** Gives a number to the central store; where this CPU's cache is full, some of that too. */
Status give_central(const Region& region, double number, bool is_full) noexcept {
  return locked(region, region.shards, [&] {
    Status status = is_full ? empty_cache(region) : Status::ok;
    uint32_t count = 1;
    if (status == Status::ok)
      status = give(region, region.shards, &number, count);
    if (status == Status::bad_value) // Not this number: one of those in the cache.
      return Status::corrupt;
    return status == Status::ok && count == 0 ? Status::full : status;
  });
}

Status take_number(const Region& region, double& number) noexcept {
  const Attempted attempted = attempt_pop(region, number);
  if (attempted == Attempted::done)
    return Status::ok;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  const uint32_t own = shard_of_atomics(region);
  const Status status = own != region.shards ? pop_locked(region, own, number) : Status::empty;
  return status == Status::empty ? take_central(region, number) : status;
}

Status give_number(const Region& region, double number) noexcept {
  const Attempted attempted = attempt_push(region, number);
  if (attempted == Attempted::done)
    return Status::ok;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  const uint32_t own = shard_of_atomics(region);
  const Status status = own != region.shards ? push_locked(region, own, number) : Status::full;
  return status == Status::full ? give_central(region, number, attempted == Attempted::at_limit) : status;
}

/** In a checked pool, the block goes from one state to another; false if it was not in that one. */
bool changes(const Region& region, uint32_t block, BlockState before, BlockState after) noexcept {
  auto expected = static_cast<uint32_t>(before);
  return __atomic_compare_exchange_n(unit_state(region, block), &expected, static_cast<uint32_t>(after), false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

} // namespace pool_moves

Status pool_alloc(const Region& region, uint32_t& block) noexcept {
  double number = 0;
  const Status status = pool_moves::take_number(region, number);
  if (status != Status::ok)
    return status;
  if (!is_unit(region, number))
    return Status::corrupt;
  block = static_cast<uint32_t>(number);
  if (region.is_checked && !pool_moves::changes(region, block, BlockState::freed, BlockState::taken) &&
      !pool_moves::changes(region, block, BlockState::fresh, BlockState::taken))
    return Status::corrupt;
  return Status::ok;
}

Status pool_free(const Region& region, uint32_t block) noexcept {
  if (block >= region.units)
    return Status::out_of_range;
  if (region.is_checked) {
    if (!pool_moves::changes(region, block, BlockState::taken, BlockState::freed))
      return Status::not_owner;
    memset(unit_at(region, block), kPoison, region.unit_size);
  }
  const Status status = pool_moves::give_number(region, block);
  // Refused, it stays the caller's.
  if (region.is_checked && status != Status::ok)
    pool_moves::changes(region, block, BlockState::freed, BlockState::taken);
  return status;
}

Status pool_flush(const Region& region, uint32_t shard, uint32_t& count) noexcept {
  using namespace stack_shard;
  count = 0;
  if (shard >= region.shards)
    return Status::out_of_range;
  // Nobody need be stopped for nothing.
  if (count_of(region, shard) == 0)
    return Status::ok;
  return locked(region, region.shards, [&] { return pool_moves::fetch(region, shard, count); });
}

} // namespace rseq
