#include "ring_operations.h"

namespace percpu {
namespace addon {

uint32_t ring_write(uint32_t handle, uint32_t length) noexcept {
  const RingSeat* seat = ring_seats.find(handle);
  return answer(seat == nullptr ? Status::bad_handle : percpu::ring_write(*seat, length));
}

} // namespace addon
} // namespace percpu
