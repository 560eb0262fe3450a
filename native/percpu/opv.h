/**
 * @file
 * A vector of operations on words of one CPU's array, of which all or none take effect. It works as the system call
 * `cpu_opv` that was once proposed for Linux, on a stopped shard.
 *
 * The vector is evaluated first, on copies of the words that it touches. Only if every comparison held are its results
 * stored, in the order of its operations. No operation on that CPU, and no other owner, sees a part of the results.
 * A thread that reads words of the shard from elsewhere (array_get()) may see some results and not others; if it sees
 * one after a barrier, it sees all before the barrier.
 */
#ifndef RSEQ_PERCPU_OPV_H
#define RSEQ_PERCPU_OPV_H

#include "array.h"

namespace percpu {

/** How many operations a vector may have. */
constexpr uint32_t kOpvMost = 16;

/** The operations on word `i`. The numbers are part of the binding: src/array/opv.ts has the same ones. */
enum class OpvKind : uint32_t {
  compare_equal = 0,     ///< If the word is not `value`, bit for bit, the vector ends and stores nothing.
  compare_not_equal = 1, ///< If the word is `value`, bit for bit, the vector ends and stores nothing.
  store = 2,             ///< The word becomes `value`.
  copy = 3,              ///< The word becomes the value of word `from`.
  add = 4,               ///< Wraps at the element's width; doubles are added as such.
  bit_or = 5,            ///< Bitwise or. This operation and those below are for whole numbers only.
  bit_and = 6,
  bit_xor = 7,
  shift_left = 8,  ///< By `value` bits, fewer than the element has.
  shift_right = 9, ///< By `value` bits, fewer than the element has; zeroes come in from the left.
  barrier = 10,    ///< A reader elsewhere that sees a result after the barrier sees all results before it.
};
constexpr uint32_t kOpvKinds = 11;

struct OpvOperation {
  uint32_t kind; ///< An OpvKind, unchecked.
  uint32_t i;
  uint32_t from;
  uint32_t reserved;
  int64_t value; ///< As the word holds it; but for shifts, a number of bits.
};
static_assert(sizeof(OpvOperation) == 24, "src/array/opv.ts writes it");

/** The `position` if all operations were done. */
constexpr uint32_t kOpvDone = UINT32_MAX;

/**
 * Runs `count` operations on the array of a shard: region.shards is the overflow shard. O(count squared), and for a
 * CPU's shard that the calling thread has not stopped already, a fence.
 * @param position kOpvDone, or the index of the operation whose comparison failed, whose word was corrupt, or that was
 *     refused. Unless it is kOpvDone, nothing was stored.
 * @return ok; out_of_range: no such shard, too many operations, or a word that does not exist; bad_value: a kind that
 *     does not exist or is not for doubles, or too many bits; corrupt; and as stop_shard().
 */
Status cpu_opv(const Region& region, uint32_t shard, const OpvOperation* operations, uint32_t count,
               uint32_t& position) noexcept;

} // namespace percpu

#endif // RSEQ_PERCPU_OPV_H
