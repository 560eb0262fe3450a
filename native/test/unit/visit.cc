#include "../../rseq/visit.h"
#include "../../rseq/cpus.h"
#include "harness.h"

#include <cstring>
#include <fstream>
#include <sched.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

using namespace percpu;
using namespace percpu::test;
using visit::CpuSet;

namespace {

/** A system of four CPUs with a cpuset, whose calls fail or lie as a case wants it. */
struct System {
  uint64_t cpuset = 0xf;
  uint64_t online = 0xf;
  uint64_t wanted = 0xf; ///< What was asked for last; the kernel keeps it through changes of the cpuset.
  uint32_t cpu = 0;
  uint32_t calls = 0;
  uint32_t refused_calls = 0;             ///< The first so many calls fail.
  bool refuses_all_but_one = false;       ///< Only a visit works, nothing gives the affinity back.
  bool pretends = false;                  ///< A sandbox: calls succeed and do nothing.
  void (*before_call)(System&) = nullptr; ///< Something changes just then.
  void (*after_call)(System&) = nullptr;
  uint64_t allowed() const { return (wanted & cpuset) != 0 ? wanted & cpuset : cpuset; }
  void settle() {
    while ((allowed() >> cpu & 1) == 0)
      cpu = (cpu + 1) % 4;
  }
};
System* machine = nullptr;

bool get(CpuSet& set) noexcept {
  set = {};
  set.words[0] = machine->allowed();
  return true;
}

bool set(const CpuSet& set) noexcept {
  machine->calls++;
  if (machine->before_call != nullptr)
    machine->before_call(*machine);
  const uint64_t mask = set.words[0];
  const bool is_one = (mask & (mask - 1)) == 0;
  if (machine->pretends)
    return true;
  if (machine->calls <= machine->refused_calls || (machine->refuses_all_but_one && !is_one) ||
      (mask & machine->cpuset & machine->online) == 0)
    return false;
  machine->wanted = mask;
  machine->settle();
  if (machine->after_call != nullptr)
    machine->after_call(*machine);
  return true;
}

uint32_t current() noexcept {
  return machine->cpu;
}

bool is_online(uint32_t cpu) noexcept {
  return cpu < 4 && (machine->online >> cpu & 1) != 0;
}

constexpr visit::Scheduler kMade = {get, set, current, is_online};

/** Visits all four CPUs of the system. */
bool visits(System& system) {
  machine = &system;
  return visit::cpus(0, 4, kMade);
}

} // namespace

TEST(a_visit_restores_the_affinity) {
  System all;
  CHECK(visits(all));
  CHECK_EQUAL(all.allowed(), 0xfu);
  System some;
  some.wanted = 6;
  CHECK(visits(some));
  CHECK_EQUAL(some.allowed(), 6u);
  // Allowed all of its cpuset, the thread follows it when it grows.
  System grows;
  grows.cpuset = 3;
  grows.wanted = 3;
  machine = &grows;
  CHECK(visit::cpus(1, 2, kMade));
  grows.cpuset = 0xf;
  CHECK_EQUAL(grows.allowed(), 0xfu);
}

TEST(a_cpu_that_is_offline_or_does_not_exist_counts_as_visited) {
  System system;
  system.online = system.cpuset = 7;
  CHECK(visits(system));
  machine = &system;
  CHECK(visit::cpus(4, 5, kMade));
  CHECK(visit::cpus(visit::kMostCpus, UINT32_MAX, kMade));
}

TEST(a_cpu_outside_of_the_cpuset_is_not_visited) {
  System system;
  system.cpuset = 3;
  CHECK(!visits(system));
  CHECK_EQUAL(system.allowed(), 3u);
}

