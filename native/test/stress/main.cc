// Many threads on per-CPU data, interrupted in every way there is: totals must be exact.
#include "../../rseq/cpus.h"
#include "team.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace {

using namespace percpu;
using namespace percpu::stress;

/** What came of the rounds of one kind. */
struct Result {
  uint32_t rounds = 0;
  Counts counts;
  std::string wrong; ///< Of the last round.
};

int cannot(const std::string& reason) {
  std::cerr << "stress: " << reason << '\n';
  return 2;
}

/** How often a round is twice as long as the one before it. */
constexpr uint32_t kDoublings = 6;

/** Ever longer rounds, until something is wrong or `enough` says that the counts will do. */
template <typename Enough> Result run(Options options, const Row& row, uint32_t shards, bool armed, Enough enough) {
  Result result;
  while (result.rounds < options.rounds) {
    if (result.rounds > 0 && result.rounds <= kDoublings)
      options.repetitions *= 2;
    const std::unique_ptr<Structure> structure = row.make(shards, options);
    const Counts round = run_team(options, shards, armed, *structure);
    result.rounds++;
    result.counts += round;
    result.wrong = structure->check(round);
    if (result.wrong.empty() && round.inconsistent != 0)
      result.wrong = std::to_string(round.inconsistent) + " sections saw a change inside";
    if (!result.wrong.empty() || enough(result.counts))
      break;
  }
  return result;
}

void print(const Options& options, const Result& result, const Result& control, const std::string& wrong) {
  std::cout << options.test << " by " << (options.index == Index::cpu_id ? "cpu_id" : "mm_cid") << ", "
            << (options.order == Order::relaxed ? "relaxed" : "release") << ", build " << build_name << ": "
            << options.threads << " threads (" << options.unregistered << " unregistered), " << result.counts.steps
            << " steps, " << result.counts.aborts << " aborts, " << result.counts.moves << " moved, "
            << result.counts.overflows << " in the overflow shard, " << signals_seen() << " signals; control: "
            << (options.control ? control.wrong.empty() ? "not wrong" : control.wrong : "left out") << " ("
            << control.rounds << " rounds)\n"
            << (wrong.empty() ? "passed" : "FAILED: " + wrong) << '\n';
}

void print_json(const Options& options, const Result& result, const Result& control, const std::string& wrong) {
  std::cout << "{\"program\":\"stress\",\"build\":\"" << build_name << "\",\"test\":\"" << options.test
            << "\",\"ok\":" << (wrong.empty() ? "true" : "false") << ",\"wrong\":\"" << wrong
            << "\",\"threads\":" << options.threads << ",\"unregistered\":" << options.unregistered
            << ",\"rounds\":" << result.rounds << ",\"steps\":" << result.counts.steps
            << ",\"sections\":" << result.counts.sections << ",\"aborts\":" << result.counts.aborts
            << ",\"moved\":" << result.counts.moves << ",\"mismatches\":" << result.counts.mismatches
            << ",\"inconsistent\":" << result.counts.inconsistent << ",\"overflow\":" << result.counts.overflows
            << ",\"signals\":" << signals_seen() << ",\"controlRounds\":" << control.rounds << ",\"controlWrong\":\""
            << control.wrong << "\"}" << std::endl;
}

/** libc registers every thread unless it is told not to when the program starts. */
int start_again_without_registration(char** arguments) {
  constexpr const char* kVariable = "GLIBC_TUNABLES";
  const char* before = getenv(kVariable);
  const std::string off = "glibc.pthread.rseq=0";
  if (before != nullptr && strstr(before, off.c_str()) != nullptr)
    return cannot("libc registers threads although it is told not to");
  setenv(kVariable, before != nullptr ? (std::string(before) + ':' + off).c_str() : off.c_str(), 1);
  execv("/proc/self/exe", arguments);
  return cannot("the program could not be started again");
}

} // namespace

int main(int count, char** arguments) {
  Options options = parse(count, arguments);
  const Row* row = nullptr;
  for (const Row& one : structures())
    if (options.test == one.name)
      row = &one;
  if (row == nullptr)
    return cannot("there is no test '" + options.test + "'; see --help");
  const uint32_t shards = possible_cpus();
  if (options.threads == 0)
    options.threads = 6 * std::max(1u, std::thread::hardware_concurrency());
  if (options.unregistered >= options.threads)
    return cannot("at least one thread must be registered");

  const Registration registration = attach();
  if (registration.owner == Owner::none)
    return cannot("no restartable sequences here: the kernel refused the registration");
  if (options.unregistered != 0 && registration.owner == Owner::libc)
    return start_again_without_registration(arguments);
  constexpr uint32_t kMmCidEnd = RSEQ_AREA_MM_CID + sizeof(uint32_t);
  if (options.index == Index::mm_cid && registration.usable_size < kMmCidEnd)
    return cannot("the kernel has no concurrency ids");
  catch_disturbing_signal();

  try {
    const auto enough = [row](const Counts& counts) { return !row->tells_outcomes || counts.aborts != 0; };
    const Result result = run(options, *row, shards, true, enough);
    std::string wrong = result.wrong;
    if (wrong.empty() && row->tells_outcomes && result.counts.aborts == 0)
      wrong = "no section was aborted: this run has shown nothing";
    Result control;
    // Sections that look twice see what goes wrong in the control; an operation that does not tell retries.
    if (!row->tells_outcomes && is_compare_twice)
      options.control = false;
    if (options.control) {
      control = run(options, *row, shards, false, [](const Counts&) { return false; });
      if (wrong.empty() && control.wrong.empty())
        wrong = "the control, not armed, did not go wrong";
    }
    if (options.json)
      print_json(options, result, control, wrong);
    else
      print(options, result, control, wrong);
    return wrong.empty() ? 0 : 1;
  } catch (const std::runtime_error& error) {
    return cannot(error.what());
  }
}
