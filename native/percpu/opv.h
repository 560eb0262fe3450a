/**
 * @file
 * A vector of operations on words of one CPU's array, all or nothing: what was once proposed for the kernel as
 * `cpu_opv`, by a shard that is stopped and owned.
 *
 * The vector is evaluated first, on copies of the words that it touches. Only if every comparison held are its results
 * stored, in the order of its operations. So no operation on that CPU, and no other owner, ever sees a part of it.
 * Who reads words of the shard from elsewhere (array_get()) takes no part in that: it may see some results and not
 * others, but sees those before a barrier if it sees one after it.
 */
#ifndef RSEQ_PERCPU_OPV_H
#define RSEQ_PERCPU_OPV_H

#include "array.h"

namespace rseq {

/** How many operations a vector may have. */
constexpr uint32_t kOpvMost = 16;

/** What one does to word `i`. The numbers are part of the binding: src/opv.ts has them, too. */
enum class OpvKind : uint32_t {
  compare_equal = 0,     ///< Bit for bit with `value`, or the vector ends and nothing is stored.
  compare_not_equal = 1, ///< The opposite.
  store = 2,             ///< The word becomes `value`.
  copy = 3,              ///< It becomes what word `from` is.
  add = 4,               ///< Wraps at the element's width; doubles are added as such.
  bit_or = 5,            ///< This and those below are for whole numbers only.
  bit_and = 6,
  bit_xor = 7,
  shift_left = 8,  ///< By `value` bits, fewer than the element has.
  shift_right = 9, ///< The same, with zeroes from the left.
  barrier = 10,    ///< What stands before it is seen before what comes after it, by whoever reads from elsewhere.
};
constexpr uint32_t kOpvKinds = 11;

struct OpvOperation {
  uint32_t kind; ///< An OpvKind, unchecked.
  uint32_t i;
  uint32_t from;
  uint32_t reserved;
  int64_t value; ///< As the word holds it; but for shifts, a number of bits.
};
static_assert(sizeof(OpvOperation) == 24, "src/opv.ts writes it");

/** Answered in `position` where all was done. */
constexpr uint32_t kOpvDone = UINT32_MAX;

/**
 * Runs `count` operations on the array of a shard: region.shards is the overflow shard. O(count squared), and for a
 * CPU's shard that the calling thread has not stopped already, a fence.
 * @param position Where it ended: kOpvDone, or the operation whose comparison failed, whose word was corrupt, or that
 *     was refused. But for kOpvDone, nothing was stored.
 * @return ok; out_of_range: no such shard, too many operations, or a word that does not exist; bad_value: a kind that
 *     does not exist or is not for doubles, or too many bits; corrupt; and as stop_shard().
 */
Status cpu_opv(const Region& region, uint32_t shard, const OpvOperation* operations, uint32_t count,
               uint32_t& position) noexcept;

} // namespace rseq

#endif // RSEQ_PERCPU_OPV_H
