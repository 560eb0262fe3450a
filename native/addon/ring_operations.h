/**
 * @file
 * The hot operations on rings.
 */
#ifndef RSEQ_ADDON_RING_OPERATIONS_H
#define RSEQ_ADDON_RING_OPERATIONS_H

#include "answer.h"
#include "handles.h"

namespace percpu {
namespace addon {

/** Writes the first `length` bytes of the seat's scratch as a record, with repeated attempts and the overflow ring. */
uint32_t ring_write(uint32_t handle, uint32_t length) noexcept;

/** One attempt to write a record. If it fails, nothing is written, and the caller must call ring_write(). */
inline uint32_t ring_try_write(uint32_t handle, uint32_t length) noexcept {
  const RingSeat* seat = ring_seats.find(handle);
  if (__builtin_expect(seat == nullptr || length > seat->writable, false))
    return ring_write(handle, length);
  const Here place = libc_here();
  const uint64_t index = place.index;
  if (__builtin_expect(index >= seat->direct_shards, false))
    return ring_write(handle, length);
  return answer(ring_write_at(*seat, place, index, length));
}

} // namespace addon
} // namespace percpu

#endif // RSEQ_ADDON_RING_OPERATIONS_H
