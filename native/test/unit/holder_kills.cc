// Pools and lists in memory that processes share: processes are killed at any instruction, and no unit is lost.
#include "../../rseq/clocks.h"
#include "pinned.h"
#include "place.h"
#include "shared_units.h"

#include <cstdlib>
#include <random>
#include <sched.h>
#include <sys/ptrace.h>

using namespace percpu;
using namespace percpu::test;

namespace {

/** How often a kill is tried: `usually`, or what the environment says for a longer run. */
uint32_t times(uint32_t usually) {
  const char* const wanted = getenv("RSEQ_KILLS");
  return wanted == nullptr ? usually : static_cast<uint32_t>(strtoul(wanted, nullptr, 10));
}

/** How a child ends that cannot be traced. */
constexpr int kNotTraced = 77;

/** About as many instructions as the longest body below has. */
constexpr uint64_t kMostSteps = 12000;

/**
 * Runs `body` in a child that is killed after `steps` instructions. A section that is stepped through is aborted, so
 * this kills in the code around the sections. @return whether `body` had not ended by then.
 */
template <typename Body> bool kill_after(uint64_t steps, Body body) {
  const pid_t pid = fork();
  if (pid == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0)
      _exit(kNotTraced);
    raise(SIGSTOP);
    body();
    _exit(0);
  }
  CHECK(pid > 0);
  if (pid < 0)
    return false;
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotTraced)
    skip("no process can be traced here");
  for (uint64_t step = 0; step < steps && WIFSTOPPED(status); step++) {
    ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr);
    waitpid(pid, &status, 0);
  }
  if (!WIFSTOPPED(status))
    return false;
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  return true;
}

} // namespace

TEST(ten_thousand_blocks_are_back_within_100_ms_of_a_kill) {
  const SharedPool pool(10'000);
  Child child([&] { return pool.take(10'000).size(); });
  CHECK_EQUAL(child.answer, 10'000u);
  child.end();
  const int64_t begun = monotonic_ns();
  CHECK_EQUAL(pool.reclaimed(), 10'000u);
  const double passed = static_cast<double>(monotonic_ns() - begun) / 1e6;
  std::cout << "  10,000 blocks of a killed process came back in " << passed << " ms\n";
  pool.check_whole();
}

TEST(a_kill_at_any_instruction_around_the_sections_loses_no_unit) {
  const auto churn_pool = [](const SharedPool& pool) {
    // Goes through moves in both directions, whichever way sections end.
    std::vector<uint32_t> blocks = pool.take(12);
    for (const uint32_t block : blocks)
      pool.free(block);
    uint32_t count = 0;
    pool_flush(pool.region, here(Index::cpu_id).index, count);
    pool_reclaim(pool.region, count);
  };
  const auto churn_list = [](const SharedList& list) {
    for (const uint32_t node : list.take(6))
      list_push(list.region, node);
    uint32_t count = 0;
    list_reclaim(list.region, count);
  };
  const Pinned pinned; // A step is faster if no other CPU has to wake up.
  std::mt19937 random(std::random_device{}());
  const uint32_t kills = times(5);
  for (const bool is_checked : {false, true}) {
    const SharedPool pool(24, is_checked);
    const SharedList list(24, is_checked);
    for (uint32_t i = 0; i < kills; i++) {
      Child victim([&] { return pool.take(3).size() + list.take(3).size(); }); // So that there is something to reclaim.
      victim.end();
      kill_after(random() % kMostSteps, [&] { churn_pool(pool); });
      pool.reclaimed();
      pool.check_whole();
      kill_after(random() % kMostSteps, [&] { churn_list(list); });
      list.reclaimed();
      list.check_whole();
    }
  }
}

TEST(processes_killed_at_random_lose_no_block) {
  constexpr uint32_t kTeam = 3;
  const uint32_t kills = times(20);
  const SharedPool pool(100);
  const auto churn = [&]() -> uint64_t {
    std::mt19937 random(static_cast<uint32_t>(getpid()));
    std::vector<uint32_t> held;
    for (;;) {
      uint32_t block = 0;
      if (held.size() < random() % 60 && pool.alloc(block) == Status::ok) {
        held.push_back(block);
      } else if (!held.empty()) {
        pool.free(held.back());
        held.pop_back();
      }
    }
  };
  std::vector<pid_t> team(kTeam);
  std::mt19937 random(5);
  const auto start = [&](pid_t& pid) {
    pid = fork();
    if (pid == 0)
      _exit(static_cast<int>(churn()));
    CHECK(pid > 0);
  };
  const auto end = [&](pid_t pid) {
    if (pid <= 0) // A kill of process -1 would reach every process.
      return;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  };
  for (pid_t& pid : team)
    start(pid);
  for (uint32_t i = 0; i < kills; i++) {
    // Lets the team run for a random, short time.
    for (uint64_t turn = random() % 200; turn != 0; turn--)
      sched_yield();
    pid_t& pid = team[random() % kTeam];
    end(pid);
    pool.reclaimed();
    start(pid);
  }
  for (const pid_t pid : team)
    end(pid);
  pool.reclaimed();
  pool.check_whole();
}
