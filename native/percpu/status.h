/**
 * @file
 * What an operation on a region answers.
 */
#ifndef RSEQ_PERCPU_STATUS_H
#define RSEQ_PERCPU_STATUS_H

#include <cstdint>

namespace rseq {

/** The numbers are part of the binding: src/status.ts turns them into errors. */
enum class Status : uint32_t {
  ok = 0,
  bad_handle = 1,   ///< No open region of that kind has this handle.
  out_of_range = 2, ///< The element's index is not below the region's length.
  bad_value = 3,    ///< The value does not fit the element type.
  contended = 4,    ///< The overflow word changed under every one of a bounded number of attempts.
};

} // namespace rseq

#endif // RSEQ_PERCPU_STATUS_H
