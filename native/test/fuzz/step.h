/**
 * @file
 * One step of the fuzzer's script, and those that have a file of their own.
 */
#ifndef RSEQ_FUZZ_STEP_H
#define RSEQ_FUZZ_STEP_H

#include "../../percpu/region.h"

#include <cstdint>

namespace percpu::fuzz {

struct Step {
  uint8_t operation;
  uint8_t small;
  uint16_t element;
  uint64_t value;
};

/** The operations on arrays of words. */
void run_array_step(const Region& region, const Step& step);

} // namespace percpu::fuzz

#endif // RSEQ_FUZZ_STEP_H