TEST(a_visit_that_led_elsewhere_does_not_count) {
  System sandbox;
  sandbox.pretends = true;
  CHECK(!visits(sandbox));
  machine = &sandbox;
  CHECK(visit::cpus(0, 1, kMade)); // There already.
  // A cpuset that changes inside of the call: it succeeds, and the thread is on another CPU.
  System races;
  races.after_call = [](System& system) {
    if (system.calls == 4) {
      system.cpuset = 1;
      system.settle();
    }
  };
  CHECK(!visits(races));
  CHECK_EQUAL(races.allowed(), 1u);
  // It changes back: the next try gets there.
  System once;
  once.after_call = [](System& system) { system.cpu = system.calls == 2 ? 3 : system.cpu; };
  CHECK(visits(once));
}

TEST(calls_that_fail_for_a_moment_are_tried_again) {
  System system;
  system.wanted = 6;
  system.refused_calls = 3;
  CHECK(visits(system));
  CHECK_EQUAL(system.allowed(), 6u);
  System never;
  never.refused_calls = UINT32_MAX;
  CHECK(!visits(never));
  CHECK(never.calls < 64);
}

TEST(an_affinity_that_is_not_restored_is_reported) {
  System system;
  system.refuses_all_but_one = true;
  CHECK(!visits(system));
  CHECK(system.calls < 64);
}

TEST(an_affinity_that_the_cpuset_forbids_by_now_becomes_all_that_it_allows) {
  System system;
  system.wanted = 1;
  system.after_call = [](System& changed) {
    changed.cpuset = changed.calls >= 4 ? 0xe : 0xf;
    changed.settle();
  };
  CHECK(visits(system));
  CHECK_EQUAL(system.allowed(), 0xeu);
}

namespace {

/** A cpuset of its own, in the hierarchy that lets single threads in; gone with it. */
class RealCpuset {
public:
  RealCpuset() : path_("/sys/fs/cgroup/cpuset/rseq-test-" + std::to_string(getpid())) {
    exists_ = mkdir(path_.c_str(), 0755) == 0 && put("cpuset.mems", "0") && put("cpuset.cpus", "0-1");
  }
  ~RealCpuset() { rmdir(path_.c_str()); }
  RealCpuset(const RealCpuset&) = delete;
  RealCpuset& operator=(const RealCpuset&) = delete;

  bool exists() const { return exists_; }
  bool put(const char* file, const std::string& text) const {
    std::ofstream stream(path_ + "/" + file);
    stream << text << std::flush;
    return stream.good();
  }
  bool enter() const { return put("tasks", std::to_string(syscall(SYS_gettid))); }

private:
  std::string path_;
  bool exists_ = false;
};

uint64_t own_affinity() {
  CpuSet now = {};
  visit::kLinux.get_affinity(now);
  return now.words[0];
}

} // namespace

TEST(real_cpusets_that_change_leave_no_thread_pinned) {
  const RealCpuset cpuset;
  if (!cpuset.exists() || possible_cpus() < 2)
    return skip("no cpuset can be made here, or there is one CPU only");
  bool has_entered = false;
  uint32_t ends = 0, visited = 0;
  std::thread visitor([&] {
    has_entered = cpuset.enter();
    if (!has_entered)
      return;
    cpuset.put("cpuset.cpus", "0");
    CHECK(!visit::cpus(1, 2)); // Forbidden, and online.
    CHECK_EQUAL(own_affinity(), 1u);
    cpuset.put("cpuset.cpus", "0-1");
    CHECK_EQUAL(own_affinity(), 3u); // Not pinned to what it was restored to.
    CHECK(visit::cpus(1, 2));
    bool stop = false;
    std::thread changer([&] {
      for (const char* cpus = "0"; !__atomic_load_n(&stop, __ATOMIC_RELAXED); cpus = *cpus == '0' ? "1" : "0")
        cpuset.put("cpuset.cpus", cpus);
    });
    for (; ends < 500; ends++)
      visited += visit::cpus(1, 2);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    changer.join();
    cpuset.put("cpuset.cpus", "0-1");
    CHECK_EQUAL(own_affinity(), 3u);
  });
  visitor.join();
  if (!has_entered)
    return skip("a thread cannot be put into a cpuset here");
  CHECK_EQUAL(ends, 500u);
}
