/**
 * @file
 * The clock that sections read: a counter with a constant rate, whose value is equal on all CPUs.
 */
#ifndef RSEQ_TICKS_H
#define RSEQ_TICKS_H

#include <cstdint>

namespace percpu {

/**
 * The counter with which the sections in arch/ stamp records: the TSC (x86-64), the virtual counter (arm64) or the time
 * base (ppc64le). Takes some nanoseconds.
 */
inline uint64_t ticks() noexcept {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return static_cast<uint64_t>(high) << 32 | low;
#elif defined(__aarch64__)
  uint64_t now;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
  return now;
#elif defined(__powerpc64__)
  uint64_t now;
  __asm__ volatile("mftb %0" : "=r"(now));
  return now;
#endif
}

} // namespace percpu

#endif // RSEQ_TICKS_H
