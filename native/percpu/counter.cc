#include "counter.h"

#include "extents.h"
#include "remote.h"

#include <cstring>
#include <sched.h>

namespace percpu {
namespace {

/** Bounds the compare-and-swap loops. A try fails only if another thread's has succeeded. */
constexpr uint32_t kExchangeAttempts = 1u << 16;

template <typename To, typename From> To bit_cast(From from) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof(to));
  return to;
}

uint64_t load(const Region& region, uint32_t shard, uint32_t i) noexcept {
  return __atomic_load_n(word_at<uint64_t>(region, shard, i), __ATOMIC_RELAXED);
}

/**
 * Loads the overflow word. Readers must load it before the shards: a reset in between then counts as not done. In the
 * other order, a reader would subtract the reset from shards that it read before.
 */
uint64_t load_overflow(const Region& region, uint32_t i) noexcept {
  return __atomic_load_n(word_at<uint64_t>(region, region.shards, i), __ATOMIC_ACQUIRE);
}

/**
 * Three words behind the counters of the overflow shard, for setting counters of doubles:
 *
 *     kStop    the stop word of all shards (remote.h), which every section on doubles checks
 *     kSets    upper half: how many counters were set; lower half: the index plus 1 of the counter that is being set
 *     kValue   the value that it is being set to
 *
 * Readers see a set as done or not done, like readers of a sequence lock. If a setter ends in the middle, as a
 * terminated Worker on the portable backend may, the next owner of the stop word repeats its work from the beginning;
 * no reader uses the unfinished state before.
 */
enum SetWord : uint32_t { kStop, kSets, kValue };
static_assert(kValue + 1 == kSetWords);

uint64_t* set_word(const Region& region, SetWord word) noexcept {
  return word_at<uint64_t>(region, region.shards, region.length + word);
}

constexpr uint32_t kCountShift = 32;

/** The index plus 1 of the counter that is being set, or 0. */
uint32_t pending(uint64_t sets) noexcept {
  return static_cast<uint32_t>(sets);
}

/** How often a reader loads kSets before it becomes the owner. After the first loads it yields the CPU between two. */
constexpr uint32_t kLooks = 80;
constexpr uint32_t kLooksBeforeYield = 64;

