/**
 * @file
 * When an event of a trace is recorded: its switch, and the block beside the events' definition that has its filter.
 * The layout is that of src/trace/controls.ts. Every byte is shared with other processes and may be wrong.
 */
#ifndef RSEQ_PERCPU_TRACE_SWITCH_H
#define RSEQ_PERCPU_TRACE_SWITCH_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <sched.h>

namespace percpu::trace {

/** Bytes of the block of a kind of records. */
constexpr uint32_t kControlBytes = 160;
/** Words that count a kind's records of this second, one for a CPU. */
constexpr uint32_t kRateWords = 256;
/** The most terms of a filter. */
constexpr uint32_t kMostTerms = 8;
/** Switches from here on say that the block has more. */
constexpr uint32_t kBlockBit = 1u << 31;

namespace detail {

/** FNV-1a of 32 bits. */
constexpr uint32_t hash_byte(uint32_t hash, unsigned char byte) noexcept {
  return (hash ^ byte) * 0x01000193u;
}

template <typename Word> Word word_in(const unsigned char* bytes) noexcept {
  Word word;
  memcpy(&word, bytes, sizeof(word));
  return word;
}

} // namespace detail

/** What a thread knows of an event's switch. Not thread-safe: each thread has its own. */
class Switch {
public:
  Switch() = default;

  /**
   * @param at the switch, in the events' memory.
   * @param block_at the event's block there.
   * @param rates_at the event's kRateWords words there.
   */
  Switch(const uint32_t* at, const unsigned char* block_at, uint32_t* rates_at) noexcept
      : word(at), block(block_at), rates(rates_at) {}

  /** The switch itself: 0 if the event is off, 1 if all are recorded, else ask passes(). One load. */
  uint32_t load() const noexcept { return __atomic_load_n(word, __ATOMIC_RELAXED); }

  /**
   * Whether an event is recorded. O(terms of its filter).
   * @param now what load() has returned.
   * @param value returns the number of the field at a position, NaN for a field without one.
   */
  template <typename Value> bool passes(uint32_t now, const Value& value) noexcept {
    if (now != known || !is_known)
      is_known = learn(now);
    return is_known && passes_filter(value) && (sample <= 1 || ++calls % sample == 0) &&
           (per_second == 0 || is_within_rate());
  }

private:
  struct Term {
    uint8_t field;
    uint8_t comparison;
    uint8_t is_alternative;
    double value;
  };

  /** Copies what the switch says, and checks the copy. False while the block does not fit the switch. */
  bool learn(uint32_t now) noexcept {
    known = now;
    sample = now;
    per_second = count = 0;
    if (now < kBlockBit)
      return true;
    unsigned char copy[kControlBytes];
    memcpy(copy, block, sizeof(copy));
    uint32_t hash = now;
    for (uint32_t k = 12; k < kControlBytes; k++)
      hash = detail::hash_byte(hash, copy[k]);
    sample = detail::word_in<uint32_t>(copy + 12);
    per_second = detail::word_in<uint32_t>(copy + 16);
    count = detail::word_in<uint32_t>(copy + 20);
    if (hash != detail::word_in<uint32_t>(copy + 8) || sample == 0 || count > kMostTerms || per_second > kMostRate)
      return false;
    for (uint32_t k = 0; k < count; k++) {
      const unsigned char* from = copy + 32 + 16 * static_cast<size_t>(k);
      terms[k] = {from[0], from[1], from[2], detail::word_in<double>(from + 8)};
    }
    return true;
  }

  static bool compares(uint8_t comparison, long double given, double value) noexcept {
    switch (comparison) {
    case 0:
      return given == value;
    case 1:
      return given != value;
    case 2:
      return given < value;
    case 3:
      return given <= value;
    case 4:
      return given > value;
    case 5:
      return given >= value;
    default:
      return false;
    }
  }

  template <typename Value> bool passes_filter(const Value& value) const noexcept {
    bool passes = true;
    for (uint32_t k = 0; k < count; k++) {
      const Term& term = terms[k];
      if (term.is_alternative == 1) {
        if (passes)
          return true;
        passes = true;
      }
      passes = passes && compares(term.comparison, value(term.field), term.value);
    }
    return passes;
  }

  /** Counts a record of this second on this CPU, unless there were as many as allowed. At most kAttempts attempts. */
  bool is_within_rate() noexcept {
    constexpr uint32_t kAttempts = 8;
    const int cpu = sched_getcpu();
    uint32_t* const at = rates + (cpu < 0 ? 0 : static_cast<uint32_t>(cpu) % kRateWords);
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint32_t second = static_cast<uint32_t>(now.tv_sec) << kRateBits;
    for (uint32_t attempt = 0; attempt < kAttempts; attempt++) {
      uint32_t seen = __atomic_load_n(at, __ATOMIC_RELAXED);
      const uint32_t before = seen >> kRateBits == second >> kRateBits ? seen - second : 0;
      if (before >= per_second)
        return false;
      if (__atomic_compare_exchange_n(at, &seen, second + before + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return true;
    }
    return false;
  }

  static constexpr uint32_t kRateBits = 20;
  static constexpr uint32_t kMostRate = (1u << kRateBits) - 1;

  const uint32_t* word = nullptr;
  const unsigned char* block = nullptr;
  uint32_t* rates = nullptr;
  uint32_t known = 0;
  bool is_known = false;
  uint32_t sample = 0;
  uint32_t per_second = 0;
  uint32_t calls = 0;
  uint32_t count = 0;
  Term terms[kMostTerms] = {};
};

} // namespace percpu::trace

#endif // RSEQ_PERCPU_TRACE_SWITCH_H
