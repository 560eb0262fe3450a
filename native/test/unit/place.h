/**
 * @file
 * Repeats sections until they settle, and runs code on threads that have no sections.
 */
#ifndef RSEQ_TEST_PLACE_H
#define RSEQ_TEST_PLACE_H

#include "../../rseq/thread.h"
#include "harness.h"

#include <functional>

namespace percpu::test {

/** No machine has this CPU. */
constexpr uint32_t kNoSuchIndex = INT32_MAX;

/** Returns whether the kernel fills in the area's concurrency id. */
inline bool has_mm_cid() {
  return registration().usable_size >= RSEQ_AREA_MM_CID + sizeof(uint32_t);
}

/** Runs `body(Index)` for each index that this machine has. */
template <typename Body> void for_each_index(Body body) {
  if (!is_registered(current_area()))
    return skip("this thread is not registered for rseq");
  body(Index::cpu_id);
  if (has_mm_cid())
    body(Index::mm_cid);
}

/**
 * Runs `section(Here)` until it is neither moved nor aborted, because both happen on a busy machine. Preemption alone
 * cannot use up the attempts.
 */
template <typename Section> Outcome settled(Index index, Section section) {
  Outcome outcome = Outcome::moved;
  for (int attempt = 0; attempt < 10'000; attempt++) {
    outcome = section(here(index));
    if (outcome == Outcome::done || outcome == Outcome::compare_failed)
      break;
  }
  return outcome;
}

/** Works like settled(), at an index that the thread cannot have. */
template <typename Section> Outcome settled_elsewhere(Index index, Section section) {
  Outcome outcome = Outcome::aborted;
  for (int attempt = 0; attempt < 10'000 && outcome == Outcome::aborted; attempt++)
    outcome = section(Here{current_area(), kNoSuchIndex, index});
  return outcome;
}

/** Runs `body` on a thread of its own, to its end. */
void on_thread(const std::function<void()>& body);

/** Makes a system call fail with EPERM on the calling thread, the threads it makes and what it executes. */
bool refuse(uint32_t system_call);

/** refuse() for the rseq system call. */
bool refuse_rseq();

/** Why on_refused_thread() may answer false. */
constexpr const char* kCannotRefuse = "libc ends a process that has a thread refused, or no seccomp filter can be set";

/** Runs `body` on a thread that the kernel refuses to register. False if that cannot be arranged here. */
bool on_refused_thread(const std::function<void()>& body);

} // namespace percpu::test

#endif // RSEQ_TEST_PLACE_H
