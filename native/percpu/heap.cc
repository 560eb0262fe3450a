#include "heap.h"

namespace percpu {
namespace heap_moves {

using namespace stopped_shard;

/** The first limit of a cache. */
constexpr uint32_t kFirstLimit = 4;

uint64_t count_of(const int64_t* cache) noexcept {
  return static_cast<uint64_t>(__atomic_load_n(cache, __ATOMIC_RELAXED));
}

uint64_t* stop_of(int64_t* cache) noexcept {
  return reinterpret_cast<uint64_t*>(cache) + stopped_shard::kStop;
}

/** Why a section on a cache that refuses the count `limit` failed its comparison. */
template <typename IsAtLimit>
Obstacle obstacle(const Region& region, uint32_t shard, const HeapClass& one, IsAtLimit is_at_limit) noexcept {
  int64_t* const cache = detail::heap_cache(region, shard, one);
  const uint64_t count = count_of(cache);
  if (count > one.capacity)
    return Obstacle::corrupt;
  uint64_t* const stop = stop_of(cache);
  if (__atomic_load_n(stop, __ATOMIC_RELAXED) != 0 && !resume_abandoned(region, shard, stop))
    return Obstacle::stopped;
  return is_at_limit(cache, count) ? Obstacle::at_limit : Obstacle::none;
}

/** Tries sections that push onto this CPU's cache. `at_limit`: the cache is at its limit. */
Attempted attempt_push(const Region& region, const HeapClass& one, uint32_t block) noexcept {
  const auto is_full = [&](const int64_t* cache, uint64_t count) { return count >= detail::heap_limit(cache, one); };
  const auto look = [&](uint32_t shard) { return obstacle(region, shard, one, is_full); };
  return attempt(region, look, [&](const Here& here, int64_t* words) {
    int64_t* const cache = words + one.first;
    return load_cbne_load_cbge_store_add_store(here, cache, detail::heap_limit(cache, one), block);
  });
}

/** Tries sections that pop from this CPU's cache. `at_limit`: the cache is empty. */
Attempted attempt_pop(const Region& region, const HeapClass& one, uint32_t& block) noexcept {
  double number = 0;
  const auto is_empty = [](const int64_t*, uint64_t count) { return count == 0; };
  const auto look = [&](uint32_t shard) { return obstacle(region, shard, one, is_empty); };
  const Attempted attempted = attempt(region, look, [&](const Here& here, int64_t* words) {
    const Taken taken = load_cbne_load_add_cbge_load_store(here, words + one.first, one.capacity);
    number = taken.value;
    return taken.outcome;
  });
  if (attempted != Attempted::done)
    return attempted;
  if (!detail::is_heap_block(region, number, one))
    return Attempted::corrupt;
  block = static_cast<uint32_t>(number);
  return attempted;
}

/** Doubles the limit of this CPU's cache after a miss. False if the limit is the capacity already. */
bool grow_limit(const Region& region, const HeapClass& one) noexcept {
  const uint32_t shard = here(region.index).index;
  if (shard >= region.section_shards)
    return false;
  int64_t* const cache = detail::heap_cache(region, shard, one);
  const uint32_t limit = detail::heap_limit(cache, one);
  const uint32_t doubled = limit == 0 ? kFirstLimit : 2 * limit;
  const uint32_t grown = doubled < one.capacity ? doubled : one.capacity;
  // Two threads may do so at once: a limit that grows by one miss less does no harm.
  __atomic_store_n(cache - 1, grown, __ATOMIC_RELAXED);
  return grown != limit;
}

/** Fills this CPU's cache to half of its limit with blocks that spans of the class have. The caller has the lock. */
Status fill(const Region& region, uint32_t number, const HeapClass& one) noexcept {
  const uint32_t shard = here(region.index).index;
  if (shard >= region.section_shards)
    return Status::ok;
  const uint32_t wanted = detail::heap_limit(detail::heap_cache(region, shard, one), one) / 2;
  for (uint32_t k = 0; k < wanted; k++) {
    uint32_t block = 0;
    const Status status = heap_spans::take_listed(region, number, block);
    if (status != Status::ok)
      return status == Status::empty ? Status::ok : status;
    if (attempt_push(region, one, block) != Attempted::done)
      return heap_spans::put(region, block);
  }
  return Status::ok;
}

/** Puts a block from a cache back into its span. One that was freed twice is there already, and is dropped. */
Status put_cached(const Region& region, uint32_t block) noexcept {
  const Status status = heap_spans::put(region, block);
  return status == Status::not_owner ? Status::ok : status;
}

/** Moves half of the capacity of this CPU's cache to the spans. The caller has the lock. */
Status empty_half(const Region& region, const HeapClass& one) noexcept {
  Status status = Status::ok;
  for (uint32_t k = 0; k < (one.capacity + 1) / 2 && status == Status::ok; k++) {
    uint32_t block = 0;
    const Attempted attempted = attempt_pop(region, one, block);
    if (attempted != Attempted::done)
      return attempted == Attempted::corrupt ? Status::corrupt : Status::ok;
    status = put_cached(region, block);
  }
  return status;
}

/** Moves all blocks of a CPU's cache to the spans, and halves its limit. The caller has the lock of the spans. */
Status drain(const Region& region, uint32_t shard, const HeapClass& one) noexcept {
  int64_t* const cache = detail::heap_cache(region, shard, one);
  return as_owner(region, shard, stop_of(cache), [&] {
    const uint64_t count = count_of(cache);
    Status status = count <= one.capacity ? Status::ok : Status::corrupt;
    for (uint64_t k = status == Status::ok ? count : 0; k-- != 0;) {
      const double number = double_of_word(__atomic_load_n(cache + kStackHead + k, __ATOMIC_RELAXED));
      __atomic_store_n(cache, static_cast<int64_t>(k), __ATOMIC_RELAXED);
      if (!detail::is_heap_block(region, number, one) ||
          put_cached(region, static_cast<uint32_t>(number)) != Status::ok)
        status = Status::corrupt;
    }
    __atomic_store_n(cache, 0, __ATOMIC_RELAXED);
    __atomic_store_n(cache - 1, (detail::heap_limit(cache, one) + 1) / 2, __ATOMIC_RELAXED);
    return status;
  });
}

/**
 * Moves the blocks of all caches to the spans. The caller has their lock.
 * @return ok; busy: nothing was moved, as the thread has no patience; else why a cache kept its blocks, or corrupt.
 */
Status drain_all(const Region& region) noexcept {
  Status trouble = Status::ok;
  // No section writes the caches if atomics write the region: nobody uses them.
  const uint32_t shards = region.writers == Writers::sections ? region.shards : 0;
  for (uint32_t shard = 0; shard < shards; shard++) {
    for (const HeapClass& one : kHeapTable.classes) {
      if (count_of(detail::heap_cache(region, shard, one)) == 0)
        continue;
      const Status status = drain(region, shard, one);
      if (status == Status::busy)
        return status;
      if (status != Status::ok)
        trouble = status;
    }
  }
  return trouble;
}

/** Calls `take()`, which takes something from the spans; a second time if only the caches have more. */
template <typename Take> Status take_or_drain(const Region& region, Take take) noexcept {
  Status status = take();
  if (status != Status::empty)
    return status;
  const Status drained = drain_all(region);
  if (drained == Status::busy || drained == Status::corrupt)
    return drained;
  status = take();
  return status == Status::empty && drained != Status::ok ? drained : status;
}

/** Takes a block of a class from the spans. `fills`: also fills this CPU's cache, which is empty. */
Status take_block(const Region& region, uint32_t number, const HeapClass& one, bool fills, uint32_t& block) noexcept {
  return heap_spans::behind_lock(region, [&] {
    const Status status = take_or_drain(region, [&] { return heap_spans::take(region, number, block); });
    return status == Status::ok && fills ? fill(region, number, one) : status;
  });
}

Status take_pages(const Region& region, uint32_t bytes, uint32_t& block) noexcept {
  const auto pages = static_cast<uint32_t>((static_cast<uint64_t>(bytes) + kHeapPage - 1) / kHeapPage);
  if (pages > region.units)
    return Status::empty;
  return heap_spans::behind_lock(
      region, [&] { return take_or_drain(region, [&] { return heap_spans::take_pages(region, pages, block); }); });
}

} // namespace heap_moves

Status detail::heap_alloc_slow(const Region& region, uint32_t bytes, uint32_t& block) noexcept {
  using namespace heap_moves;
  if (bytes > kMostHeapBlock)
    return heap_moves::take_pages(region, bytes, block);
  const uint32_t number = heap_class_of(bytes);
  const HeapClass& one = kHeapTable.classes[number];
  const Attempted attempted = attempt_pop(region, one, block);
  if (attempted == Attempted::done)
    return Status::ok;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  const bool is_miss = attempted == Attempted::at_limit;
  if (is_miss)
    grow_limit(region, one);
  return take_block(region, number, one, is_miss, block);
}

Status detail::heap_free_slow(const Region& region, uint32_t block) noexcept {
  using namespace heap_moves;
  heap_spans::Place place;
  if (!heap_spans::find(region, block, place))
    return Status::out_of_range;
  if (heap_spans::state_of(place.page) != heap_spans::PageState::blocks)
    return heap_spans::behind_lock(region, [&] { return heap_spans::put(region, block); });
  const HeapClass& one = kHeapTable.classes[heap_spans::class_of(place.page)];
  Attempted attempted = attempt_push(region, one, block);
  if (attempted == Attempted::at_limit && grow_limit(region, one))
    attempted = attempt_push(region, one, block);
  if (attempted == Attempted::done)
    return Status::ok;
  if (attempted == Attempted::corrupt)
    return Status::corrupt;
  return heap_spans::behind_lock(region, [&] {
    const Status status = heap_spans::put(region, block);
    return status == Status::ok && attempted == Attempted::at_limit ? empty_half(region, one) : status;
  });
}

} // namespace percpu
