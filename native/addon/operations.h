/**
 * @file
 * The hot operations: what JavaScript may call millions of times a second.
 *
 * Each is one plain function of integers and doubles, total over every argument: it refuses by its
 * status and never throws. for_each_operation() is the one table that names them all; each way into
 * the addon (napi_tier.h, v8_tier.h) makes its own callbacks from it.
 */
#ifndef RSEQ_ADDON_OPERATIONS_H
#define RSEQ_ADDON_OPERATIONS_H

#include "../percpu/list.h"
#include "../percpu/pool.h"
#include "../percpu/stack.h"
#include "array_operations.h"
#include "handles.h"

#include <cstdint>

namespace rseq {
namespace addon {

inline uint32_t answer(Status status) noexcept {
  return static_cast<uint32_t>(status);
}

/** The same number space: Status leaves room for it. */
inline uint32_t answer(Outcome outcome) noexcept {
  static_assert(static_cast<uint32_t>(Outcome::done) == static_cast<uint32_t>(Status::ok));
  static_assert(static_cast<uint32_t>(Outcome::inconsistent) < static_cast<uint32_t>(Status::bad_handle));
  return static_cast<uint32_t>(outcome);
}

/** Adds any delta to counter `i`, whatever it takes; i64 counters take safe integers only. */
uint32_t counter_add(uint32_t handle, uint32_t i, double delta) noexcept;

/**
 * One attempt to add a 32-bit delta to counter `i`. Answers the Outcome of its section, and where that
 * is not done, nothing was added: then it is counter_add() that adds, or says why not. Left to the
 * caller, as a function that ends in a section saves no registers; and those cost as much as the section.
 */
inline uint32_t counter_add_int32(uint32_t handle, uint32_t i, int32_t delta) noexcept {
  const Region* region = regions.find(handle);
  if (__builtin_expect(region != nullptr && i < region->direct_length && region->element == Element::i64, true))
    return answer(counter_add_directly(*region, i, static_cast<int64_t>(delta)));
  return counter_add(handle, i, delta);
}

/** The same for any delta to a counter of doubles. */
inline uint32_t counter_add_float64(uint32_t handle, uint32_t i, double delta) noexcept {
  const Region* region = regions.find(handle);
  if (__builtin_expect(region != nullptr && i < region->direct_length && region->element == Element::f64, true))
    return answer(counter_add_directly(*region, i, delta));
  return counter_add(handle, i, delta);
}

/** The value of counter `i` as a double, rounded where an i64 does not fit; NaN if refused. */
inline double counter_get(uint32_t handle, uint32_t i) noexcept {
  const Region* region = find_region(handle, Kind::counters);
  if (region == nullptr || i >= region->length)
    return __builtin_nan("");
  return region->element == Element::i64 ? static_cast<double>(counter_sum_i64(*region, i))
                                         : counter_sum_f64(*region, i);
}

/** Sets counter `i`; i64 counters take safe integers only. */
uint32_t counter_set(uint32_t handle, uint32_t i, double value) noexcept;

/** counted_add() in every case that may be: one addition after the other, each whatever it takes. */
uint32_t counted_add_anyhow(uint32_t counts, uint32_t bucket, uint32_t sums, uint32_t sum, double value) noexcept;

/** Adds to the sum of a histogram what its bucket has counted. The fast way where it is open. */
inline uint32_t sum_add(const Region& sums, uint32_t handle, uint32_t sum, double value, int64_t whole) noexcept {
  const Outcome outcome =
      sums.element == Element::f64 ? counter_add_directly(sums, sum, value) : counter_add_directly(sums, sum, whole);
  return __builtin_expect(outcome == Outcome::done, true) ? answer(outcome) : counter_add(handle, sum, value);
}

/**
 * What a histogram records: adds 1 to counter `bucket` of the i64 counters `counts`, and `value` to counter
 * `sum` of `sums`, which may be the same region. Two sections: between them a reader sees the one without
 * the other. All arguments are checked before, so that either both are added or none is.
 */
inline uint32_t counted_add(uint32_t counts, uint32_t bucket, uint32_t sums, uint32_t sum, double value) noexcept {
  const Region* count_region = find_region(counts, Kind::counters);
  const Region* sum_region = find_region(sums, Kind::counters);
  int64_t whole = 0;
  if (__builtin_expect(count_region != nullptr && bucket < count_region->direct_length &&
                           count_region->element == Element::i64 && sum_region != nullptr &&
                           sum < sum_region->direct_length &&
                           (sum_region->element == Element::f64 || to_safe_integer(value, whole)) &&
                           counter_add_directly(*count_region, bucket, int64_t{1}) == Outcome::done,
                       true))
    return sum_add(*sum_region, sums, sum, value, whole);
  return counted_add_anyhow(counts, bucket, sums, sum, value);
}

/**
 * One attempt to add the sums of a batch's counters below `end`, in one row of sections. Answers the first that is not
 * added: `end` if all are, and otherwise it is batch_add_sums() that adds the rest. `end` is a multiple of kSpanWords
 * above 0.
 */
inline uint32_t batch_try_sums(uint32_t handle, uint32_t end) noexcept {
  const Batch* batch = batches.find(handle);
  if (__builtin_expect(batch == nullptr || end > batch->room, false))
    return 0;
  const Here place = libc_here();
  // The handle's tag need not be looked at, as only batches are in this table; behind 0 there is one of zeroes.
  if (__builtin_expect(place.index >= batch->direct_shards, false))
    return 0;
  return add_span(place, word_at<int64_t>(batch->region, place.index, 0), batch->sums, 0, end);
}

/** Adds the sums of a batch to their counters, whatever it takes. */
inline uint32_t batch_add_sums(uint32_t handle) noexcept {
  const Batch* batch = tag_of(handle) == kBatchTag ? batches.find(handle) : nullptr;
  return answer(batch != nullptr ? counter_add_sums(batch->region, batch->sums, batch->summed) : Status::bad_handle);
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

/** Takes a mutex if it is free; else the Status says why not. */
inline uint32_t mutex_try_lock(uint32_t handle) noexcept {
  MutexSeat* seat = mutex_seats.find_own(handle);
  return answer(__builtin_expect(seat != nullptr, true) ? rseq::mutex_try_lock(*seat) : Status::bad_handle);
}

/** Gives a mutex back. */
inline uint32_t mutex_unlock(uint32_t handle) noexcept {
  MutexSeat* seat = mutex_seats.find_own(handle);
  return answer(__builtin_expect(seat != nullptr, true) ? rseq::mutex_unlock(*seat) : Status::bad_handle);
}

/** Pushes a finite number, whatever it takes. */
uint32_t stack_push(uint32_t handle, double value) noexcept;

/** What stack_pop() answers instead of a value, none of which can be pushed. */
constexpr double kNothingToPop = __builtin_inf();
constexpr double kCorruptStack = -__builtin_inf();

/** Pops a number, whatever it takes; or one of the two above; or NaN if it was refused for another reason. */
double stack_pop(uint32_t handle) noexcept;

/** stack_pop(), less what it says of its failure: then a NaN. */
double stack_pop_or_nan(uint32_t handle) noexcept;

/** One attempt to push a finite number, as counter_add_int32() is one to add: stack_push() does what it did not. */
inline uint32_t stack_try_push(uint32_t handle, double value) noexcept {
  const Region* region = regions.find(handle);
  if (__builtin_expect(region == nullptr, false))
    return stack_push(handle, value);
  const Here place = libc_here();
  // Widened once, and not for the comparison and the address apart. The handle's tag need not be looked at: for every
  // other kind of region the bound is 0.
  const uint64_t index = place.index;
  if (__builtin_expect(index >= region->direct_stacks, false))
    return stack_push(handle, value);
  return answer(stack_push_directly(*region, place.area, index, value));
}

/** One attempt to pop a number: a NaN if it did not, and then it is stack_pop() that does or says why not. */
inline double stack_try_pop(uint32_t handle) noexcept {
  const Region* region = regions.find(handle);
  if (__builtin_expect(region == nullptr, false))
    return stack_pop_or_nan(handle);
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index >= region->direct_stacks, false))
    return stack_pop_or_nan(handle);
  return stack_pop_directly(*region, place.area, index);
}

/** Pushes a node, whatever it takes. */
uint32_t list_push(uint32_t handle, uint32_t node) noexcept;

/** Pops a node, whatever it takes; or -Status. */
int32_t list_pop(uint32_t handle) noexcept;

/** One attempt to push a node: list_push() does what it did not. */
inline uint32_t list_try_push(uint32_t handle, uint32_t node) noexcept {
  const Region* region = find_region(handle, Kind::list);
  if (__builtin_expect(region == nullptr || !region->is_direct || node >= region->units, false))
    return list_push(handle, node);
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index >= region->shards, false))
    return list_push(handle, node);
  return answer(list_push_directly(*region, place.area, index, node));
}

