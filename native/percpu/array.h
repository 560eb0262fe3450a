/**
 * @file
 * An array of words for each CPU: the raw material for structures of one's own.
 *
 *     word 0   the stop word (remote.h)
 *     word 1…  the array's words: whole numbers of 64 bits, of 32 bits with their sign extended, or doubles
 *
 * An operation is one critical section on a word of this CPU's shard, which checks the stop word inside and hands back
 * what the word held. Threads without rseq, threads aborted kAttempts times in a row, and those that find their CPU
 * stopped use the overflow shard: one more array, behind a lock. So an operation is made on one shard as a whole, and
 * says on which. Where atomics write the region, every shard is behind its lock.
 *
 * All functions are thread-safe and may run at once in any number of threads. Each change of a word has release order,
 * and reading one acquires: who sees a value sees what its writer had stored before.
 */
#ifndef RSEQ_PERCPU_ARRAY_H
#define RSEQ_PERCPU_ARRAY_H

#include "../rseq/thread.h"
#include "region.h"
#include "status.h"

#include <cstring>

namespace rseq {

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

/** What an operation does to a word. The numbers are part of the binding: src/layout.ts has them, too. */
enum class Act : uint32_t {
  load = 0,
  exchange = 1,         ///< The word becomes `operand`.
  add = 2,              ///< Wraps at the element's width; doubles are added as such.
  compare_exchange = 3, ///< The word becomes `operand` if it is `expected`, bit for bit.
};

/** An operation on a word; values as the word holds them. */
struct WordAct {
  Act act;
  int64_t operand;
  int64_t expected; ///< For compare_exchange.
};

/** What came of one. */
struct ActAnswer {
  uint32_t shard; ///< Where it was made; region.shards is the overflow shard.
  int64_t before; ///< What the word held.
};

/**
 * Does `act` to word `i`, below array_length(), of the calling thread's CPU. O(1): at most kAttempts sections, then
 * the overflow shard.
 * @return ok; corrupt, if an i32's word held more than 32 bits, and then it is made all the same; contended (of the
 *     overflow shard); out_of_range.
 */
Status array_act(const Region& region, uint32_t i, const WordAct& act, ActAnswer& answer) noexcept;

/** The same on a shard that the calling thread has stopped; or not_owner. */
Status array_act_on(const Region& region, uint32_t shard, uint32_t i, const WordAct& act, int64_t& before) noexcept;

/** Word `i` of a shard (up to the overflow shard) at this moment. Returns ok, out_of_range, or corrupt as above. */
Status array_get(const Region& region, uint32_t shard, uint32_t i, int64_t& word) noexcept;

/**
 * Stops a CPU's array for everybody but the calling thread, until array_resume(). O(1) and a fence: see stop_shard()
 * for the answers. out_of_range if there is no such shard; region.shards is the overflow shard.
 */
Status array_stop(const Region& region, uint32_t shard) noexcept;

/** Lets an array go that the calling thread stopped. Returns ok or not_owner. */
Status array_resume(const Region& region, uint32_t shard) noexcept;

/** What `act` makes of a word. */
int64_t acted(Element element, int64_t word, const WordAct& act) noexcept;

/** Whether a word is what an element of its type may be: all are, but for an i32 of more than 32 bits. */
inline bool is_sound(Element element, int64_t word) noexcept {
  return element != Element::i32 || word == static_cast<int32_t>(word);
}

inline double double_of_word(int64_t word) noexcept {
  double value;
  memcpy(&value, &word, sizeof(value));
  return value;
}

/** A double as a word. All NaNs are one. */
inline int64_t word_of_double(double value) noexcept {
  constexpr int64_t kNaN = 0x7ff8000000000000;
  int64_t word;
  memcpy(&word, &value, sizeof(word));
  return value == value ? word : kNaN;
}

/** A shard's place, for one attempt at an operation that ends in its section: `i` below region.direct_length. */
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

/** The sections, for regions of whole numbers: what the word held, as a number, or a NaN where nothing was done. */
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

/** One section that does `act`, for regions of any element. `aside` is the caller's own: where a load ends. */
TakenWord array_section(Element element, const Here& here, int64_t* word, int64_t* stop, const WordAct& act,
                        int64_t* aside) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_ARRAY_H
