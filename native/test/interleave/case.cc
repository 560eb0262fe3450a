#include "case.h"

#include "../../rseq/thread.h"
#include "breakpoint.h"
#include "fake_area.h"
#include "setting.h"
#include "traps.h"

#include <cstring>
#include <optional>

namespace percpu::interleave {
namespace {

/** More stops than any operation has attempts: an operation with so many stops would never end. */
constexpr uint32_t kMostStops = 64;
/** How often a case is tried that the system may have disturbed. A real fault fails every try. */
constexpr uint32_t kMostTries = 6;

uint32_t shard_now(Index index) {
  return here(index).index;
}

Call call_of(const Memory& memory, const Case& c, size_t role) {
  return {memory, c.index, c.order, static_cast<uint32_t>(role)};
}

/** What happens while A stands at the breakpoint. */
class Interruption : public TrapListener {
public:
  Interruption(const Case& interrupted, const Memory& used, Fencer* helper, int other_cpu)
      : c(interrupted), memory(used), fencer(helper), other(other_cpu), answers(interrupted.b.size()),
        breakpoint(interrupted.address) {
    breakpoint.plant();
  }

  bool on_trap(ucontext_t& context) override {
    const bool aborted = program_counter(context) == c.section->abort;
    if (!aborted && program_counter(context) != breakpoint.address + kStopsBehind)
      return false;
    breakpoint.lift();
    aborts += aborted;
    if (!aborted)
      set_program_counter(context, breakpoint.address);
    if (++stops == 1)
      interfere();
    if (c.way == Way::overflow && aborted && stops < kMostStops)
      breakpoint.plant();
    a_shard = shard_now(c.index);
    return true;
  }

  uint32_t stops = 0;
  uint32_t aborts = 0;
  uint32_t a_shard = 0; ///< Where A will be if it tries again.
  uint32_t b_shard = 0; ///< Where B ran.
  bool stayed = true;   ///< B ran on one shard.
  bool refused = false; ///< The system did not do what the case needs.

private:
  /** B, to its end. */
  void interfere() {
    if (c.way == Way::move)
      refused = !pin(other);
    if (c.way == Way::fence)
      refused = !fencer->fence();
    const uint32_t told = tally; // By A; what B's sections answer is B's.
    b_shard = shard_now(c.index);
    for (size_t i = 0; i < c.b.size(); i++)
      answers[i] = c.b[i]->run(call_of(memory, c, i + 1));
    stayed = shard_now(c.index) == b_shard;
    tally = told;
  }

  const Case& c;
  const Memory& memory;
  Fencer* fencer;
  int other;

public:
  std::vector<Answer> answers; ///< Of B's operations.

private:
  Breakpoint breakpoint;
};

} // namespace

Laboratory::Laboratory(CaseMemory& use, int home_cpu, int other_cpu)
    : home(home_cpu), other(other_cpu), cases(use), memory(use.now()) {
  pin(home);
}

/** Whether A and B in sequence, in either order, leave equal memory and give equal answers. */
bool Laboratory::explained(const Case& c, const std::vector<Answer>& answers, uint32_t a_shard, uint32_t b_shard,
                           bool with_b) {
  const Structure& structure = *c.a->structure;
  for (const bool a_first : {false, true}) {
    cases.set_up(structure, c.index, c.state);
    std::vector<Answer> model(answers.size());
    if (a_first)
      model[0] = c.a->model(call_of(memory, c, 0), a_shard);
    for (size_t i = 0; with_b && i < c.b.size(); i++)
      model[i + 1] = c.b[i]->model(call_of(memory, c, i + 1), b_shard);
    if (!a_first)
      model[0] = c.a->model(call_of(memory, c, 0), a_shard);
    if (structure.tidy != nullptr)
      structure.tidy(memory);
    if (model == answers && memcmp(memory.bytes, seen.data(), memory.size) == 0)
      return true;
  }
  return false;
}

Verdict Laboratory::run_once(const Case& c, Fencer* fencer) {
  pin(home);
  cases.set_up(*c.a->structure, c.index, c.state);
  tally = 0;

  std::optional<FakeArea> unarmed;
  if (!c.armed)
    unarmed.emplace();
  const uint32_t first_shard = shard_now(c.index);
  std::vector<Answer> answers;
  Interruption interruption(c, memory, fencer, other);
  answers.push_back(c.a->run(call_of(memory, c, 0)));
  const uint32_t last_shard = shard_now(c.index);
  unarmed.reset();

  answers.insert(answers.end(), interruption.answers.begin(), interruption.answers.end());
  if (c.a->structure->tidy != nullptr)
    c.a->structure->tidy(memory);
  seen.assign(memory.bytes, memory.bytes + memory.size);

  Verdict verdict;
  verdict.reached = interruption.stops != 0;
  verdict.aborts = interruption.aborts;
  const bool protected_there = c.armed && c.section->protects(c.address);
  // At each stop, but only the way `overflow` has more than one.
  const uint32_t aborts = protected_there ? interruption.stops : 0;
  const bool gave_up = c.way == Way::overflow && aborts >= c.a->attempts_at(c.section->name);
  // Stopped before its commit, A goes on wherever the thread is then; after it, A is where it was.
  const bool before_commit = verdict.reached && c.address < c.section->commit;
  const uint32_t a_shard = gave_up ? memory.shards : before_commit ? interruption.a_shard : first_shard;

  if (interruption.refused) {
    verdict.wrong = "the system refused the interference";
  } else if (interruption.stops == kMostStops) {
    verdict.wrong = "A never gave up";
  } else if (aborts > 1 && aborts > c.a->attempts_at(c.section->name)) {
    verdict.wrong = "A tried more often than it says";
  } else if (verdict.aborts != aborts) {
    verdict.wrong = verdict.aborts < aborts ? "the kernel did not abort A" : "the kernel aborted A outside a section";
  } else if (c.a->tells_aborts && tally != aborts) {
    verdict.wrong = "A was aborted more or less often than by the breakpoint";
    // The kernel may abort a section for reasons of its own: preemption, or (seen on Linux 6.12) an
    // event from before the section that it still remembers.
    verdict.excusable = tally > aborts;
  } else if (!explained(c, answers, a_shard, interruption.b_shard, verdict.reached) &&
             // Stopped behind a comparison that failed, A may have gone on as well.
             !(verdict.reached && explained(c, answers, last_shard, interruption.b_shard, true))) {
    verdict.wrong = "the result is none of A and B in sequence";
    // A concurrency id may change whenever the thread has to wait. And aborts that are not told count as attempts.
    const bool wandered = !interruption.stayed || last_shard != (verdict.reached ? interruption.a_shard : first_shard);
    verdict.excusable = wandered || (c.way == Way::overflow && !c.a->tells_aborts);
  }
  return verdict;
}

Verdict Laboratory::run(const Case& c, Fencer* fencer) {
  Verdict verdict = run_once(c, fencer);
  for (uint32_t tries = 1; tries < kMostTries && verdict.wrong != nullptr && verdict.excusable; tries++) {
    verdict = run_once(c, fencer);
    verdict.repeats = tries;
  }
  return verdict;
}

} // namespace percpu::interleave
