/**
 * @file
 * The area of another library that has registered the calling thread before this one could.
 *
 * Such libraries (early versions of librseq, tcmalloc) publish their area as the thread-local symbol `__rseq_abi`.
 */
#ifndef RSEQ_PUBLISHED_AREA_H
#define RSEQ_PUBLISHED_AREA_H

#include "abi.h"

namespace percpu {

/** An area of the calling thread, and the length in bytes that it is registered with. */
struct PublishedArea {
  Area* area; ///< nullptr if there is none, or if it must not be used.
  uint32_t length;
};

/**
 * The calling thread's `__rseq_abi`, if the kernel confirms that the thread has registered it with this library's
 * signature. A symbol that nobody registered, or that was registered with another signature, is no answer. Takes some
 * microseconds: a search for a symbol, and at most six system calls, which change nothing.
 */
PublishedArea published_area() noexcept;

} // namespace percpu

#endif // RSEQ_PUBLISHED_AREA_H