/** Acquires and releases: a thread that sees the result of a reset sees shards at least as new as the reset did. */
bool exchange_if(uint64_t* word, uint64_t& expected, uint64_t desired) noexcept {
  return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/** Adds by an ordinary atomic. It wraps as the section does. */
Status add_atomically(uint64_t* word, int64_t delta) noexcept {
  __atomic_fetch_add(word, static_cast<uint64_t>(delta), __ATOMIC_RELAXED);
  return Status::ok;
}

Status add_atomically(uint64_t* word, double delta) noexcept {
  uint64_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
  for (uint32_t attempt = 0; attempt < kExchangeAttempts; attempt++) {
    const double sum = bit_cast<double>(seen) + delta;
    if (exchange_if(word, seen, bit_cast<uint64_t>(sum)))
      return Status::ok;
  }
  return Status::contended;
}

/** @param shard becomes the shard that it was added to. */
template <typename Number> Status add_slow(const Region& region, uint32_t i, Number delta, uint32_t& shard) noexcept {
  for (uint32_t attempt = 0; attempt < kAttempts; attempt++) {
    const Here place = here(region.index);
    if (!has_section(region, place.index))
      break;
    const Outcome outcome = detail::add_here(region, place, i, delta);
    shard = place.index;
    if (outcome == Outcome::done)
      return Status::ok;
    if (outcome == Outcome::compare_failed)
      break; // A counter of doubles is being set.
  }
  shard = shard_without_section(region);
  return add_atomically(word_at<uint64_t>(region, shard, i), delta);
}

/**
 * Sums the CPUs' shards, without the overflow shard. Returns the errors of see_shards(); `sum` then lacks the shards
 * that cannot be read.
 */
Status sum_shards(const Region& region, uint32_t i, int64_t& sum) noexcept {
  const Status status = see_shards(region);
  const uint32_t shards = shards_seen(region);
  uint64_t total = 0;
  for (uint32_t shard = 0; shard < shards; shard++)
    total += load(region, shard, i);
  sum = static_cast<int64_t>(total);
  return status;
}

Status sum_shards(const Region& region, uint32_t i, double& sum) noexcept {
  const Status status = see_shards(region);
  const uint32_t shards = shards_seen(region);
  sum = 0;
  for (uint32_t shard = 0; shard < shards; shard++)
    sum += bit_cast<double>(load(region, shard, i));
  return status;
}

int64_t plus(int64_t a, int64_t b) noexcept {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
double plus(double a, double b) noexcept {
  return a + b;
}
int64_t minus(int64_t a, int64_t b) noexcept {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
double minus(double a, double b) noexcept {
  return a - b;
}

double exchange_in(const Region& region, uint32_t shard, uint32_t i, double value) noexcept {
  const uint64_t left = bit_cast<uint64_t>(value);
  return bit_cast<double>(__atomic_exchange_n(word_at<uint64_t>(region, shard, i), left, __ATOMIC_RELAXED));
}

/** Empties the shards of a counter of doubles, stores `value`, and returns the old value. Only for the stop word's
 * owner, after see_shards(): shards that were allocated later are empty, as their sections see the stop word. */
double exchange_all(const Region& region, uint32_t i, double value) noexcept {
  const uint32_t shards = shards_seen(region);
  double held = 0;
  for (uint32_t shard = 0; shard < shards; shard++)
    held += exchange_in(region, shard, i, 0.0);
  return held + exchange_in(region, region.shards, i, value);
}

void end_set(const Region& region, uint64_t sets) noexcept {
  const uint64_t count = (sets >> kCountShift) + 1;
  __atomic_store_n(set_word(region, kSets), count << kCountShift, __ATOMIC_RELEASE);
}

/** Repeats the work of a setter that has ended in the middle. Only for the stop word's owner. */
void finish_set(const Region& region) noexcept {
  const uint64_t sets = __atomic_load_n(set_word(region, kSets), __ATOMIC_ACQUIRE);
  if (pending(sets) == 0)
    return;
  if (pending(sets) <= region.length)
    exchange_all(region, pending(sets) - 1,
                 bit_cast<double>(__atomic_load_n(set_word(region, kValue), __ATOMIC_RELAXED)));
  end_set(region, sets);
}

/** Sets a counter of doubles whose shards are empty. False if they are not. */
bool set_empty(const Region& region, uint32_t i, double value, double& held) noexcept {
  if (pending(__atomic_load_n(set_word(region, kSets), __ATOMIC_ACQUIRE)) != 0)
    return false;
  uint64_t seen = load_overflow(region, i);
  if (see_shards(region) != Status::ok)
    return false;
  const uint32_t shards = shards_seen(region);
  for (uint32_t shard = 0; shard < shards; shard++)
    if (load(region, shard, i) != 0)
      return false;
  held = bit_cast<double>(seen);
  return exchange_if(word_at<uint64_t>(region, region.shards, i), seen, bit_cast<uint64_t>(value));
}

/** Sets a counter of doubles whose shards are stopped. Only for the stop word's owner. */
Status set_stopped(const Region& region, uint32_t i, double value, double& held) noexcept {
  const Status status = see_shards(region);
  if (status != Status::ok)
    return status;
  finish_set(region);
  const uint64_t sets = __atomic_load_n(set_word(region, kSets), __ATOMIC_RELAXED);
  __atomic_store_n(set_word(region, kValue), bit_cast<uint64_t>(value), __ATOMIC_RELAXED);
  __atomic_store_n(set_word(region, kSets), sets | (i + uint64_t{1}), __ATOMIC_RELEASE);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  held = exchange_all(region, i, value);
  end_set(region, sets);
  return Status::ok;
}

/** The overflow word comes first: see load_overflow(). */
template <typename Number> Status sum_of_words(const Region& region, uint32_t i, Number& sum) noexcept {
  const Number overflow = bit_cast<Number>(load_overflow(region, i));
  const Status status = sum_shards(region, i, sum);
  sum = plus(sum, overflow);
  return status;
}

/** The sum of a counter of doubles, from words that it loaded without a set in between. */
Status sum_between_sets(const Region& region, uint32_t i, double& sum) noexcept {
  for (uint32_t look = 0; look < kLooks; look++) {
    const uint64_t before = __atomic_load_n(set_word(region, kSets), __ATOMIC_ACQUIRE);
    if (pending(before) == 0) {
      const Status status = sum_of_words(region, i, sum);
      __atomic_thread_fence(__ATOMIC_ACQUIRE);
      if (__atomic_load_n(set_word(region, kSets), __ATOMIC_RELAXED) == before)
        return status;
    }
    if (look >= kLooksBeforeYield)
      sched_yield();
  }
  // The setter may have ended. A thread that may not wait for it uses the words as they are.
  const Status status = as_owner(region, kEveryShard, set_word(region, kStop), [&] {
    const Status seen = see_shards(region);
    if (seen != Status::ok)
      return seen;
    finish_set(region);
    return sum_of_words(region, i, sum);
  });
  return status == Status::ok ? status : sum_of_words(region, i, sum);
}

bool is_finite_sum(int64_t) noexcept {
  return true;
}
bool is_finite_sum(double number) noexcept {
  return number - number == 0;
}

/** Sets a counter by its overflow word alone; unfenceable if that cannot be done. */
template <typename Number>
Status set_by_difference(const Region& region, uint32_t i, Number value, Number& held) noexcept {
  uint64_t* overflow = word_at<uint64_t>(region, region.shards, i);
  uint64_t seen = load_overflow(region, i);
  for (uint32_t attempt = 0; attempt < kExchangeAttempts; attempt++) {
    Number shards;
    const Status status = sum_shards(region, i, shards);
    if (status != Status::ok)
      return status;
    held = plus(shards, bit_cast<Number>(seen));
    if (!is_finite_sum(minus(value, shards)))
      return Status::unfenceable;
    if (exchange_if(overflow, seen, bit_cast<uint64_t>(minus(value, shards))))
      return Status::ok;
  }
  return Status::contended;
}

/**
 * One addition of a batch, in all cases: wide deltas, doubles, the second region, elements out of range, aborts.
 */
Status add_entry(const Region& region, const Region* second, const BatchEntry& entry, double wide) noexcept {
  if ((entry.element & kSecondRegion) != 0)
    return second != nullptr ? counter_add(*second, entry.element & ~kSecondRegion, wide) : Status::out_of_range;
  const bool is_wide = (entry.element & kWideDelta) != 0;
  const uint32_t i = entry.element & ~kWideDelta;
  if (region.element == Element::f64)
    return counter_add(region, i, is_wide ? wide : static_cast<double>(entry.delta));
  int64_t delta = entry.delta;
  if (is_wide && !to_safe_integer(wide, delta))
    return Status::bad_value;
  return counter_add(region, i, delta);
}

/** Whether add_span() may run on the region: not if its memory was moved and lost its alignment. */
bool takes_spans(const Region& region) noexcept {
  return region.element == Element::i64 && reinterpret_cast<uintptr_t>(region.first_shard) % kSpanAlignment == 0;
}

Status add_sum(const Region& region, uint32_t i, int32_t sum) noexcept {
  return region.element == Element::i64 ? counter_add(region, i, int64_t{sum})
                                        : counter_add(region, i, static_cast<double>(sum));
}

} // namespace

uint32_t direct_span_shards(const Region& region) noexcept {
  return region.direct_length != 0 && takes_spans(region) ? region.section_shards : 0;
}

Status counter_add_sums(const Region& region, int32_t* sums, uint32_t count) noexcept {
  const auto end = static_cast<uint32_t>(room_for_sums(count));
  uint32_t next = 0;
  for (uint32_t attempt = 0; attempt < kAttempts && next < end && takes_spans(region); attempt++) {
    const Here place = here(region.index);
    if (!has_section(region, place.index))
      break;
    next = add_span(place, word_at<int64_t>(region, place.index, 0), sums, next, end);
  }
  for (; next < count; next++) {
    const Status status = sums[next] != 0 ? add_sum(region, next, sums[next]) : Status::ok;
    if (status != Status::ok)
      return status;
    sums[next] = 0;
  }
  return Status::ok;
}

Status detail::counter_add_many_slow(const Region& region, const BatchEntry* entries, const double* wide, uint32_t next,
                                     uint32_t count, const Region* second) noexcept {
  for (uint32_t k = next; k < count; k++) {
    // Looked up once for a run of usual additions. The sections detect a place that is no longer right.
    const Here place = here(region.index);
    if (region.element == Element::i64 && has_section(region, place.index)) {
      int64_t* words = word_at<int64_t>(region, place.index, 0);
      // The element of a wide delta is out of range, too, so one comparison finds all unusual entries.
      k = static_cast<uint32_t>(load_add_store_each(place, words, region.length, entries + k, entries + count) -
                                entries);
      if (k == count)
        break;
    }
    const Status status = add_entry(region, second, entries[k], wide[k]);
    if (status != Status::ok)
      return status;
  }
  return Status::ok;
}

namespace detail {
Status counter_add_slow(const Region& region, uint32_t i, int64_t delta) noexcept {
  uint32_t shard;
  return add_slow(region, i, delta, shard);
}
Status counter_add_slow(const Region& region, uint32_t i, double delta) noexcept {
  uint32_t shard;
  return add_slow(region, i, delta, shard);
}
uint32_t counter_add_somewhere(const Region& region, uint32_t i, int64_t delta) noexcept {
  uint32_t shard;
  add_slow(region, i, delta, shard); // Whole numbers are never refused.
  return shard;
}
} // namespace detail

Status counter_sum(const Region& region, uint32_t i, int64_t& sum) noexcept {
  return sum_of_words(region, i, sum);
}
Status counter_sum(const Region& region, uint32_t i, double& sum) noexcept {
  return sum_between_sets(region, i, sum);
}
int64_t counter_sum_i64(const Region& region, uint32_t i) noexcept {
  int64_t sum;
  counter_sum(region, i, sum);
  return sum;
}
double counter_sum_f64(const Region& region, uint32_t i) noexcept {
  double sum = 0;
  counter_sum(region, i, sum);
  return sum;
}
Status counter_set(const Region& region, uint32_t i, int64_t value, int64_t& held) noexcept {
  return set_by_difference(region, i, value, held);
}
Status counter_set(const Region& region, uint32_t i, double value, double& held) noexcept {
  if (set_empty(region, i, value, held))
    return Status::ok;
  const Status status =
      as_owner(region, kEveryShard, set_word(region, kStop), [&] { return set_stopped(region, i, value, held); });
  return status == Status::unfenceable ? set_by_difference(region, i, value, held) : status;
}

} // namespace percpu
