/**
 * @file
 * The hot operations on arrays of words. Each returns the old value of the word, and notes in the seat where it ran.
 *
 * A word of doubles may hold a NaN, so a caller that gets a NaN reads the note: a shard (0 or more), kInOverflow,
 * kNotDone, or a negated Status.
 */
#ifndef RSEQ_ADDON_ARRAY_OPERATIONS_H
#define RSEQ_ADDON_ARRAY_OPERATIONS_H

#include "handles.h"

namespace percpu {
namespace addon {

/** Notes that are neither a shard nor a -Status. src/core/layout.ts has the same numbers. */
constexpr int32_t kInOverflow = -1;
constexpr int32_t kNotDone = -2; ///< One attempt failed: call array_act().

/**
 * Converts a number to a word of the element type. A word of whole numbers accepts safe integers only; an i32 keeps
 * their lowest 32 bits.
 * @return false if the element type cannot hold the number.
 */
inline bool to_word(Element element, double value, int64_t& word) noexcept {
  if (element == Element::f64) {
    word = word_of_double(value);
    return true;
  }
  if (!to_safe_integer(value, word))
    return false;
  if (element == Element::i32)
    word = static_cast<int32_t>(word);
  return true;
}

inline double from_word(Element element, int64_t word) noexcept {
  return element == Element::f64 ? double_of_word(word) : static_cast<double>(word);
}

/**
 * Applies an Act to word `i` of this CPU, with repeated attempts and the overflow shard.
 * @return the old value, or a NaN if it was refused: the note then has the reason.
 */
double array_act(uint32_t handle, uint32_t act, uint32_t i, double operand, double expected) noexcept;

/** Applies an Act to word `i` of a shard that the calling thread has stopped. Returns as array_act(). */
double array_act_on(uint32_t handle, uint32_t shard, uint32_t act, uint32_t i, double operand,
                    double expected) noexcept;

/** array_act() out of line, for functions of one attempt whose fast path does not apply. */
double array_act_otherwise(uint32_t handle, Act act, uint32_t i, double operand, double expected) noexcept;

/**
 * One attempt on an array of doubles, on the CPU `index`. It cannot be the last call of its caller, as a section's NaN
 * must be told from a stored one after the section.
 */
double array_try_double(const ArraySeat* seat, uint32_t index, uint32_t i, Act act, double operand,
                        double expected) noexcept;

/** Finds the place for one attempt. False if the fast path does not apply to this thread and region. */
inline bool find_place(const ArraySeat* seat, uint32_t i, WordPlace& place) noexcept {
  if (__builtin_expect(seat == nullptr || i >= seat->region.direct_length, false))
    return false;
  const Here now = libc_here();
  const uint64_t index = now.index;
  if (__builtin_expect(index >= seat->region.section_shards, false))
    return false;
  // Noted before the section, as a function whose last call is the section cannot do anything after it.
  seat->notes->shard = static_cast<int32_t>(index);
  place = word_place(seat->region, now.area, index, i);
  return true;
}

/** array_try_add_int32() for arrays that are not of i64, and where the fast path does not apply. */
double array_try_add_int32_otherwise(uint32_t handle, uint32_t i, int32_t delta) noexcept;

/** One attempt to add a 32-bit delta to a word. Returns the old value, or a NaN if it was not added. */
inline double array_try_add_int32(uint32_t handle, uint32_t i, int32_t delta) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  WordPlace place;
  // A tail call with equal arguments for all other cases: this function then saves fewer registers.
  if (__builtin_expect(seat == nullptr || seat->region.element != Element::i64 || !find_place(seat, i, place), false))
    return array_try_add_int32_otherwise(handle, i, delta);
  return array_add_directly(place, delta);
}

/** One attempt to add any number. Returns the old value, or a NaN. */
inline double array_try_add(uint32_t handle, uint32_t i, double delta) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  WordPlace place;
  int64_t word;
  if (__builtin_expect(!find_place(seat, i, place) || !to_word(seat->region.element, delta, word), false))
    return array_act_otherwise(handle, Act::add, i, delta, 0);
  if (seat->region.element == Element::f64)
    return array_try_double(seat, place.index, i, Act::add, delta, 0);
  return seat->region.element == Element::i64 ? array_add_directly(place, word) : array_add_i32_directly(place, word);
}

/** One attempt to exchange a word. Returns the old value, or a NaN. */
inline double array_try_exchange(uint32_t handle, uint32_t i, double value) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  WordPlace place;
  int64_t word;
  if (__builtin_expect(!find_place(seat, i, place) || !to_word(seat->region.element, value, word), false))
    return array_act_otherwise(handle, Act::exchange, i, value, 0);
  if (seat->region.element == Element::f64)
    return array_try_double(seat, place.index, i, Act::exchange, value, 0);
  return array_exchange_directly(place, place.word, word);
}

/** One attempt to replace `expected` by `desired`. Returns the old value, or a NaN. */
inline double array_try_compare_exchange(uint32_t handle, uint32_t i, double expected, double desired) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  WordPlace place;
  int64_t compared, word;
  if (__builtin_expect(!find_place(seat, i, place) || !to_word(seat->region.element, expected, compared) ||
                           !to_word(seat->region.element, desired, word),
                       false))
    return array_act_otherwise(handle, Act::compare_exchange, i, desired, expected);
  if (seat->region.element == Element::f64)
    return array_try_double(seat, place.index, i, Act::compare_exchange, desired, expected);
  return array_compare_exchange_directly(place, compared, word);
}

/** One attempt to load a word. Returns it, or a NaN. */
inline double array_try_load(uint32_t handle, uint32_t i) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  WordPlace place;
  if (__builtin_expect(!find_place(seat, i, place), false))
    return array_act_otherwise(handle, Act::load, i, 0, 0);
  if (seat->region.element == Element::f64)
    return array_try_double(seat, place.index, i, Act::load, 0, 0);
  return array_exchange_directly(place, &seat->notes->aside, 0);
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_ARRAY_OPERATIONS_H
