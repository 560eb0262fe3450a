#include "pool.h"

#include "holder.h"
#include "stack_shard.h"

#include <cstring>

namespace percpu {
namespace pool_moves {

using namespace stack_shard;

/** Half a cache. After a move of so many, the next move comes after that many allocations or frees. */
uint32_t batch_of(const Region& region) noexcept {
  return (stack_capacity(region) + 1) / 2;
}

/** The central store, while the caller has its lock: the numbers, and how many there are. */
struct Central {
  explicit Central(const Region& region) noexcept
      : words(word_at<int64_t>(region, region.shards, 0)), size(count_of(region, region.shards)) {}

  void resize(uint64_t count) noexcept {
    size = count;
    // A process may be killed between two stores. The numbers come before their count.
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(words + kCount, static_cast<int64_t>(count), __ATOMIC_RELAXED);
  }

  /** The address of number `i`, which must be below region.units. */
  int64_t* at(uint64_t i) const noexcept { return words + kStackHead + i; }

  double number_at(uint64_t i) const noexcept { return double_of_word(__atomic_load_n(at(i), __ATOMIC_RELAXED)); }

  /** Puts a number on top. There must be room for it. */
  void put(double number) noexcept {
    int64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    __atomic_store_n(at(size), bits, __ATOMIC_RELAXED);
    resize(size + 1);
  }