/** One attempt to pop a node: below 0 if it did not, and then it is list_pop() that does or says why not. */
inline int32_t list_try_pop(uint32_t handle) noexcept {
  const Region* region = find_region(handle, Kind::list);
  if (__builtin_expect(region == nullptr || !region->is_direct, false))
    return list_pop(handle);
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index >= region->shards, false))
    return list_pop(handle);
  return list_pop_directly(*region, place.area, index);
}

/** Takes a block of a pool, whatever it takes; or -Status. */
int32_t pool_alloc(uint32_t handle) noexcept;

/** Gives a block back, whatever it takes. Where nothing is checked, stack_try_pop() and stack_try_push() come first. */
uint32_t pool_free(uint32_t handle, uint32_t block) noexcept;

/** Writes the first `length` bytes of the seat's scratch as a record, whatever it takes. */
uint32_t ring_write(uint32_t handle, uint32_t length) noexcept;

/** One attempt to, as stack_try_push() is one to push: ring_write() does what it did not. */
inline uint32_t ring_try_write(uint32_t handle, uint32_t length) noexcept {
  const RingSeat* seat = ring_seats.find(handle);
  if (__builtin_expect(seat == nullptr || length > seat->longest, false))
    return ring_write(handle, length);
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index >= seat->direct_shards, false))
    return ring_write(handle, length);
  return answer(ring_write_at(*seat, place, index, length));
}

