/**
 * @file
 * An array of words for each CPU, from which users build their own structures.
 *
 *     word 0   the stop word (remote.h)
 *     word 1…  the array's words: whole numbers of 64 bits, of 32 bits with their sign extended, or doubles
 *
 * An operation is one critical section on a word of this CPU's shard, which checks the stop word inside and returns the
 * old value of the word. Threads without rseq, threads aborted kAttempts times in a row, and threads whose CPU is
 * stopped use the overflow shard, an array behind a lock. Each operation takes effect on one shard, and returns which.
 * If atomics write the region, every shard is behind its lock.
 *
 * All functions are thread-safe. A change of a word has release order and a load has acquire order: a thread that sees
 * a value sees all stores that its writer made before.
 */
#ifndef RSEQ_PERCPU_ARRAY_H
#define RSEQ_PERCPU_ARRAY_H

#include "../rseq/thread.h"
#include "region.h"
#include "status.h"

#include <cstring>

namespace percpu {

/** Words of a shard before the array's. */
constexpr uint32_t kArrayHead = 1;

/** How many words each CPU has. */
inline uint32_t array_length(const Region& region) noexcept {
  return region.length - kArrayHead;
}

/** A shard's stop word. */
inline uint64_t* array_stop_word(const Region& region, uint32_t shard) noexcept {
  return word_at<uint64_t>(region, shard, 0);
}

/** The operations on a word. The numbers are part of the binding: src/core/layout.ts has the same ones. */
enum class Act : uint32_t {
  load = 0,
  exchange = 1,         ///< The word becomes `operand`.
  add = 2,              ///< Wraps at the element's width; doubles are added as such.
  compare_exchange = 3, ///< The word becomes `operand` if it is `expected`, bit for bit.
};

/** An operation on a word. Its values are bits of a word. */
struct WordAct {
  Act act;
  int64_t operand;
  int64_t expected; ///< For compare_exchange.
};

/** The result of an operation. */
struct ActAnswer {
  uint32_t shard; ///< The changed shard; region.shards is the overflow shard.
  int64_t before; ///< The old value of the word.
};

/** array_act() on a shard that the calling thread has stopped. Returns as array_act(), or not_owner. */
Status array_act_on(const Region& region, uint32_t shard, uint32_t i, const WordAct& act, int64_t& before) noexcept;

/** Loads word `i` of a shard; `shard` is at most region.shards. Acquire order. Returns ok, out_of_range or corrupt. */
Status array_get(const Region& region, uint32_t shard, uint32_t i, int64_t& word) noexcept;

/**
 * Stops a CPU's array for all other threads, until array_resume(). O(1) and a fence.
 * @return as stop_shard(); out_of_range: there is no such shard. region.shards is the overflow shard.
 */
Status array_stop(const Region& region, uint32_t shard) noexcept;

/** Resumes an array that the calling thread stopped. Returns ok or not_owner. */
Status array_resume(const Region& region, uint32_t shard) noexcept;

/** The value of `word` after `act`. */
int64_t acted(Element element, int64_t word, const WordAct& act) noexcept;

/** Whether a word is a valid element: false only for an i32 of more than 32 bits. */
inline bool is_sound(Element element, int64_t word) noexcept {
  return element != Element::i32 || word == static_cast<int32_t>(word);
}

/** The bits of a double. NaNs have one canonical form. */
inline int64_t word_of_double(double value) noexcept {
  constexpr int64_t kNaN = 0x7ff8000000000000;
  int64_t word;
  memcpy(&word, &value, sizeof(word));
  return value == value ? word : kNaN;
}

/** The place of word `i`, which is below region.direct_length, for one attempt whose last call is the section. */
struct WordPlace {
  Area* area;
  uint32_t index;
  int64_t* stop;
  int64_t* word;
};

inline WordPlace word_place(const Region& region, Area* area, uint64_t index, uint32_t i) noexcept {
  int64_t* words = word_at<int64_t>(region, index, 0);
  return {area, static_cast<uint32_t>(index), words, words + kArrayHead + i};
}

/** One section for regions of whole numbers. Returns the old value as a number, or a NaN if the word is unchanged. */
inline double array_add_directly(const WordPlace& at, int64_t delta) noexcept {
  return asm_sections::rseq_load_cbne_load_add_store_number_cpu_id(at.area, at.index, at.word, at.stop, delta);
}
inline double array_add_i32_directly(const WordPlace& at, int64_t delta) noexcept {
  return asm_sections::rseq_load_cbne_load_add_store_i32_number_cpu_id(at.area, at.index, at.word, at.stop, delta);
}
inline double array_exchange_directly(const WordPlace& at, int64_t* into, int64_t value) noexcept {
  return asm_sections::rseq_load_cbne_load_store_number_cpu_id(at.area, at.index, at.word, at.stop, into, value);
}
inline double array_compare_exchange_directly(const WordPlace& at, int64_t expected, int64_t value) noexcept {
  return asm_sections::rseq_load_cbne_load_cbne_store_taken_number_cpu_id(at.area, at.index, at.word, at.stop, expected,
                                                                          value);
}

/** One section that applies `act`, for regions of any element type. A load commits into the caller's `aside`. */
inline TakenWord array_section(Element element, const Here& here, int64_t* word, int64_t* stop, const WordAct& act,
                               int64_t* aside) noexcept {
  switch (act.act) {
  case Act::load:
    return load_cbne_load_store(here, word, stop, aside, 0);
  case Act::exchange:
    return load_cbne_load_store(here, word, stop, word, act.operand);
  case Act::compare_exchange:
    return load_cbne_load_cbne_store_taken(here, word, stop, act.expected, act.operand);
  case Act::add:
    break;
  }
  if (element == Element::f64)
    return load_cbne_load_add_store_f64(here, reinterpret_cast<double*>(word), stop, double_of_word(act.operand));
  return element == Element::i32 ? load_cbne_load_add_store_i32(here, word, stop, act.operand)
                                 : load_cbne_load_add_store(here, word, stop, act.operand);
}

namespace detail {
/** The rest of array_act(): more attempts, then the overflow shard, or the reason for a refusal. */
Status array_act_slow(const Region& region, uint32_t i, const WordAct& act, ActAnswer& answer) noexcept;
} // namespace detail

/** ok if is_sound(), else corrupt. */
inline Status soundness(const Region& region, int64_t word) noexcept {
  return __builtin_expect(is_sound(region.element, word), true) ? Status::ok : Status::corrupt;
}

/**
 * Applies `act` to word `i`, below array_length(), on the calling thread's CPU. O(1): at most kAttempts + 1 sections,
 * then the overflow shard.
 * @return ok; corrupt: an i32's word held more than 32 bits, and the operation was applied; contended (the overflow
 *     shard); out_of_range.
 */
inline Status array_act(const Region& region, uint32_t i, const WordAct& act, ActAnswer& answer) noexcept {
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(i < region.direct_length && index < region.section_shards, true)) {
    const WordPlace at = word_place(region, place.area, index, i);
    int64_t aside = 0;
    const TakenWord taken =
        array_section(region.element, {at.area, at.index, Index::cpu_id}, at.word, at.stop, act, &aside);
    if (__builtin_expect(taken.outcome == Outcome::done, true)) {
      answer = {at.index, taken.word};
      return soundness(region, taken.word);
    }
  }
  return detail::array_act_slow(region, i, act, answer);
}

} // namespace percpu

#endif // RSEQ_PERCPU_ARRAY_H
