/**
 * @file
 * The hot operations on counters and batches of additions.
 */
#ifndef RSEQ_ADDON_COUNTER_OPERATIONS_H
#define RSEQ_ADDON_COUNTER_OPERATIONS_H

#include "answer.h"
#include "handles.h"

namespace percpu {
namespace addon {

/** Adds any delta to counter `i`, with repeated attempts and the overflow word. An i64 counter accepts safe integers
 * only. */
uint32_t counter_add(uint32_t handle, uint32_t i, double delta) noexcept;

/**
 * One attempt to add a 32-bit delta to counter `i`. Returns the Outcome of its section. If that is not done, nothing
 * was added, and the caller must call counter_add(). This function does not call it, as a function whose last call is
 * the section saves no registers, and saving them costs as much as the section.
 */
inline uint32_t counter_add_int32(uint32_t handle, uint32_t i, int32_t delta) noexcept {
  const Region* region = regions.find(handle);
  // Kind and element type are adjacent, so the compiler makes one comparison.
  if (__builtin_expect(region != nullptr && i < region->direct_length && region->kind == Kind::counters &&
                           region->element == Element::i64,
                       true))
    return answer(counter_add_directly(*region, i, static_cast<int64_t>(delta)));
  return counter_add(handle, i, delta);
}

/** One attempt to add any delta to a counter of doubles. Returns as counter_add_int32(). */
inline uint32_t counter_add_float64(uint32_t handle, uint32_t i, double delta) noexcept {
  const Region* region = regions.find(handle);
  if (__builtin_expect(region != nullptr && i < region->direct_length && region->kind == Kind::counters &&
                           region->element == Element::f64,
                       true))
    return answer(counter_add_directly(*region, i, delta));
  return counter_add(handle, i, delta);
}

/** The value of counter `i` as a double, rounded if an i64 does not fit; NaN if the arguments are refused,
 * or if its memory cannot be read (extents.h). */
inline double counter_get(uint32_t handle, uint32_t i) noexcept {
  const Region* region = find_region(handle, Kind::counters);
  if (region == nullptr || i >= region->length)
    return __builtin_nan("");
  int64_t whole;
  double sum;
  const Status status = region->element == Element::i64 ? counter_sum(*region, i, whole) : counter_sum(*region, i, sum);
  if (__builtin_expect(status != Status::ok, false))
    return __builtin_nan("");
  return region->element == Element::i64 ? static_cast<double>(whole) : sum;
}

/** Sets counter `i`. An i64 counter accepts safe integers only. */
uint32_t counter_set(uint32_t handle, uint32_t i, double value) noexcept;

/** counted_add() for all cases: it calls counter_add() for the sum and for the bucket. */
uint32_t counted_add_slow(uint32_t counts, uint32_t bucket, uint32_t sums, uint32_t sum, double value) noexcept;

/** One attempt to add to the sum of a histogram. */
inline Outcome sum_add_directly(const Region& sums, uint32_t sum, double value, int64_t whole) noexcept {
  return sums.element == Element::f64 ? counter_add_directly(sums, sum, value) : counter_add_directly(sums, sum, whole);
}

/** Adds 1 to the bucket after the sum was added. An i64 counter never refuses that. */
inline uint32_t bucket_add(const Region& counts, uint32_t handle, uint32_t bucket) noexcept {
  const Outcome outcome = counter_add_directly(counts, bucket, int64_t{1});
  return __builtin_expect(outcome == Outcome::done, true) ? answer(outcome) : counter_add(handle, bucket, 1);
}

/**
 * Records a value in a histogram: adds `value` to counter `sum` of `sums`, and 1 to counter `bucket` of the i64
 * counters `counts`; both handles may name one region. Between its two sections, a reader sees the sum without the
 * count. It checks all arguments first, so it adds both or neither.
 */
inline uint32_t counted_add(uint32_t counts, uint32_t bucket, uint32_t sums, uint32_t sum, double value) noexcept {
  const Region* count_region = find_region(counts, Kind::counters);
  const Region* sum_region = find_region(sums, Kind::counters);
  int64_t whole = 0;
  if (__builtin_expect(count_region != nullptr && bucket < count_region->direct_length &&
                           count_region->element == Element::i64 && sum_region != nullptr &&
                           sum < sum_region->direct_length &&
                           (sum_region->element == Element::f64 || to_safe_integer(value, whole)) &&
                           sum_add_directly(*sum_region, sum, value, whole) == Outcome::done,
                       true))
    return bucket_add(*count_region, counts, bucket);
  return counted_add_slow(counts, bucket, sums, sum, value);
}

/** The two additions of counted_add_int32(), and the region's handle: in memory, so that no register has to be saved.
 */
struct CountedAddition {
  Addition sum;
  Addition bucket;
  uint32_t handle;
};

/** Makes the additions from `next` on, which counted_add_int32() has not made. */
uint32_t counted_add_rest(const CountedAddition& counted, const Addition* next) noexcept;

/** counted_add() of a 32-bit value, with bucket and sum in one region of i64 counters. */
inline uint32_t counted_add_int32(uint32_t handle, uint32_t bucket, uint32_t sum, int32_t value) noexcept {
  const CountedAddition counted = {{sum, value}, {bucket, 1}, handle};
  const Addition* next = &counted.sum;
  const Region* region = regions.find(handle);
  if (__builtin_expect(region != nullptr && bucket < region->direct_length && region->kind == Kind::counters &&
                           region->element == Element::i64,
                       true)) {
    const Here place = libc_here();
    // The section checks that `sum` is in the region.
    if (__builtin_expect(place.index < region->section_shards, true))
      next = load_add_store_each(place, word_at<int64_t>(*region, place.index, 0), region->direct_length, next,
                                 &counted.sum + 2);
  }
  return __builtin_expect(next == &counted.sum + 2, true) ? answer(Status::ok) : counted_add_rest(counted, next);
}

/**
 * One attempt to add the sums of a batch's counters below `end`, with one section after the other. Returns the first
 * counter that is not added: `end` if all are. The caller then adds the rest with batch_add_sums(). `end` must be a
 * multiple of kSpanWords above 0.
 */
inline uint32_t batch_try_sums(uint32_t handle, uint32_t end) noexcept {
  const Batch* batch = batches.find(handle);
  if (__builtin_expect(batch == nullptr || end - 1 >= batch->room || end % kSpanWords != 0, false))
    return 0;
  const Here place = libc_here();
  // No need to check the handle's tag, as this table holds only batches.
  if (__builtin_expect(place.index >= batch->direct_shards, false))
    return 0;
  return add_span(place, word_at<int64_t>(batch->region, place.index, 0), batch->sums, 0, end);
}

/** Adds the sums of a batch to their counters, with repeated attempts and the overflow words. */
inline uint32_t batch_add_sums(uint32_t handle) noexcept {
  const Batch* batch = tag_of(handle) == kBatchTag ? batches.find(handle) : nullptr;
  if (batch == nullptr)
    return answer(Status::bad_handle);
  const Status status = counter_add_sums(batch->region, batch->sums, batch->summed);
  if (batch->region.service != 0 && batch->summed != 0) // Extents may have grown.
    batch->direct_shards = direct_span_shards(batch->region);
  return answer(status);
}

/** Adds the first `count` entries of a batch to their counters. */
inline uint32_t batch_commit(uint32_t handle, uint32_t count) noexcept {
  const Batch* batch = tag_of(handle) == kBatchTag ? batches.find(handle) : nullptr;
  if (batch == nullptr)
    return answer(Status::bad_handle);
  if (count > batch->capacity)
    return answer(Status::out_of_range);
  return answer(counter_add_many(batch->region, batch->entries, batch->wide, count, &batch->second));
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_COUNTER_OPERATIONS_H
