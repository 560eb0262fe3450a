/**
 * @file
 * Counters on a region: one word per counter and shard, the value is the sum over all shards.
 *
 * Adding is one critical section on this CPU's word. After kAttempts aborts in a row (a debugger's
 * single step, a storm of signals) and on threads without rseq, the addition goes to the overflow
 * shard by an ordinary atomic: nothing retries for ever, and nothing is lost.
 *
 * All functions are thread-safe and may run at once in any number of threads and processes. Order is
 * relaxed: a counter publishes nothing but itself.
 */
#ifndef RSEQ_PERCPU_COUNTER_H
#define RSEQ_PERCPU_COUNTER_H

#include "../rseq/spans.h"
#include "../rseq/thread.h"
#include "region.h"
#include "status.h"

namespace rseq {

/** How often an addition is tried on the CPU's own shard. Aborts are rare: two in a row are already one in millions. */
constexpr uint32_t kAttempts = 8;

namespace detail {
/** The rest of counter_add: more attempts, then the overflow shard. */
Status counter_add_slow(const Region& region, uint32_t i, int64_t delta) noexcept;
Status counter_add_slow(const Region& region, uint32_t i, double delta) noexcept;

inline Outcome add_here(const Region& region, const Here& here, uint32_t i, int64_t delta) noexcept {
  return load_add_store(here, word_at<int64_t>(region, here.index, i), delta);
}
inline Outcome add_here(const Region& region, const Here& here, uint32_t i, double delta) noexcept {
  return load_add_store_f64(here, word_at<double>(region, here.index, i), delta);
}
} // namespace detail

/**
 * One try to add `delta` to counter `i` on this CPU's shard. False if nothing was added, for whatever
 * reason: then counter_add() finds out.
 */
template <typename Number> inline bool counter_try_add(const Region& region, uint32_t i, Number delta) noexcept {
  const Here place = here(region.index);
  return __builtin_expect(i < region.length, true) && __builtin_expect(place.index < region.section_shards, true) &&
         __builtin_expect(detail::add_here(region, place, i, delta) == Outcome::done, true);
}

/** What counter_add_directly() answers where there is no section that could have run. */
constexpr Outcome kNoDirectWay = Outcome::moved;

/**
 * counter_try_add() in the shortest way there is, for regions and elements with `i < direct_length`: it
 * ends in the section itself, with nothing to put back after it.
 */
template <typename Number>
inline Outcome counter_add_directly(const Region& region, uint32_t i, Number delta) noexcept {
  const Here place = libc_here();
  return __builtin_expect(place.index < region.section_shards, true) ? detail::add_here(region, place, i, delta)
                                                                     : kNoDirectWay;
}

/**
 * Adds `delta` to counter `i`; wraps at 64 bits. Wait-free: O(1), at most kAttempts + 1 sections and one
 * atomic. `Number` is int64_t where the element is i64, double where it is f64.
 */
template <typename Number> inline Status counter_add(const Region& region, uint32_t i, Number delta) noexcept {
  const bool is_direct = i < region.direct_length;
  if (__builtin_expect(is_direct, true) &&
      __builtin_expect(counter_add_directly(region, i, delta) == Outcome::done, true))
    return Status::ok;
  if (!is_direct && counter_try_add(region, i, delta))
    return Status::ok;
  return i < region.length ? detail::counter_add_slow(region, i, delta) : Status::out_of_range;
}

/**
 * One addition of a batch. A delta that is no 32-bit integer stands in the batch's array of doubles
 * at the entry's position, and kWideDelta in `element` says so: a region's length leaves that bit free.
 */
using BatchEntry = Addition;
constexpr uint32_t kWideDelta = 1u << 31;

/** In `element`: the delta is wide, and for a counter of the second region. No length reaches that bit, either. */
constexpr uint32_t kSecondRegion = 1u << 30;

namespace detail {
/** The rest of counter_add_many(): the additions from `next` on. */
Status counter_add_many_slow(const Region& region, const BatchEntry* entries, const double* wide, uint32_t next,
                             uint32_t count, const Region* second) noexcept;
} // namespace detail

/**
 * Makes `count` additions, each as counter_add() would; the thread's place is looked up once for all.
 * O(count). The first that is refused ends it: those before it are made. `second` is the region of f64
 * counters that entries with kSecondRegion mean; without one they are out of range.
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

/** Room for sums comes in portions of so many: the words of a shard's two cache lines. */
constexpr uint32_t kSumsAtOnce = kShardAlignment / sizeof(uint64_t);
static_assert(kSumsAtOnce % kSpanWords == 0);

/** How many sums there is room for where there are `count`. Those after them are 0, and added to what pads a shard. */
inline uint64_t room_for_sums(uint64_t count) noexcept {
  return (count + kSumsAtOnce - 1) / kSumsAtOnce * kSumsAtOnce;
}

/** The CPUs whose shards add_span() may be used on in the shortest way, by libc_here(); 0 if it may not. */
uint32_t direct_span_shards(const Region& region) noexcept;

/**
 * Adds sums[i] to counter `i` and clears it, for `i` below `count`, as counter_add() would. O(count), which is at most
 * region.length; `sums` has room_for_sums(). The first that is refused ends it: it and those after it keep their sums.
 */
Status counter_add_sums(const Region& region, int32_t* sums, uint32_t count) noexcept;

/** Whether an i64 counter takes `delta`: what JavaScript calls a safe integer. Then `whole` is it. */
inline bool to_safe_integer(double delta, int64_t& whole) noexcept {
  constexpr double kMaxSafeInteger = 9007199254740991.0;
  // Written so that NaN fails it: only then is the conversion defined.
  if (!(delta >= -kMaxSafeInteger && delta <= kMaxSafeInteger))
    return false;
  whole = static_cast<int64_t>(delta);
  return static_cast<double>(whole) == delta;
}

/**
 * The value of counter `i`, which must be below region.length. O(shards). Exact when nobody adds
 * meanwhile; otherwise it holds every addition finished before the call, and may hold later ones.
 */
int64_t counter_sum_i64(const Region& region, uint32_t i) noexcept;
double counter_sum_f64(const Region& region, uint32_t i) noexcept;

/**
 * Sets counter `i` to `value` and hands back what it held, so that every addition is either in what one
 * setter got or on top of `value`. Shards are left alone: the overflow word becomes `value` less their
 * sum, by compare-and-swap against other setters. Exact for i64 (modulo 2^64); an f64 counter then
 * shows `value` with the rounding of that difference, exactly where nothing was added to its shards.
 * `Number` is int64_t where the element is i64, double where it is f64.
 * @return Status::contended if the word changed under every attempt; then nothing was done.
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

} // namespace rseq

#endif // RSEQ_PERCPU_COUNTER_H
