#include "pool.h"

#include "stack_shard.h"

#include <cstring>

namespace rseq {
namespace pool_moves {

using namespace stack_shard;

/** Half a cache: after a move as many can be taken as given back, before the next. */
uint32_t batch_of(const Region& region) noexcept {
  return (stack_capacity(region) + 1) / 2;
}

/** The central store, while the caller has its lock: the numbers, and how many there are. */
struct Central {
  explicit Central(const Region& region) noexcept
      : words(word_at<int64_t>(region, region.shards, 0)), size(count_of(region, region.shards)) {}

  void resize(uint64_t count) noexcept {
    size = count;
    __atomic_store_n(words + kCount, static_cast<int64_t>(count), __ATOMIC_RELAXED);
  }

  /** Where number `i` is; up to region.units are. */
  int64_t* at(uint64_t i) const noexcept { return words + kStackHead + i; }

  int64_t* words;
  uint64_t size; ///< Anybody's word, to be checked.
};

/**
 * Tries `section(here, words, count)`, with the count of this CPU's cache. False: no section writes that, it makes no
 * sense, or there were too many aborts.
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
void fill_cache(const Region& region, Central& central) noexcept {
  const uint64_t half = (central.size + 1) / 2;
  const uint64_t wanted = half < batch_of(region) ? half : batch_of(region);
  uint64_t size = 0;
  const bool moved = move_here(region, [&](const Here& here, int64_t* words, uint32_t count) {
    const uint32_t room = stack_capacity(region) - count;
    size = wanted < room ? wanted : room;
    return load_cbne_memcpy_store(here, Order::relaxed, words + kCount, count, words + kStackHead + count,
                                  central.at(central.size - size), size * sizeof(int64_t),
                                  static_cast<int64_t>(count + size));
  });
  if (moved)
    central.resize(central.size - size);
}

/** Half of what the cache of this CPU can hold, to the central store. */
void empty_cache(const Region& region, Central& central) noexcept {
  const uint64_t room = region.units - central.size;
  const uint64_t wanted = room < batch_of(region) ? room : batch_of(region);
  uint64_t size = 0;
  const bool moved = move_here(region, [&](const Here& here, int64_t* words, uint32_t count) {
    size = wanted < count ? wanted : count;
    return load_cbne_memcpy_store(here, Order::relaxed, words + kCount, count, central.at(central.size),
                                  words + kStackHead + count - size, size * sizeof(int64_t),
                                  static_cast<int64_t>(count - size));
  });
  if (moved)
    central.resize(central.size + size);
}

/** All that a CPU has, to the central store, for who has that one's lock. */
Status fetch(const Region& region, uint32_t shard, uint32_t& fetched) noexcept {
  fetched = 0;
  return locked(region, shard, [&] {
    Central central(region);
    const uint64_t count = count_of(region, shard);
    if (central.size > region.units || count > stack_capacity(region))
      return Status::corrupt;
    // The central store has room for all blocks. What does not fit is there twice, and stays away.
    const uint64_t room = region.units - central.size;
    fetched = static_cast<uint32_t>(count < room ? count : room);
    const int64_t* words = word_at<int64_t>(region, shard, 0);
    for (uint32_t k = 0; k < fetched; k++)
      __atomic_store_n(central.at(central.size + k), __atomic_load_n(words + kStackHead + k, __ATOMIC_RELAXED),
                       __ATOMIC_RELAXED);
    __atomic_store_n(word_at<int64_t>(region, shard, kCount), 0, __ATOMIC_RELAXED);
    central.resize(central.size + fetched);
    return fetched == count ? Status::ok : Status::corrupt;
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
    if (count_of(region, region.shards) == 0) {
      const Status status = fetch_from_any(region);
      if (status != Status::ok)
        return status;
    }
    Central central(region);
    if (central.size > region.units)
      return Status::corrupt;
    if (central.size == 0)
      return Status::empty;
    const int64_t bits = __atomic_load_n(central.at(central.size - 1), __ATOMIC_RELAXED);
    memcpy(&number, &bits, sizeof(number));
    central.resize(central.size - 1);
    fill_cache(region, central);
    return Status::ok;
  });
}

/** Gives a number to the central store; where this CPU's cache is full, half of that too. */
Status give_central(const Region& region, double number, bool is_full) noexcept {
  return locked(region, region.shards, [&] {
    Central central(region);
    if (central.size > region.units)
      return Status::corrupt;
    if (central.size == region.units)
      return Status::full;
    int64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    __atomic_store_n(central.at(central.size), bits, __ATOMIC_RELAXED);
    central.resize(central.size + 1);
    if (is_full)
      empty_cache(region, central);
    return Status::ok;
  });
}

Status take_number(const Region& region, double& number) noexcept {
  const Attempted attempted = attempt_pop(region, number);
  if (attempted == Attempted::done)
    return Status::ok;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  const uint32_t own = shard_without_section(region);
  const Status status = own != region.shards ? pop_locked(region, own, number) : Status::empty;
  return status == Status::empty ? take_central(region, number) : status;
}

Status give_number(const Region& region, double number) noexcept {
  const Attempted attempted = attempt_push(region, number);
  if (attempted == Attempted::done)
    return Status::ok;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  const uint32_t own = shard_without_section(region);
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
