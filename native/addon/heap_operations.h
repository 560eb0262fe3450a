/**
 * @file
 * The hot operations on heaps.
 */
#ifndef RSEQ_ADDON_HEAP_OPERATIONS_H
#define RSEQ_ADDON_HEAP_OPERATIONS_H

#include "../percpu/heap.h"
#include "answer.h"
#include "handles.h"

namespace percpu {
namespace addon {

/** Allocates a block of at least `bytes` bytes. Returns the block, or -Status. */
inline int32_t heap_alloc(uint32_t handle, uint32_t bytes) noexcept {
  const Region* region = find_region(handle, Kind::heap);
  uint32_t block = 0;
  const Status status =
      __builtin_expect(region == nullptr, false) ? Status::bad_handle : percpu::heap_alloc(*region, bytes, block);
  return answer(status, block);
}

/** Frees a block. Returns a Status. */
inline uint32_t heap_free(uint32_t handle, uint32_t block) noexcept {
  const Region* region = find_region(handle, Kind::heap);
  return answer(__builtin_expect(region == nullptr, false) ? Status::bad_handle : percpu::heap_free(*region, block));
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_HEAP_OPERATIONS_H
