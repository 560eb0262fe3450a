#include "path_kills.h"

#include "../interleave/elf_symbols.h"
#include "../interleave/machine.h"
#include "victim.h"

namespace percpu::kill_test {
namespace {

using namespace interleave;

/** An instruction of a loop is killed at in so many turns. */
constexpr uint32_t kVisits = 2;
/** How often a kill is tried where the path may have gone another way, as it depends on the time. */
constexpr uint32_t kMostTries = 3;
constexpr uint64_t kShownFailures = 3;

/** Whether a function is the library's or a path's own: not a section, which has kills of its own, and not the tracer.
 */
bool is_traced(const std::string& symbol) {
  return symbol.compare(0, 2, "_Z") == 0 && symbol.find("6percpu") != std::string::npos &&
         symbol.find("10interleave") == std::string::npos && symbol.find("10PathKiller") == std::string::npos &&
         symbol.find("6Victim") == std::string::npos;
}

/** Path::judge() in a process of its own, so that this one, whose copies are killed, stays as it is. */
const char* judge_elsewhere(Path& path) {
  const char* wrong = nullptr;
  int ends[2];
  if (pipe(ends) != 0)
    return "there are no pipes";
  const pid_t pid = fork();
  if (pid == 0) {
    wrong = path.judge();
    _exit(write(ends[1], &wrong, sizeof(wrong)) == ssize_t{sizeof(wrong)} ? 0 : 1);
  }
  close(ends[1]);
  // The child has this program's texts at the same addresses.
  const bool is_answered = read(ends[0], &wrong, sizeof(wrong)) == ssize_t{sizeof(wrong)};
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  return is_answered ? wrong : "the next process ended by itself";
}

} // namespace

void PathKiller::read_code() {
  for (const Symbol& symbol : read_function_symbols("/proc/self/exe"))
    if (is_traced(symbol.name))
      library[symbol.end] = {symbol.begin, symbol.end, symbol.name};
}

const PathKiller::Code* PathKiller::code_at(uintptr_t address) const {
  const auto after = library.upper_bound(address);
  return after != library.end() && address >= after->second.begin ? &after->second : nullptr;
}

#if defined(__x86_64__)

/** Follows the path by single steps. Steps over what is not traced, so that sections run undisturbed. */
std::map<uintptr_t, uint32_t> PathKiller::trace(Path& path) const {
  std::map<uintptr_t, uint32_t> visits;
  Victim victim([&] { path.act(); });
  bool has_returned = true;
  while (victim.is_there()) {
    const uintptr_t at = victim.program_counter();
    if (code_at(at) != nullptr) {
      visits[at]++;
      has_returned = *reinterpret_cast<const uint8_t*>(at) == 0xc3;
    } else if (!has_returned) {
      // It stands at the beginning of a function that was called.
      const uintptr_t back = victim.word_on_stack();
      victim.plant(back);
      if (!victim.run_to_breakpoint())
        break;
      victim.lift(back);
      continue;
    }
    victim.step();
  }
  return visits;
}

#else

/**
 * Plants breakpoints on all instructions and lifts each where it is met. An atomic operation of several instructions,
 * which a single step would repeat for ever, ends when all of its instructions have been met.
 */
std::map<uintptr_t, uint32_t> PathKiller::trace(Path& path) const {
  std::map<uintptr_t, uint32_t> visits;
  Victim victim([&] { path.act(); });
  for (const auto& [end, code] : library)
    for (uintptr_t at = code.begin; at < end; at += kInstructionLength)
      victim.plant(at);
  while (victim.run_to_breakpoint()) {
    const uintptr_t at = victim.program_counter();
    victim.lift(at);
    visits[at] = kVisits; // Perhaps: the kill tells.
  }
  return visits;
}

#endif

/** Kills a process when it comes to `address` for the given time, from 1 on. False if it does not. */
bool PathKiller::kill_at(Path& path, uintptr_t address, uint32_t visit) const {
  Victim victim([&] { path.act(); });
  for (uint32_t met = 1;; met++) {
    victim.plant(address);
    if (!victim.run_to_breakpoint())
      return false;
    if (met == visit)
      return true;
    victim.lift(address);
    if (!victim.step())
      return false;
  }
}

void PathKiller::run_one(const PathRow& row, uint32_t every) {
  const std::unique_ptr<Path> path = row.make();
  results.push_back({row.name, 0, 0, 0, 0});
  PathKills& result = results.back();
  const std::map<uintptr_t, uint32_t> visits = trace(*path);
  uint32_t turn = static_cast<uint32_t>(getpid());
  for (const auto& [address, times] : visits) {
    if (turn++ % every != 0)
      continue;
    result.instructions++;
    for (uint32_t visit = 1; visit <= kVisits && visit <= times; visit++) {
      bool is_killed = false;
      for (uint32_t tries = 0; tries < (visit == 1 ? kMostTries : 1) && !is_killed; tries++) {
        path->reset();
        is_killed = kill_at(*path, address, visit);
      }
      if (!is_killed)
        break;
      result.kills++;
      result.killed += visit == 1 ? 1 : 0;
      const char* const wrong = judge_elsewhere(*path);
      if (wrong == nullptr)
        continue;
      const Code* const code = code_at(address);
      if (++result.failures <= kShownFailures)
        failures.push_back(std::string(row.name) + " killed in " + code->name + " at " +
                           std::to_string(address - code->begin) + ": " + wrong);
    }
  }
}

void PathKiller::run_all(const std::string& only, uint32_t every) {
  read_code();
  for (const PathRow& row : paths())
    if (std::string(row.name).find(only) != std::string::npos)
      run_one(row, every);
}

} // namespace percpu::kill_test
