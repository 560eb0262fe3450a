#include "counter.h"

#include <cstring>

namespace rseq {
namespace {

/** Bounds the compare-and-swap loops. One fails only when another thread's has succeeded. */
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
 * The overflow word, to be read before the shards. A reset in between then shows as not yet done; read
 * the other way round, it would be taken off shards that are older than it.
 */
uint64_t load_overflow(const Region& region, uint32_t i) noexcept {
  return __atomic_load_n(word_at<uint64_t>(region, region.shards, i), __ATOMIC_ACQUIRE);
}

/** Acquires and releases, so that who sees a reset's result sees shards no older than the reset did. */
bool exchange_if(uint64_t* word, uint64_t& expected, uint64_t desired) noexcept {
  return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/** Adds by an ordinary atomic. Wraps like the section does: unsigned arithmetic. */
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

template <typename Number> Status add_slow(const Region& region, uint32_t i, Number delta) noexcept {
  for (uint32_t attempt = 0; attempt < kAttempts; attempt++) {
    const Here place = here(region.index);
    if (place.index >= region.section_shards)
      break;
    if (detail::add_here(region, place, i, delta) == Outcome::done)
      return Status::ok;
  }
  return add_atomically(word_at<uint64_t>(region, shard_without_section(region), i), delta);
}

/** The sum over the CPUs' shards, without the overflow shard. */
int64_t sum_shards(const Region& region, uint32_t i, int64_t) noexcept {
  uint64_t sum = 0;
  for (uint32_t shard = 0; shard < region.shards; shard++)
    sum += load(region, shard, i);
  return static_cast<int64_t>(sum);
}

double sum_shards(const Region& region, uint32_t i, double) noexcept {
  double sum = 0;
  for (uint32_t shard = 0; shard < region.shards; shard++)
    sum += bit_cast<double>(load(region, shard, i));
  return sum;
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

template <typename Number> Number sum(const Region& region, uint32_t i) noexcept {
  const Number overflow = bit_cast<Number>(load_overflow(region, i));
  return plus(sum_shards(region, i, Number{}), overflow);
}

template <typename Number> Status set(const Region& region, uint32_t i, Number value, Number& held) noexcept {
  uint64_t* overflow = word_at<uint64_t>(region, region.shards, i);
  uint64_t seen = load_overflow(region, i);
  for (uint32_t attempt = 0; attempt < kExchangeAttempts; attempt++) {
    const Number shards = sum_shards(region, i, Number{});
    held = plus(shards, bit_cast<Number>(seen));
    if (exchange_if(overflow, seen, bit_cast<uint64_t>(minus(value, shards))))
      return Status::ok;
  }
  return Status::contended;
}

/**
 * One addition of a batch in every case that may be: wide deltas, doubles, the second region, elements
 * out of range, aborts.
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

/** Whether add_span() may be used: not where something has moved the region in memory. */
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
    if (place.index >= region.section_shards)
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
    // Looked up once for a run of usual additions. Should it become wrong, the sections see that.
    const Here place = here(region.index);
    if (region.element == Element::i64 && place.index < region.section_shards) {
      int64_t* words = word_at<int64_t>(region, place.index, 0);
      // A wide delta's element is out of range, too: one comparison finds everything unusual.
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
  return add_slow(region, i, delta);
}
Status counter_add_slow(const Region& region, uint32_t i, double delta) noexcept {
  return add_slow(region, i, delta);
}
} // namespace detail

int64_t counter_sum_i64(const Region& region, uint32_t i) noexcept {
  return sum<int64_t>(region, i);
}
double counter_sum_f64(const Region& region, uint32_t i) noexcept {
  return sum<double>(region, i);
}
Status counter_set(const Region& region, uint32_t i, int64_t value, int64_t& held) noexcept {
  return set(region, i, value, held);
}
Status counter_set(const Region& region, uint32_t i, double value, double& held) noexcept {
  return set(region, i, value, held);
}

} // namespace rseq
