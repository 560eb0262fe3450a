/**
 * @file
 * Pins a thread to its CPU.
 */
#ifndef RSEQ_TEST_PINNED_H
#define RSEQ_TEST_PINNED_H

#include <sched.h>

namespace percpu::test {

/** While an object lives, the calling thread stays on its CPU. */
class Pinned {
public:
  Pinned() {
    sched_getaffinity(0, sizeof(before), &before);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
    sched_setaffinity(0, sizeof(one), &one);
  }
  ~Pinned() { sched_setaffinity(0, sizeof(before), &before); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

private:
  cpu_set_t before;
};

} // namespace percpu::test

#endif // RSEQ_TEST_PINNED_H
