/**
 * @file
 * Counters on a region: one word per counter and shard, the value is the sum over all shards.
 *
 * Adding is one critical section on this CPU's word. After kAttempts aborts in a row (a debugger's
 * single step, a storm of signals) and on threads without rseq, the addition goes to the overflow
 * shard by an ordinary atomic: no operation retries for ever, and no addition is lost.
 *
 * All functions are thread-safe and may run at once in any number of threads and processes. Order is
 * relaxed: a counter publishes only its own value.
 */
#ifndef RSEQ_PERCPU_COUNTER_H
#define RSEQ_PERCPU_COUNTER_H

#include "../rseq/spans.h"
#include "../rseq/thread.h"
#include "region.h"
#include "status.h"

namespace percpu {

/** How often an operation tries a section before it uses the overflow shard. Two aborts in a row happen once in
 * millions. */
constexpr uint32_t kAttempts = 8;

namespace detail {
/** The rest of counter_add: more attempts, then the overflow shard. */
Status counter_add_slow(const Region& region, uint32_t i, int64_t delta) noexcept;
Status counter_add_slow(const Region& region, uint32_t i, double delta) noexcept;
/** counter_add_slow() of a whole number to a counter that exists. Returns the shard that it was added to. */
uint32_t counter_add_somewhere(const Region& region, uint32_t i, int64_t delta) noexcept;

inline Outcome add_here(const Region& region, const Here& here, uint32_t i, int64_t delta) noexcept {
  return load_add_store(here, word_at<int64_t>(region, here.index, i), delta);
}
inline Outcome add_here(const Region& region, const Here& here, uint32_t i, double delta) noexcept {
  return load_cbne_load_add_store_f64_outcome(here, word_at<double>(region, here.index, i), region.stop, delta);
}
} // namespace detail

/** The result of counter_add_directly() if the thread and region allow no section. */
constexpr Outcome kNoDirectWay = Outcome::moved;

/**
 * counter_try_add() in the fewest instructions, for `i < region.direct_length`: its last call is the section, so it
 * saves no registers.
 */
template <typename Number>
inline Outcome counter_add_directly(const Region& region, uint32_t i, Number delta) noexcept {
  const Here place = libc_here();
  return __builtin_expect(place.index < region.section_shards, true) ? detail::add_here(region, place, i, delta)
                                                                     : kNoDirectWay;
}

/**
 * One attempt to add `delta` to counter `i` on this CPU's shard. False if nothing was added: counter_add() then adds it
 * or returns the reason.
 */
template <typename Number> inline bool counter_try_add(const Region& region, uint32_t i, Number delta) noexcept {
  if (__builtin_expect(i < region.direct_length, true))
    return __builtin_expect(counter_add_directly(region, i, delta) == Outcome::done, true);
  const Here place = here(region.index);
  return i < region.length && place.index < region.section_shards &&
         detail::add_here(region, place, i, delta) == Outcome::done;
}

/**
 * Adds `delta` to counter `i`; wraps at 64 bits. Wait-free: O(1), at most kAttempts + 1 sections and one
 * atomic. `Number` is int64_t where the element is i64, double where it is f64.
 */
template <typename Number> inline Status counter_add(const Region& region, uint32_t i, Number delta) noexcept {
  if (counter_try_add(region, i, delta))
    return Status::ok;
  return i < region.length ? detail::counter_add_slow(region, i, delta) : Status::out_of_range;
}

/**
 * One addition of a batch. A delta that is no 32-bit integer stands in the batch's array of doubles
 * at the entry's position, and kWideDelta in `element` says so: a region's length leaves that bit free.
 */
using BatchEntry = Addition;
constexpr uint32_t kWideDelta = 1u << 31;

/** In `element`: the delta is wide, and its counter is in the second region. A region's length leaves this bit free. */
constexpr uint32_t kSecondRegion = 1u << 30;

namespace detail {
/** The rest of counter_add_many(): the additions from `next` on. */
Status counter_add_many_slow(const Region& region, const BatchEntry* entries, const double* wide, uint32_t next,
                             uint32_t count, const Region* second) noexcept;
} // namespace detail

/**
 * Makes `count` additions as counter_add() does, but looks up the thread's place once. O(count). It stops at the first
 * addition that is refused, and returns its status; the earlier additions are made.
 * @param second the region of f64 counters for entries with kSecondRegion; if null, such entries are out of range.
 */
inline Status counter_add_many(const Region& region, const BatchEntry* entries, const double* wide, uint32_t count,
                               const Region* second = nullptr) noexcept {
  const BatchEntry* const end = entries + count;
  const BatchEntry* next = entries;
  if (__builtin_expect(region.is_direct && region.element == Element::i64 && count != 0, true)) {
    const Here place = libc_here();
    if (__builtin_expect(place.index < region.section_shards, true))
      next = load_add_store_each(place, word_at<int64_t>(region, place.index, 0), region.length, entries, end);
  }
  if (__builtin_expect(next == end, true))
    return Status::ok;
  return detail::counter_add_many_slow(region, entries, wide, static_cast<uint32_t>(next - entries), count, second);
}

/** The room for sums is a multiple of this number: the words of a shard's two cache lines. */
constexpr uint32_t kSumsAtOnce = kShardAlignment / sizeof(uint64_t);
static_assert(kSumsAtOnce % kSpanWords == 0);

/** How many sums an array for `count` sums must have room for. The rest is 0, and is added to the padding of a shard.
 */
inline uint64_t room_for_sums(uint64_t count) noexcept {
  return (count + kSumsAtOnce - 1) / kSumsAtOnce * kSumsAtOnce;
}

/** The number of CPUs on whose shards add_span() may run at libc_here(); 0 if it may not run on this region. */
uint32_t direct_span_shards(const Region& region) noexcept;

/**
 * Adds sums[i] to counter `i` and clears sums[i], for each `i` below `count`, as counter_add() does. O(count). It stops
 * at the first addition that is refused; that sum and all later ones keep their values.
 * @param sums has room for room_for_sums(count).
 * @param count at most region.length.
 */
Status counter_add_sums(const Region& region, int32_t* sums, uint32_t count) noexcept;

/** Converts a safe integer, which an i64 counter accepts, to `whole`. False if `delta` is not a safe integer. */
inline bool to_safe_integer(double delta, int64_t& whole) noexcept {
  constexpr double kMaxSafeInteger = 9007199254740991.0;
  // A NaN must fail this comparison: its conversion would be undefined.
  if (!(delta >= -kMaxSafeInteger && delta <= kMaxSafeInteger))
    return false;
  whole = static_cast<int64_t>(delta);
  return static_cast<double>(whole) == delta;
}

/**
 * The value of counter `i`, which must be below region.length. O(shards). It contains all additions that were finished
 * before the call, and may contain some of those made during the call.
 * @return ok, or the errors of see_shards() (extents.h): `sum` then lacks the shards that cannot be read.
 */
Status counter_sum(const Region& region, uint32_t i, int64_t& sum) noexcept;
Status counter_sum(const Region& region, uint32_t i, double& sum) noexcept;

/** counter_sum() for memory of this process alone, where no error is possible. */
int64_t counter_sum_i64(const Region& region, uint32_t i) noexcept;
double counter_sum_f64(const Region& region, uint32_t i) noexcept;

/**
 * Sets counter `i` to `value` and returns the old value in `held`. Every addition is either in `held` or on top of
 * `value`.
 *
 * For an i64 counter, the overflow word becomes `value` minus the sum of the shards, modulo 2^64, by compare-and-swap
 * against other setters; the shards stay unchanged. O(shards), without a system call.
 *
 * A difference of doubles would keep past rounding errors, and infinities, for ever. The shards of an f64 counter are
 * therefore emptied, and the overflow word becomes `value`. Meanwhile all f64 shards of the region are stopped, by one
 * word that the sections check and by a fence; additions go to the overflow shard without waiting. If the shards are
 * already empty, as those of a gauge that is only set, one compare-and-swap is enough.
 * @return ok; contended: the word changed under every attempt, or another setter did not let go; busy: as
 *     stop_shard(); unfenceable: the shards cannot be stopped and hold an infinity (if they hold none, the overflow
 *     word becomes the difference); corrupt or no_room: as counter_sum(). The counter is unchanged unless the result is
 * ok.
 */
Status counter_set(const Region& region, uint32_t i, int64_t value, int64_t& held) noexcept;
Status counter_set(const Region& region, uint32_t i, double value, double& held) noexcept;

/** Sets counter `i` to zero. */
inline Status counter_reset_i64(const Region& region, uint32_t i, int64_t& held) noexcept {
  return counter_set(region, i, int64_t{0}, held);
}
inline Status counter_reset_f64(const Region& region, uint32_t i, double& held) noexcept {
  return counter_set(region, i, 0.0, held);
}

} // namespace percpu

#endif // RSEQ_PERCPU_COUNTER_H
