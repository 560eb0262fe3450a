/**
 * @file
 * One case: an operation stopped at one instruction, something else done there, and the judgement.
 */
#ifndef RSEQ_INTERLEAVE_CASE_H
#define RSEQ_INTERLEAVE_CASE_H

#include "case_memory.h"
#include "fencer.h"
#include "section_table.h"

#include <vector>

namespace percpu::interleave {

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
  /** The thread gets pinned to `home`; `other` is where moves lead. */
  Laboratory(CaseMemory& use, int home, int other);
  Verdict run(const Case& c, Fencer* fencer);
  /** Where the thread is to be: CPU ids. */
  const int home, other;

private:
  Verdict run_once(const Case& c, Fencer* fencer);
  bool explained(const Case& c, const std::vector<Answer>& answers, uint32_t a_shard, uint32_t b_shard, bool with_b);

  CaseMemory& cases;
  const Memory& memory;
  std::vector<unsigned char> seen; ///< What a case left in memory.
};

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_CASE_H
