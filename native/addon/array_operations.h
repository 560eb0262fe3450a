/**
 * @file
 * The hot operations on arrays of words. Each answers what the word held, and notes in the seat where it was made.
 *
 * A NaN is a word of doubles, too. So who asks for one looks at the note: a shard from 0 on, kInOverflow, kNotDone, or
 * a Status below 0.
 */
#ifndef RSEQ_ADDON_ARRAY_OPERATIONS_H
#define RSEQ_ADDON_ARRAY_OPERATIONS_H

#include "handles.h"

namespace rseq {
namespace addon {

/** Notes beside a shard's number and -Status. src/layout.ts has them, too. */
constexpr int32_t kInOverflow = -1;
constexpr int32_t kNotDone = -2; ///< An attempt failed: array_act() does it.

/**
 * A number as the element's word. Whole numbers must be safe integers; an i32 keeps the lowest 32 bits of one. False if
 * it has no such word.
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

/** Does an Act to word `i` of this CPU, whatever it takes. A NaN if it was refused: then the note says why. */
double array_act(uint32_t handle, uint32_t act, uint32_t i, double operand, double expected) noexcept;

/** The same to a word of a shard that the calling thread has stopped. */
double array_act_on(uint32_t handle, uint32_t shard, uint32_t act, uint32_t i, double operand,
                    double expected) noexcept;

/** What a function of one attempt answers where the shortest way is not open: as array_act(). */
double array_act_otherwise(uint32_t handle, Act act, uint32_t i, double operand, double expected) noexcept;

/**
 * One attempt on an array of doubles, at the CPU `index`. Not the end of a function that ends in a section: whose NaN
 * it is, must be noted after it.
 */
double array_try_double(const ArraySeat* seat, uint32_t index, uint32_t i, Act act, double operand,
                        double expected) noexcept;

/** Where one attempt may be made. False if the shortest way is not open to this thread and region. */
inline bool find_place(const ArraySeat* seat, uint32_t i, WordPlace& place) noexcept {
  if (__builtin_expect(seat == nullptr || i >= seat->region.direct_length, false))
    return false;
  const Here now = libc_here();
  const uint64_t index = now.index;
  if (__builtin_expect(index >= seat->region.section_shards, false))
    return false;
  // Before the section, which can only be done there: a function that ends in it comes to nothing after it.
  seat->notes->shard = static_cast<int32_t>(index);
  place = word_place(seat->region, now.area, index, i);
  return true;
}

/** The next one on every array that is not of i64, and where the shortest way is not open. */
double array_try_add_int32_otherwise(uint32_t handle, uint32_t i, int32_t delta) noexcept;

/** One attempt to add a 32-bit delta to a word of whole numbers: a NaN if it was not done. */
inline double array_try_add_int32(uint32_t handle, uint32_t i, int32_t delta) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  WordPlace place;
  // All else elsewhere, with the same arguments: fewer registers then have to be saved here.
  if (__builtin_expect(seat == nullptr || seat->region.element != Element::i64 || !find_place(seat, i, place), false))
    return array_try_add_int32_otherwise(handle, i, delta);
  return array_add_directly(place, delta);
}

/** One attempt to add any number. */
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

/** One attempt to put a number in a word's place. */
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

/** One attempt to put `desired` in the place of `expected`. */
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

/** One attempt to load a word. */
inline double array_try_load(uint32_t handle, uint32_t i) noexcept {
  const ArraySeat* seat = array_seats.find(handle);
  WordPlace place;
  if (__builtin_expect(!find_place(seat, i, place), false))
    return array_act_otherwise(handle, Act::load, i, 0, 0);
  if (seat->region.element == Element::f64)
    return array_try_double(seat, place.index, i, Act::load, 0, 0);
  return array_exchange_directly(place, &seat->notes->aside, 0);
}

/** The rows of for_each_operation() for arrays. */
template <typename Visitor> void for_each_array_operation(Visitor& visit) {
  visit.template operation<array_act>("arrayAct");
  visit.template operation<array_act_on>("arrayActOn");
  visit.template operation<array_try_add_int32>("arrayTryAddInt32");
  visit.template operation<array_try_add>("arrayTryAdd");
  visit.template operation<array_try_exchange>("arrayTryExchange");
  visit.template operation<array_try_compare_exchange>("arrayTryCompareExchange");
  visit.template operation<array_try_load>("arrayTryLoad");
}

} // namespace addon
} // namespace rseq

#endif // RSEQ_ADDON_ARRAY_OPERATIONS_H
