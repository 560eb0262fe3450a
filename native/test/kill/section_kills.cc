#include "section_kills.h"

#include "../../rseq/thread.h"
#include "../interleave/machine.h"
#include "victim.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace percpu::kill_test {

using namespace interleave;

namespace {

/** How many failures of one operation are described in words. */
constexpr uint64_t kShownFailures = 3;
/** How often a pair is tried whose thread may have been moved to another shard, or aborted. A fault fails every try. */
constexpr uint32_t kMostTries = 6;

void* make_shared_page() {
  void* const page = mmap(nullptr, sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    abort();
  return page;
}

} // namespace

/** The state that a killed process must leave. */
struct SectionKiller::Expected {
  const Form& form;
  bool committed;
  uint32_t shard;
};

SectionKiller::SectionKiller(CaseMemory& use, const std::vector<Section>& sections)
    : cases(use), memory(use.now()), shard(static_cast<uint32_t*>(make_shared_page())) {
  for (const Section& section : sections) {
    results.push_back({});
    results.back().section = &section;
  }
}

void SectionKiller::run_all(const std::vector<Form>& forms) {
  for (const Form& form : forms)
    for (const size_t i : form.sections)
      for (const auto& [address, end] : results[i].section->instructions)
        if (address >= results[i].section->start && address <= results[i].section->commit)
          run_case(form, results[i], address);
}

void SectionKiller::run_case(const Form& form, SectionKills& result, uintptr_t address) {
  const Section& section = *result.section;
  const Operation& operation = *form.operation;
  cases.set_up(*operation.structure, form.index, form.state);
  {
    Victim victim([&] {
      *shard = here(form.index).index;
      operation.run({memory, form.index, form.order, 0});
    });
    victim.plant(address);
    if (!victim.run_to_breakpoint()) {
      // If it has finished, this form does not come by here; another one must.
      if (!victim.has_finished())
        note_failure(form, result, address, "the process ended by itself, or could not be traced");
      return;
    }
    // A kernel may move the thread to the abort handler before its tracer hears of the trap.
    const uintptr_t stopped = victim.program_counter();
    if (stopped != address && stopped + kStopsBehind != section.abort)
      return note_failure(form, result, address, "the process stopped elsewhere");
  }
  left.assign(memory.bytes, memory.bytes + memory.size);
  result.killed.insert(address);
  result.kills++;

  // Nothing has happened before the committing store, and everything behind it.
  const Expected expected = {form, address == section.commit, *shard};
  const char* wrong = judge_state(expected);
  if (wrong == nullptr)
    wrong = judge_successors(expected, result);
  if (wrong != nullptr)
    note_failure(form, result, address, wrong);
}

void SectionKiller::note_failure(const Form& form, SectionKills& result, uintptr_t address, const char* wrong) {
  result.failures++;
  const std::string name = name_of(*form.operation);
  if (++failed[name] <= kShownFailures)
    failures.push_back(name + " (state " + std::to_string(form.state) + ") killed in " + result.section->name + " at " +
                       std::to_string(address - result.section->start) + ": " + wrong);
}

/** Makes by plain code what the killed process must have made. */
void SectionKiller::rebuild(const Expected& expected) {
  const Form& form = expected.form;
  cases.set_up(*form.operation->structure, form.index, form.state);
  if (expected.committed)
    form.operation->model({memory, form.index, form.order, 0}, expected.shard);
}

void SectionKiller::tidy(const Structure& structure) {
  if (structure.tidy != nullptr)
    structure.tidy(memory);
}

const char* SectionKiller::judge_state(const Expected& expected) {
  const Structure& structure = *expected.form.operation->structure;
  tidy(structure);
  tidied.assign(memory.bytes, memory.bytes + memory.size);
  const auto is_as = [&](bool committed) {
    rebuild({expected.form, committed, expected.shard});
    tidy(structure);
    return memcmp(memory.bytes, tidied.data(), memory.size) == 0;
  };
  if (is_as(expected.committed))
    return nullptr;
  if (!is_as(!expected.committed))
    return "the memory is neither as before nor as after the operation";
  return expected.committed ? "the memory is as before the operation, behind its commit"
                            : "the memory is as after the operation, before the end of its commit";
}

/** Each operation, and each two of them, on what the killed process left. */
const char* SectionKiller::judge_successors(const Expected& expected, SectionKills& result) {
  const auto try_often = [&](const std::vector<const Operation*>& next) {
    const char* wrong = judge_one(expected, next);
    for (uint32_t tries = 1; tries < kMostTries && wrong != nullptr; tries++)
      wrong = judge_one(expected, next);
    result.successors++;
    return wrong;
  };
  const std::vector<const Operation*> all = partners(*expected.form.operation);
  for (const Operation* first : all) {
    if (const char* const wrong = try_often({first}); wrong != nullptr)
      return wrong;
    for (const Operation* second : all)
      if (const char* const wrong = try_often({first, second}); wrong != nullptr)
        return wrong;
  }
  return nullptr;
}

const char* SectionKiller::judge_one(const Expected& expected, const std::vector<const Operation*>& next) {
  const Form& form = expected.form;
  const auto call = [&](size_t i) { return Call{memory, form.index, form.order, static_cast<uint32_t>(i + 1)}; };
  memcpy(memory.bytes, left.data(), memory.size);
  const uint32_t own = here(form.index).index;
  std::vector<Answer> answers;
  for (size_t i = 0; i < next.size(); i++)
    answers.push_back(next[i]->run(call(i)));
  tidy(*form.operation->structure);
  tidied.assign(memory.bytes, memory.bytes + memory.size);
  rebuild(expected);
  for (size_t i = 0; i < next.size(); i++)
    if (next[i]->model(call(i), own) != answers[i])
      return "a later operation answers what it would not have answered";
  tidy(*form.operation->structure);
  return memcmp(memory.bytes, tidied.data(), memory.size) == 0 ? nullptr : "a later operation found a wrong state";
}

} // namespace percpu::kill_test
