/**
 * @file
 * One case: an operation stopped at one instruction, something else done there, and the judgement.
 */
#ifndef RSEQ_INTERLEAVE_CASE_H
#define RSEQ_INTERLEAVE_CASE_H

#include "fencer.h"
#include "operations.h"
#include "section_table.h"

#include <sched.h>
#include <vector>

namespace rseq::interleave {

/** How B comes in between. */
enum class Way : uint32_t {
  once,     ///< B runs where A was stopped. B may be two operations.
  move,     ///< The thread is moved to another CPU, and B runs there.
  fence,    ///< Another thread fences this one's CPU, and B runs.
  overflow, ///< B runs, and A is stopped again until it goes to the overflow shard.
};
constexpr uint32_t kWays = 4;

struct Case {
  const Operation* a;
  std::vector<const Operation*> b;
  Way way;
  Index index;
  Order order;
  uint32_t state; ///< Which of the structure's starts.
  const Section* section;
  uintptr_t address; ///< Of the instruction where A is stopped, before it.
  bool armed;        ///< False in the control.
};

struct Verdict {
  bool reached = false;        ///< A came to the instruction.
  uint32_t aborts = 0;         ///< Of A, at the breakpoint.
  const char* wrong = nullptr; ///< What was not as it must be, or null.
  bool excusable = false;      ///< `wrong` may come from what the system did beside the case: another try will tell.
  uint32_t repeats = 0;        ///< Further tries.
};

/** Runs cases, one after the other, in the calling thread. */
class Laboratory {
public:
  /** `shards`: possible CPUs. The thread gets pinned to `home`; `other` is where moves lead. */
  Laboratory(uint32_t shards, int home, int other);
  Verdict run(const Case& c, Fencer* fencer);
  /** One call of an operation by itself, on fresh memory: what trace() runs. */
  Call fresh_call(const Operation& operation, Index index, Order order, uint32_t state);
  /** Where the thread is to be: CPU ids. */
  const int home, other;

private:
  Verdict run_once(const Case& c, Fencer* fencer);
  void set_up(const Structure& structure, Index index, uint32_t state);
  bool explained(const Case& c, const std::vector<Answer>& answers, uint32_t a_shard, uint32_t b_shard, bool with_b);

  Memory memory;
  std::vector<uint64_t> storage;
  std::vector<unsigned char> seen; ///< What a case left in memory.
};

/** Pins the calling thread to a CPU. Signal-safe. */
bool pin(int cpu);

} // namespace rseq::interleave

#endif // RSEQ_INTERLEAVE_CASE_H