  int64_t* words;
  uint64_t size; ///< Any thread can overwrite it: check it.
};

/**
 * Tries `section(here, words, count)` with the count of this CPU's cache. False if no section may write the cache, if
 * its count is corrupt, or after too many aborts.
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

/*
 * Moves in memory that processes share.
 *
 * A process may be killed between any two stores of a move. So each number is moved by itself, in two steps that are an
 * allocation and a free: the process notes that it holds the block, takes the number, and puts it where it goes. Killed
 * in between, it leaves a block that it holds, which pool_reclaim() gives back.
 */

/** A number that a section of this CPU pops from its cache, with a note of its holder. Tries as attempt_pop(). */
Attempted attempt_pop_noted(const Region& region, uint32_t note, double& number) noexcept {
  const auto look = [&](uint32_t shard) { return pop_obstacle(region, shard); };
  return attempt(region, look, [&](const Here& here, int64_t*) { return pool_pop_noted(region, here, note, number); });
}

/** Takes the number on top of the central store, which is not empty, as a process that `note` names. */
Status take_top(const Region& region, Central& central, uint32_t note, double& number) noexcept {
  number = central.number_at(central.size - 1);
  const bool is_block = is_unit(region, number);
  if (is_block)
    note_holder(region, static_cast<uint32_t>(number), note);
  central.resize(central.size - 1);
  return is_block ? Status::ok : Status::corrupt;
}

void fill_cache_noted(const Region& region, Central& central, uint64_t wanted) noexcept {
  const uint32_t note = process_note(region.service);
  double number = 0;
  for (; wanted != 0 && take_top(region, central, note, number) == Status::ok; wanted--) {
    if (attempt_push(region, number) != Attempted::done) {
      central.put(number);
      return;
    }
  }
}

void empty_cache_noted(const Region& region, Central& central, uint64_t wanted) noexcept {
  const uint32_t note = process_note(region.service);
  double number = 0;
  for (; wanted != 0 && note != 0 && attempt_pop_noted(region, note, number) == Attempted::done; wanted--)
    central.put(number);
}

/**
 * Moves all numbers from a shard that the calling thread owns to the central store, and counts them. corrupt: one was
 * no block's, or did not fit, as it was there twice; it is dropped.
 */
Status fetch_noted(const Region& region, Central& central, uint32_t shard, uint64_t count, uint32_t& fetched) noexcept {
  const uint32_t note = process_note(region.service);
  const int64_t* words = word_at<int64_t>(region, shard, 0);
  Status status = Status::ok;
  while (count-- != 0) {
    const double number = double_of_word(__atomic_load_n(words + kStackHead + count, __ATOMIC_RELAXED));
    const bool is_block = is_unit(region, number) && central.size != region.units;
    if (is_block)
      note_holder(region, static_cast<uint32_t>(number), note);
    __atomic_store_n(word_at<uint64_t>(region, shard, kCount), count, __ATOMIC_RELEASE);
    if (is_block) {
      central.put(number);
      fetched++;
    } else {
      status = Status::corrupt;
    }
  }
  return status;
}

/** Moves half of the central store, at most a batch, to the cache of the CPU that the thread runs on. */
void fill_cache(const Region& region, Central& central) noexcept {
  const uint64_t half = (central.size + 1) / 2;
  const uint64_t wanted = half < batch_of(region) ? half : batch_of(region);
  if (has_notes(region))
    return fill_cache_noted(region, central, wanted);
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

/** Moves half of the capacity of this CPU's cache to the central store. */
void empty_cache(const Region& region, Central& central) noexcept {
  const uint64_t room = region.units - central.size;
  const uint64_t wanted = room < batch_of(region) ? room : batch_of(region);
  if (has_notes(region))
    return empty_cache_noted(region, central, wanted);
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

/** Moves all numbers of a CPU's cache to the central store. The caller holds the lock of the central store. */
Status fetch(const Region& region, uint32_t shard, uint32_t& fetched) noexcept {
  fetched = 0;
  return locked(region, shard, [&] {
    Central central(region);
    const uint64_t count = count_of(region, shard);
    if (central.size > region.units || count > stack_capacity(region))
      return Status::corrupt;
    if (has_notes(region))
      return fetch_noted(region, central, shard, count, fetched);
    // The central store has room for all blocks. A number that does not fit is a duplicate, and is dropped.
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

/** Fetches from the first CPU whose cache is not empty. ok if all caches are empty. */
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

/** Takes a number from the central store, and fills this CPU's cache. */
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
    if (has_notes(region)) {
      const Status status = take_top(region, central, process_note(region.service), number);
      if (status != Status::ok)
        return status;
    } else {
      number = central.number_at(central.size - 1);
      central.resize(central.size - 1);
    }
    fill_cache(region, central);
    return Status::ok;
  });
}

/** Puts a number into the central store, which must have room. If `is_full`, moves half of this CPU's cache, too. */
void put_central(const Region& region, Central& central, double number, bool is_full) noexcept {
  central.put(number);
  if (is_full)
    empty_cache(region, central);
}

/** Locks the central store and calls put_central(). */
Status give_central(const Region& region, double number, bool is_full) noexcept {
  return locked(region, region.shards, [&] {
    Central central(region);
    if (central.size > region.units)
      return Status::corrupt;
    if (central.size == region.units)
      return Status::full;
    put_central(region, central, number, is_full);
    return Status::ok;
  });
}

Status take_number(const Region& region, double& number) noexcept {
  Attempted attempted;
  if (has_notes(region)) {
    const uint32_t note = process_note(region.service);
    if (note == 0)
      return Status::contended; // Nothing would say who holds the block.
    attempted = attempt_pop_noted(region, note, number);
  } else {
    attempted = attempt_pop(region, number);
  }
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

/** Changes the state of a block of a checked pool from `before` to `after`; false if it was not `before`. */
bool changes(const Region& region, uint32_t block, BlockState before, BlockState after) noexcept {
  auto expected = static_cast<uint32_t>(before);
  return __atomic_compare_exchange_n(unit_state(region, block), &expected, static_cast<uint32_t>(after), false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/**
 * Frees a block of a checked pool. All checks come first, behind the lock of the central store, which always has room:
 * a refused block keeps its owner and its bytes.
 */
Status free_checked(const Region& region, uint32_t block) noexcept {
  if (__atomic_load_n(unit_state(region, block), __ATOMIC_RELAXED) != static_cast<uint32_t>(BlockState::taken))
    return Status::not_owner;
  return locked(region, region.shards, [&] {
    Central central(region);
    if (central.size >= region.units)
      return central.size == region.units ? Status::full : Status::corrupt;
    if (!changes(region, block, BlockState::taken, BlockState::freed))
      return Status::not_owner;
    memset(unit_at(region, block), kPoison, region.unit_size);
    const Attempted attempted = attempt_push(region, block);
    if (attempted == Attempted::done)
      return Status::ok;
    put_central(region, central, block, attempted == Attempted::at_limit);
    return Status::ok;
  });
}

/** Gives a block back that a dead process held. The caller has the lock of the central store, which has room. */
void give_back(const Region& region, Central& central, uint32_t block, uint32_t holder) noexcept {
  // First makes the block this process's own. Who adopts it meanwhile (unit_adopt()) keeps it.
  if (unit_adopt(region, block, holder) != Status::ok)
    return;
  if (region.is_checked) {
    __atomic_store_n(unit_state(region, block), static_cast<uint32_t>(BlockState::freed), __ATOMIC_RELAXED);
    memset(unit_at(region, block), kPoison, region.unit_size);
  }
  central.put(block);
}

/** Collects all free blocks in the central store. The caller has its lock. Afterwards none has a note of `dead`. */
Status collect(const Region& region, const DeadHolders& dead) noexcept {
  for (uint32_t shard = 0; shard < region.shards; shard++) {
    uint32_t fetched = 0;
    // Acquire order: if the last section there has popped the last block, its note is seen below.
    if (__atomic_load_n(word_at<uint64_t>(region, shard, kCount), __ATOMIC_ACQUIRE) == 0)
      continue;
    const Status status = fetch(region, shard, fetched);
    if (status != Status::ok)
      return status;
  }
  const Central central(region);
  if (central.size > region.units)
    return Status::corrupt;
  const uint32_t note = process_note(region.service);
  for (uint64_t i = 0; i < central.size; i++) {
    const double number = central.number_at(i);
    if (!is_unit(region, number))
      return Status::corrupt;
    const auto block = static_cast<uint32_t>(number);
    if (dead.have(unit_holder(region, block)))
      note_holder(region, block, note);
  }
  return Status::ok;
}

/** pool_reclaim() for the processes that have died. */
Status reclaim_from(const Region& region, const DeadHolders& dead, uint32_t& count) noexcept {
  return locked(region, region.shards, [&] {
    if (process_note(region.service) == 0)
      return Status::contended;
    const Status status = collect(region, dead);
    if (status != Status::ok)
      return status;
    Central central(region);
    for (uint32_t block = 0; block < region.units && central.size < region.units; block++) {
      const uint32_t holder = unit_holder(region, block);
      if (!dead.have(holder))
        continue;
      const uint64_t before = central.size;
      give_back(region, central, block, holder);
      count += static_cast<uint32_t>(central.size - before);
    }
    return Status::ok;
  });
}

/** take_number() that, before it returns empty, gives back what dead processes held. */
Status take_number_or_reclaim(const Region& region, double& number) noexcept {
  const Status status = take_number(region, number);
  if (status != Status::empty || !has_notes(region) || !is_look_due(region))
    return status;
  uint32_t count = 0;
  const Status reclaimed = may_wait() ? pool_reclaim(region, count) : Status::busy;
  end_look(region, reclaimed == Status::busy);
  if (reclaimed != Status::ok)
    return reclaimed;
  return count != 0 ? take_number(region, number) : Status::empty;
}

} // namespace pool_moves

Status detail::pool_alloc_slow(const Region& region, uint32_t& block) noexcept {
  double number = 0;
  const Status status = pool_moves::take_number_or_reclaim(region, number);
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

Status detail::pool_free_slow(const Region& region, uint32_t block) noexcept {
  if (block >= region.units)
    return Status::out_of_range;
  return region.is_checked ? pool_moves::free_checked(region, block) : pool_moves::give_number(region, block);
}

Status pool_reclaim(const Region& region, uint32_t& count) noexcept {
  count = 0;
  if (!has_notes(region))
    return Status::ok;
  const DeadHolders dead(region);
  return dead.are_none() ? Status::ok : pool_moves::reclaim_from(region, dead, count);
}

Status pool_flush(const Region& region, uint32_t shard, uint32_t& count) noexcept {
  using namespace stack_shard;
  count = 0;
  if (shard >= region.shards)
    return Status::out_of_range;
  // An empty cache need not be stopped.
  if (count_of(region, shard) == 0)
    return Status::ok;
  return locked(region, region.shards, [&] { return pool_moves::fetch(region, shard, count); });
}

} // namespace percpu