/** Operations on CPUs' locks answer the shard that is locked now, with this bit where it is so; or -Status. */
constexpr uint32_t kLastOwnerDied = 1u << 20;

inline int32_t answer(Status status, uint32_t shard) noexcept {
  if (__builtin_expect(status == Status::ok, true))
    return static_cast<int32_t>(shard);
  return status == Status::owner_died ? static_cast<int32_t>(shard | kLastOwnerDied)
                                      : -static_cast<int32_t>(answer(status));
}

/** Takes this CPU's lock if it is free. */
inline int32_t cpu_lock_try(uint32_t handle) noexcept {
  CpuLockSeat* seat = cpu_lock_seats.find_own(handle);
  uint32_t shard = 0;
  const Status status = __builtin_expect(seat != nullptr, true) ? rseq::cpu_lock_try(*seat, shard) : Status::bad_handle;
  return answer(status, shard);
}

/** Gives a CPU's lock back. */
inline uint32_t cpu_lock_unlock(uint32_t handle, uint32_t shard) noexcept {
  CpuLockSeat* seat = cpu_lock_seats.find_own(handle);
  return answer(__builtin_expect(seat != nullptr, true) ? rseq::cpu_lock_unlock(*seat, shard) : Status::bad_handle);
}

/** Calls `visit.operation<function>("name")` for each hot operation. src/native.ts types them. */
template <typename Visitor> void for_each_operation(Visitor& visit) {
  visit.template operation<counter_add>("counterAdd");
  visit.template operation<counter_add_int32>("counterAddInt32");
  visit.template operation<counter_add_float64>("counterAddFloat64");
  visit.template operation<counter_get>("counterGet");
  visit.template operation<counter_set>("counterSet");
  visit.template operation<counted_add>("countedAdd");
  visit.template operation<batch_commit>("batchCommit");
  visit.template operation<batch_try_sums>("batchTrySums");
  visit.template operation<batch_add_sums>("batchAddSums");
  visit.template operation<mutex_try_lock>("mutexTryLock");
  visit.template operation<mutex_unlock>("mutexUnlock");
  visit.template operation<stack_push>("stackPush");
  visit.template operation<stack_try_push>("stackTryPush");
  visit.template operation<stack_pop>("stackPop");
  visit.template operation<stack_try_pop>("stackTryPop");
  visit.template operation<list_push>("listPush");
  visit.template operation<list_try_push>("listTryPush");
  visit.template operation<list_pop>("listPop");
  visit.template operation<list_try_pop>("listTryPop");
  visit.template operation<pool_alloc>("poolAlloc");
  visit.template operation<pool_free>("poolFree");
  visit.template operation<ring_write>("ringWrite");
  visit.template operation<ring_try_write>("ringTryWrite");
  visit.template operation<cpu_lock_try>("cpuLockTry");
  visit.template operation<cpu_lock_unlock>("cpuLockUnlock");
  for_each_array_operation(visit);
}

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_OPERATIONS_H
