/**
 * @file
 * The control: runs the instructions of the sections without arming them.
 */
#ifndef RSEQ_INTERLEAVE_FAKE_AREA_H
#define RSEQ_INTERLEAVE_FAKE_AREA_H

#include "../../rseq/thread.h"

namespace percpu::interleave {

/**
 * While one is alive, the calling thread's sections use an area that the kernel does not know of: a copy with
 * the right ids, where storing the descriptor has no effect. The program must have no other
 * thread that runs sections, and must stay on its CPU.
 */
class FakeArea {
public:
  FakeArea() : area(*current_area()), adopted(detail::adopted_from_libc), offset(detail::libc_offset) {
    // The descriptor of the last section that ran is still there, and would protect that section's code.
    __atomic_store_n(&current_area()->rseq_cs, 0, __ATOMIC_RELAXED);
    detail::adopted_from_libc = true;
    detail::libc_offset = reinterpret_cast<char*>(&area) - thread_pointer();
  }
  ~FakeArea() {
    detail::adopted_from_libc = adopted;
    detail::libc_offset = offset;
  }
  FakeArea(const FakeArea&) = delete;
  FakeArea& operator=(const FakeArea&) = delete;

private:
  Area area;
  bool adopted;
  ptrdiff_t offset;
};

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_FAKE_AREA_H
