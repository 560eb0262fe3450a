// Fences of CPUs that a thread cannot visit, in memory that processes share.
#include "../../percpu/array.h"
#include "../../percpu/extents.h"
#include "../../percpu/fence_rows.h"
#include "../../percpu/remote.h"
#include "../../rseq/clocks.h"
#include "pinned.h"
#include "place.h"
#include "processes.h"

#include <algorithm>
#include <iterator>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>

using namespace percpu;
using namespace percpu::test;
using fence_rows::Row;

namespace {

/** How long a test waits for what will happen. */
constexpr uint32_t kPatienceMs = 300'000;
/** For so long the control of the race may go on. */
constexpr uint64_t kControlMs = 10'000;

/** A service whose processes can ask each other for fences. */
class FencedService : public Processes {
public:
  FencedService() : service(joined()), file(nameless_file("/tmp")) {
    CHECK_EQUAL(ftruncate(file, static_cast<off_t>(kFenceRowsBytes)), 0);
    CHECK_EQUAL(serve_fences(service, file), 0);
    rows = static_cast<Row*>(mmap(nullptr, kFenceRowsBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    CHECK(rows != MAP_FAILED);
    // The helper runs before anything forks: a child that copies a sanitizer's allocator while a thread starts finds it
    // locked for ever.
    const uint32_t ticket = fence_rows::ask(rows[slot()]);
    while (fence_rows::await(rows[slot()], ticket) == fence_rows::Answer::not_yet)
      sched_yield();
  }
  ~FencedService() {
    munmap(rows, kFenceRowsBytes);
    close(file);
  }
  FencedService(const FencedService&) = delete;
  FencedService& operator=(const FencedService&) = delete;

  bool fence(uint32_t milliseconds = kPatienceMs) const {
    return fence_by_asking(service, membarrier_all, milliseconds);
  }
  uint32_t slot() const { return service_slot(service); }

  const uint32_t service;
  Row* rows = nullptr;

private:
  static constexpr uint32_t membarrier_all = UINT32_MAX;
  const int file;
};

/** A child that has taken a slot; its answer is the slot. */
class Member : public Child {
public:
  explicit Member(const FencedService& of) : Child([&] { return uint64_t{of.slot()}; }) {}
  uint32_t slot() const { return static_cast<uint32_t>(answer); }
};

/** What both processes of the race see. */
struct Race {
  uint32_t is_running, has_stopped, quits;
  uint64_t added;
};

class SharedWord : public SharedRegion {
public:
  explicit SharedWord(uint32_t service) : SharedRegion(service, spec()) {}
  uint64_t* word(uint32_t shard) const { return word_at<uint64_t>(region, shard, kArrayHead); }
  uint64_t* stop(uint32_t shard) const { return word_at<uint64_t>(region, shard, 0); }

private:
  static RegionSpec spec() {
    return {Kind::array, Element::i64, Index::cpu_id, Writers::sections, 1u << 8, kArrayHead + 1};
  }
};

void await_word(const uint32_t& word, uint32_t wanted) {
  const uint64_t end = monotonic_ms() + kPatienceMs;
  while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != wanted && monotonic_ms() < end)
    sched_yield();
  CHECK_EQUAL(__atomic_load_n(&word, __ATOMIC_ACQUIRE), wanted);
}

/** The other process: adds on its CPU, by sections, whenever the race runs. */
void add_until_told(const SharedWord& shared, Race& race) {
  while (__atomic_load_n(&race.quits, __ATOMIC_ACQUIRE) == 0) {
    if (__atomic_load_n(&race.is_running, __ATOMIC_ACQUIRE) == 0) {
      __atomic_store_n(&race.has_stopped, 1, __ATOMIC_RELEASE);
      sched_yield();
      continue;
    }
    ActAnswer answer = {};
    if (array_act(shared.region, 0, {Act::add, 1, 0}, answer) == Status::ok)
      race.added++;
  }
}

/** Pins the calling thread to a CPU for ever. */
void stay_on(size_t cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

/** Two CPUs that this process may run on; the second is 0 if there is only one. */
void two_cpus(size_t& first, size_t& second) {
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof(allowed), &allowed);
  size_t found[2] = {0, 0};
  uint32_t count = 0;
  for (size_t cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
    if (CPU_ISSET(cpu, &allowed))
      found[count++] = cpu;
  first = found[0];
  second = count == 2 ? found[1] : found[0];
}

/** Adds by plain loads and stores, `times` times, each behind stop() and in front of resume(). */
template <typename Stop, typename Resume>
void add_as_owner(const SharedWord& shared, uint32_t cpu, uint32_t times, Stop stop, Resume resume) {
  uint64_t* const word = shared.word(cpu);
  for (uint32_t i = 0; i < times; i++) {
    stop();
    const uint64_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
    // A section that has loaded the word and was not fenced commits now.
    for (uint32_t turn = 0; turn < 200; turn++)
      __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(word, seen + 1, __ATOMIC_RELAXED);
    resume();
  }
}

} // namespace

TEST(a_process_that_is_asked_fences_itself) {
  const FencedService service;
  const uint32_t own = service.rows[service.slot()].asked;
  CHECK(service.fence());
  // The slots lie far apart, so the search has to go through all of the file.
  const Member near(service);
  service.set_last_taken(kProcessSlots / 2);
  const Member middle(service);
  service.set_last_taken(kProcessSlots - 1);
  const Member far(service);
  CHECK_EQUAL(far.slot(), kProcessSlots);
  CHECK(service.fence());
  for (const uint32_t slot : {near.slot(), middle.slot(), far.slot()}) {
    CHECK_EQUAL(service.rows[slot].asked, 1u);
    CHECK_EQUAL(service.rows[slot].served, 1u);
  }
  CHECK_EQUAL(service.rows[service.slot()].asked, own); // No process asks itself.
}

TEST(nobody_can_be_asked_where_the_rows_are_not_mapped) {
  const Processes processes;
  CHECK(!fence_by_asking(processes.joined(), 0, 1));
  CHECK(!fence_by_asking(processes.joined() + 1, 0, 1));
  CHECK_EQUAL(serve_fences(processes.joined() + 1, 0), ESRCH);
}

TEST(a_dead_process_needs_no_fence) {
  const FencedService service;
  Member member(service);
  kill(member.pid, SIGSTOP);
  const uint32_t ticket = fence_rows::ask(service.rows[member.slot()]);
  CHECK_EQUAL(fence_rows::await(service.rows[member.slot()], ticket + 1), fence_rows::Answer::not_yet);
  member.end();
  CHECK(service.fence());
}

TEST(a_process_that_is_stopped_lets_others_wait_once) {
  const FencedService service;
  const Member member(service);
  const Row& row = service.rows[member.slot()];
  CHECK(service.fence());
  kill(member.pid, SIGSTOP);
  int status = 0;
  CHECK_EQUAL(waitpid(member.pid, &status, WUNTRACED), member.pid);
  CHECK(!service.fence(20));
  CHECK_EQUAL(row.state, uint32_t{fence_rows::late});
  // From now on nobody waits until the end of a test.
  const uint64_t before = monotonic_ms();
  CHECK(!service.fence());
  CHECK(monotonic_ms() - before < kPatienceMs);
  kill(member.pid, SIGCONT);
  bool is_fenced = false;
  for (const uint64_t end = monotonic_ms() + kPatienceMs; !is_fenced && monotonic_ms() < end;)
    is_fenced = service.fence();
  CHECK(is_fenced);
  CHECK_EQUAL(row.state, uint32_t{fence_rows::ready});
}

TEST(a_process_that_cannot_fence_says_so) {
  const FencedService service;
  Child child([&] {
    // Whoever may neither call membarrier nor visit CPUs cannot end the sections of its own threads.
    if (!refuse(SYS_membarrier) || !refuse(SYS_sched_setaffinity))
      return uint64_t{0};
    return uint64_t{service.slot()};
  });
  if (child.answer == 0)
    return skip("no seccomp filter can be set");
  // A process that never had a section has nothing to fence.
  const bool has_sections = may_run_sections();
  CHECK_EQUAL(service.fence(), !has_sections);
  if (has_sections)
    CHECK_EQUAL(service.rows[child.answer].state, uint32_t{fence_rows::incapable});
  child.end();
  CHECK(service.fence());
}

TEST(a_forked_child_without_a_slot_cannot_be_fenced) {
  const FencedService service;
  int orders[2];
  CHECK_EQUAL(pipe(orders), 0);
  // Unlike Member, the child takes its slot only when it is told to.
  Child child([] { return uint64_t{1}; });
  CHECK(!service.fence(5));
  child.end();
  CHECK(service.fence());
  Child later([&] {
    const pid_t grandchild = fork();
    char order = 0;
    if (grandchild == 0) {
      if (read(orders[0], &order, 1) == 1 && service.slot() != 0)
        for (;;)
          pause();
      _exit(1);
    }
    return service.slot() != 0 ? static_cast<uint64_t>(grandchild) : 0;
  });
  CHECK(later.answer != 0);
  CHECK(!service.fence(5));
  CHECK_EQUAL(write(orders[1], "x", 1), ssize_t{1});
  CHECK(service.fence());
  kill(static_cast<pid_t>(later.answer), SIGKILL);
  close(orders[0]);
  close(orders[1]);
}

TEST(a_child_that_cannot_tell_of_itself_is_never_taken_for_fenced) {
  const FencedService service;
  // The grandchild outlives its parent, and ends when this process closes its end of the pipe, or ends itself.
  int life[2];
  CHECK_EQUAL(pipe(life), 0);
  Child parent([&] {
    const uint32_t slot = service.slot();
    unlink(service.path.c_str());
    if (fork() == 0) {
      close(life[1]);
      char none = 0;
      _exit(static_cast<int>(read(life[0], &none, 1)));
    }
    return uint64_t{slot};
  });
  close(life[0]);
  bool is_marked = false;
  for (const uint64_t end = monotonic_ms() + kPatienceMs; !is_marked && monotonic_ms() < end; sched_yield())
    is_marked = __atomic_load_n(&service.rows[parent.answer].state, __ATOMIC_SEQ_CST) == fence_rows::unreachable;
  CHECK(is_marked);
  CHECK(!service.fence());
  const auto slot = static_cast<uint32_t>(parent.answer);
  parent.end();
  // The grandchild keeps its parent's slot.
  CHECK(is_slot_taken(service.service, slot));
  CHECK(!service.fence());
  close(life[1]);
}

TEST(overwritten_rows_cost_a_fence_and_nothing_else) {
  const FencedService service;
  const Member member(service);
  Row& row = service.rows[member.slot()];
  for (const uint32_t value : {0u, 1u, UINT32_MAX, uint32_t{1} << 31}) {
    row.asked = value;
    row.state = value;
    service.fence(20);
    row.served = value;
    service.fence(20);
  }
  row.state = fence_rows::ready;
  CHECK(service.fence());
}

TEST(sections_of_a_process_whose_cpu_cannot_be_visited_are_fenced) {
  size_t mine, other;
  two_cpus(mine, other);
  if (mine == other)
    return skip("two CPUs are needed");
  if (!is_registered(current_area()))
    return skip("this thread is not registered for rseq");
  const FencedService service;
  const SharedWord shared(service.service);
  const MappedFile mapped(service.service, sizeof(Race));
  Race& race = *static_cast<Race*>(mapped.memory);
  const auto cpu = static_cast<uint32_t>(other);
  CHECK_EQUAL(reach_shard(shared.region, cpu), Status::ok);
  const Child adder([&] {
    const uint64_t slot = service.slot();
    // The helper was made before: it may run anywhere.
    stay_on(other);
    std::thread([&] { add_until_told(shared, race); }).detach();
    return slot;
  });
  CHECK(adder.answer != 0);
  uint64_t owned = 0;
  const auto lost = [&] {
    // Without the adder, the total says whether an addition was undone.
    __atomic_store_n(&race.has_stopped, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&race.is_running, 0, __ATOMIC_RELEASE);
    await_word(race.has_stopped, 1);
    uint64_t total = 0;
    for (uint32_t shard = 0; shard <= cpu; shard++)
      total += *shared.word(shard);
    total += *shared.word(shared.region.shards);
    return static_cast<int64_t>(race.added + owned - total);
  };
  const auto run = [&](auto stop, auto resume, uint32_t times) {
    __atomic_store_n(&race.is_running, 1, __ATOMIC_RELEASE);
    add_as_owner(shared, cpu, times, stop, resume);
    owned += times;
  };
  bool is_refused = false;
  int64_t lost_without = 0;
  uint64_t stops = 0;
  on_thread([&] {
    stay_on(mine);
    is_refused = refuse(SYS_sched_setaffinity);
    if (!is_refused)
      return;
    constexpr uint32_t kStops = 2'000;
    uint64_t* const word = shared.stop(cpu);
    run([&] { CHECK_EQUAL(stop_shard(shared.region, cpu, word), Status::ok); },
        [&] { CHECK_EQUAL(resume_shard(shared.region, cpu, word), Status::ok); }, kStops);
    CHECK_EQUAL(lost(), 0);
    // The control takes the same word and makes no fence. A section of an addition is open for a few instructions only,
    // so that the control loses additions on most machines and runs, but not in all.
    const uint64_t me = name_in_service(service.service, this_owner());
    for (const uint64_t end = monotonic_ms() + kControlMs; lost_without == 0 && monotonic_ms() < end;) {
      run([&] { __atomic_store_n(word, me, __ATOMIC_RELAXED); },
          [&] { __atomic_store_n(word, kNobody, __ATOMIC_SEQ_CST); }, kStops);
      stops += kStops;
      lost_without = lost();
    }
    std::cout << "  without fences, " << lost_without << " additions were lost in " << stops << " stops\n";
  });
  __atomic_store_n(&race.quits, 1, __ATOMIC_RELEASE);
  if (!is_refused)
    return skip("no seccomp filter can be set");
  if (lost_without == 0)
    return skip("the control without fences lost nothing here, so the race proves nothing");
}

TEST(a_fence_by_asking_takes_a_wake_up) {
  const FencedService service;
  const Member member(service);
  constexpr uint32_t kFences = 200;
  uint64_t times[kFences];
  bool is_done = true;
  for (uint64_t& time : times) {
    const int64_t start = monotonic_ns();
    is_done = service.fence() && is_done;
    time = static_cast<uint64_t>(monotonic_ns() - start);
  }
  CHECK(is_done);
  std::sort(std::begin(times), std::end(times));
  const uint64_t median = times[kFences / 2];
  std::cout << "  a fence by asking one process took " << static_cast<double>(median) / 1000 << " us\n";
}
