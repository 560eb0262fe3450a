/**
 * @file
 * The bounded retry that turns a bare section into an operation.
 */
#ifndef RSEQ_INTERLEAVE_RETRY_H
#define RSEQ_INTERLEAVE_RETRY_H

#include "../../rseq/thread.h"
#include "operations.h"

namespace percpu::interleave {

/** Sections that retry() tries. */
constexpr uint32_t kAttempts = 8;

/**
 * Calls `attempt(here, answer)` until it returns Outcome::done. After kAttempts of them the overflow
 * shard's turn has come: in this single-threaded program plain code stands for its atomics.
 */
template <typename Attempt> Answer retry(const Call& call, Answer (*model)(const Call&, uint32_t), Attempt attempt) {
  for (uint32_t i = 0; i < kAttempts; i++) {
    const Here place = here(call.index);
    if (place.index >= call.memory.shards)
      break;
    Answer answer = 0;
    const Outcome outcome = attempt(place, answer);
    if (outcome == Outcome::done)
      return answer;
    tally += outcome == Outcome::aborted;
  }
  return model(call, call.memory.shards);
}

/** Reads a word that sections write, once. */
inline int64_t read(const int64_t& word) {
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_RETRY_H
