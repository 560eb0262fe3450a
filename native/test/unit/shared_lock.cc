// Mutexes and the locks of CPUs in memory that processes share.
#include "../../percpu/cpu_lock.h"
#include "../../percpu/mutex.h"
#include "../../rseq/cpus.h"
#include "place.h"
#include "processes.h"

#include <ctime>
#include <random>
#include <sys/mman.h>
#include <thread>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

/** The waiters look after a slice at the latest; no machine makes them wait for so many. */
constexpr int kPatience = 2000;

class SharedMutex : private Processes, public SharedRegion {
public:
  SharedMutex()
      : SharedRegion(joined(), {Kind::mutex, Element::i64, Index::cpu_id, Writers::sections, 1, kLockLength}) {}

  /** A seat of the calling thread. */
  MutexSeat seat() const {
    MutexSeat made = {};
    CHECK_EQUAL(mutex_open(region, made), RegionError::none);
    return made;
  }
};

class SharedCpuLock : private Processes, public SharedRegion {
public:
  SharedCpuLock()
      : SharedRegion(joined(),
                     {Kind::cpu_lock, Element::i64, Index::cpu_id, Writers::sections, possible_cpus(), kLockLength}) {}

  /** A seat of the calling thread, which the caller must close. */
  CpuLockSeat seat() const {
    CpuLockSeat made = {};
    CHECK_EQUAL(cpu_lock_open(region, made), RegionError::none);
    return made;
  }
};

Status lock(MutexSeat& seat) {
  Status status = mutex_try_lock(seat);
  for (int slice = 0; slice < kPatience && status == Status::busy; slice++)
    status = mutex_wait(seat, kLockSliceMs);
  return status;
}

Status lock(CpuLockSeat& seat, uint32_t& shard) {
  Status status = cpu_lock_try(seat, shard);
  for (int slice = 0; slice < kPatience && status == Status::busy; slice++)
    status = cpu_lock_wait(seat, kLockSliceMs, shard);
  return status;
}

/** Words that forked children see, too. */
template <typename Words> class Shared {
public:
  Shared()
      : words(static_cast<Words*>(
            mmap(nullptr, sizeof(Words), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    CHECK(words != MAP_FAILED);
  }
  ~Shared() { munmap(words, sizeof(Words)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  Words* operator->() const { return words; }

private:
  Words* words;
};

/** Waits for the end of a child that ends by itself. */
bool ended_well(pid_t child) {
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/** Forks a child that runs `body` to its end, and fails if a check fails there. */
template <typename Body> pid_t forked(Body body) {
  const pid_t child = fork();
  if (child != 0)
    return child;
  state.failed = false;
  body();
  std::cout.flush();
  _exit(state.failed ? 1 : 0);
}

/** What processes do under a mutex, by ordinary loads and stores. */
struct Ledger {
  volatile uint64_t first;
  volatile uint64_t owner; ///< Who is between lock and unlock.
  volatile uint64_t second;
  uint64_t two_owners; ///< How often somebody found another owner there.
  uint64_t confirmed[8];
  uint64_t died;   ///< How often an owner was found dead.
  uint32_t stays;  ///< While it is 1, an owner stays in the middle of its work.
  uint64_t inside; ///< The owner that stays there.

  /** What an owner does. It can be killed in the middle: then `first` is one more than `second`. */
  void add(uint64_t me) {
    owner = me;
    first = first + 1;
    while (__atomic_load_n(&stays, __ATOMIC_RELAXED) != 0) {
      __atomic_store_n(&inside, me, __ATOMIC_RELAXED);
      std::this_thread::yield();
    }
    second = second + 1;
    if (owner != me)
      __atomic_fetch_add(&two_owners, 1, __ATOMIC_RELAXED);
  }
};

constexpr uint64_t kAdds = 50'000;
/** So many that threads interrupt each other, whoever else uses the machine. */
constexpr uint64_t kControlAdds = 2'000'000;

/** Runs `work(number, taken)` on two threads of each of four children, which begin together. */
template <typename Work> void in_four_processes(Work work) {
  struct Gate {
    uint32_t waiting;
  };
  const Shared<Gate> gate;
  const auto begin = [&](uint32_t number, Held taken) {
    __atomic_fetch_add(&gate->waiting, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&gate->waiting, __ATOMIC_RELAXED) < 8)
      std::this_thread::yield();
    work(number, taken);
  };
  std::vector<pid_t> children;
  for (uint32_t i = 0; i < 4; i++)
    children.push_back(forked([&] {
      // Threads with and without sections, and with and without membarrier.
      std::thread other([&] { begin(2 * i, Held::fenced); });
      if (i % 2 != 0 || !on_refused_thread([&] { begin(2 * i + 1, Held::lightly); }))
        begin(2 * i + 1, Held::lightly);
      other.join();
    }));
  for (const pid_t child : children)
    CHECK(ended_well(child));
}

double ms_since(uint64_t begun) {
  return static_cast<double>(now_ns() - begun) / 1e6;
}

/** What is a matter of chance is waited for. No machine needs so long. */
constexpr double kAtMostMs = 120'000;

/** The control: `loses` does without the lock what a test does with it, until it says that updates were lost. */
template <typename Loses> bool loses_updates(Loses loses) {
  const uint64_t begun = now_ns();
  while (!loses())
    if (ms_since(begun) > kAtMostMs)
      return false;
  return true;
}

} // namespace

TEST(a_mutex_of_a_killed_process_is_taken_over) {
  const SharedMutex mutex;
  MutexSeat seat = mutex.seat();
  CHECK_EQUAL(seat.self.name, name_in_service(mutex.region.service, this_owner()));
  Child child([&] {
    MutexSeat own = mutex.seat();
    return static_cast<uint64_t>(mutex_try_lock(own));
  });
  CHECK_EQUAL(child.answer, static_cast<uint64_t>(Status::ok));
  CHECK_EQUAL(mutex_try_lock(seat), Status::busy);
  CHECK_EQUAL(mutex_wait(seat, 0), Status::busy);
  CHECK_EQUAL(mutex_wait(seat, 1), Status::busy);
  CHECK_EQUAL(mutex_unlock(seat), Status::not_owner);
  child.end();
  CHECK_EQUAL(mutex_try_lock(seat), Status::busy);
  CHECK_EQUAL(mutex_wait(seat, 0), Status::owner_died);
  CHECK_EQUAL(mutex_wait(seat, 0), Status::held_already);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
}

TEST(a_waiter_gets_the_mutex_of_a_process_that_is_killed_meanwhile) {
  const SharedMutex mutex;
  Child child([&] {
    MutexSeat own = mutex.seat();
    return static_cast<uint64_t>(mutex_try_lock(own));
  });
  uint64_t taken = 0;
  std::thread waiter([&] {
    MutexSeat seat = mutex.seat();
    CHECK_EQUAL(lock(seat), Status::owner_died);
    taken = now_ns();
    CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  });
  auto* words = reinterpret_cast<LockWords*>(mutex.region.first_shard);
  while (__atomic_load_n(&words->sleepers, __ATOMIC_RELAXED) == 0)
    std::this_thread::yield();
  child.end();
  const uint64_t dead = now_ns();
  waiter.join();
  std::cout << "  a waiter had the mutex of a killed process after "
            << (taken > dead ? static_cast<double>(taken - dead) / 1e6 : 0.) << " ms\n";
}

TEST(a_forked_child_does_not_own_its_parents_locks) {
  const SharedMutex mutex;
  const SharedCpuLock locks;
  MutexSeat seat = mutex.seat();
  CpuLockSeat cpus = locks.seat();
  CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
  uint32_t shard = 0;
  CHECK_EQUAL(lock(cpus, shard), Status::ok);
  const uint64_t parent = seat.self.name;
  CHECK(ended_well(forked([&] {
    CHECK_EQUAL(mutex_unlock(seat), Status::not_owner);
    CHECK(seat.self.name != parent);
    CHECK_EQUAL(mutex_try_lock(seat), Status::busy);
    CHECK_EQUAL(mutex_wait(seat, 1), Status::busy);
    CHECK_EQUAL(cpu_lock_unlock(cpus, shard), Status::not_owner);
    CHECK(cpus.self.name != parent);
    MutexSeat closed = mutex.seat();
    closed.self.forks--; // Opened by the parent, which held it.
    closed.self.name = parent;
    closed.held = Held::lightly;
    mutex_close(closed);
    CHECK_EQUAL(seat.words->state, parent);
    cpu_lock_close(cpus);
  })));
  CHECK_EQUAL(cpu_lock_words(cpus, shard).state, cpus.self.name);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  CHECK_EQUAL(cpu_lock_unlock(cpus, shard), Status::ok);
  // A seat that the parent opened is the child's own there.
  Child child([&] {
    uint32_t at = 0;
    return uint64_t{mutex_try_lock(seat) == Status::ok && lock(cpus, at) == Status::ok};
  });
  CHECK_EQUAL(child.answer, 1u);
  CHECK_EQUAL(mutex_try_lock(seat), Status::busy);
  child.end();
  CHECK_EQUAL(mutex_wait(seat, 0), Status::owner_died);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  cpu_lock_close(cpus);
}

TEST(a_lock_of_a_cpu_of_a_killed_process_is_taken_over) {
  const SharedCpuLock locks;
  CpuLockSeat seat = locks.seat();
  // A child for each CPU's lock, and for that of threads without sections.
  for (uint32_t k = 0; k <= seat.shards; k++) {
    Child child([&] {
      cpu_lock_words(seat, k).state = name_in_service(locks.region.service, this_owner());
      return k;
    });
    const uint64_t state = cpu_lock_words(seat, k).state;
    CHECK_EQUAL(lock_owner_life(seat.self, state), Life::alive);
    child.end();
    CHECK_EQUAL(lock_owner_life(seat.self, state), Life::ended);
    if (k % 16 == 15)
      k = seat.shards - 1; // Machines may have thousands of possible CPUs.
  }
  uint32_t shard = 0;
  const Status status = lock(seat, shard);
  CHECK(status == Status::owner_died || (status == Status::ok && shard >= 16));
  CHECK_EQUAL(cpu_lock_unlock(seat, shard), Status::ok);
  cpu_lock_close(seat);
}

TEST(every_word_in_a_shared_lock_is_survived) {
  const SharedMutex mutex;
  const SharedCpuLock locks;
  MutexSeat seat = mutex.seat();
  CpuLockSeat cpus = locks.seat();
  std::mt19937_64 random(1);
  for (uint32_t i = 0; i < 200; i++) {
    // Half of them have a slot that exists.
    const uint64_t word = i % 2 == 0 ? random() : random() >> 12 | (1 + random() % 4) << kOwnerProcessShift;
    for (LockWords* words : {seat.words, &cpu_lock_words(cpus, static_cast<uint32_t>(random() % cpus.shards))}) {
      words->wakes = static_cast<uint32_t>(random());
      words->sleepers = static_cast<uint32_t>(random());
      words->callers = static_cast<uint32_t>(random());
      words->state = word;
    }
    CHECK_EQUAL(mutex_wait(seat, 0), Status::owner_died);
    const Status unlocked = mutex_unlock(seat);
    CHECK(unlocked == Status::ok || unlocked == Status::call);
    uint32_t shard = 0;
    const Status status = lock(cpus, shard);
    CHECK(status == Status::owner_died || status == Status::ok);
    const Status released = cpu_lock_unlock(cpus, shard);
    CHECK(released == Status::ok || released == Status::call);
  }
  cpu_lock_close(cpus);
}

TEST(processes_under_a_mutex_lose_nothing) {
  const SharedMutex mutex;
  const Shared<Ledger> ledger;
  const auto sum_of = [&](uint64_t adds, bool is_locked) {
    ledger->first = ledger->second = 0;
    in_four_processes([&](uint32_t thread, Held taken) {
      MutexSeat seat = mutex.seat();
      seat.self.taken = taken;
      for (uint64_t k = 0; k < adds; k++) {
        if (is_locked)
          CHECK_EQUAL(lock(seat), Status::ok);
        ledger->add(thread + 1);
        if (is_locked)
          CHECK_EQUAL(mutex_unlock(seat), Status::ok);
      }
      mutex_close(seat);
    });
    return ledger->second;
  };
  CHECK_EQUAL(sum_of(kAdds, true), 8 * kAdds);
  CHECK_EQUAL(ledger->first, 8 * kAdds);
  CHECK_EQUAL(ledger->two_owners, 0u);
  CHECK(loses_updates([&] { return sum_of(kControlAdds, false) < 8 * kControlAdds; }));
}

TEST(processes_under_locks_of_cpus_lose_nothing) {
  if (possible_cpus() >= 64)
    return skip("there are not enough words for so many CPUs");
  struct Words {
    volatile uint64_t of[64];
  };
  const SharedCpuLock locks;
  const Shared<Words> words;
  const auto sum_of = [&](uint64_t adds, bool is_locked) {
    for (volatile uint64_t& word : words->of)
      word = 0;
    in_four_processes([&](uint32_t, Held taken) {
      CpuLockSeat seat = locks.seat();
      seat.self.taken = taken;
      for (uint64_t k = 0; k < adds; k++) {
        uint32_t shard = 0;
        if (is_locked)
          CHECK_EQUAL(lock(seat, shard), Status::ok);
        volatile uint64_t& word = words->of[shard];
        word = word + 1;
        if (is_locked)
          CHECK_EQUAL(cpu_lock_unlock(seat, shard), Status::ok);
      }
      cpu_lock_close(seat);
    });
    uint64_t sum = 0;
    for (const volatile uint64_t& word : words->of)
      sum += word;
    return sum;
  };
  CHECK_EQUAL(sum_of(kAdds, true), 8 * kAdds);
  CHECK(loses_updates([&] { return sum_of(kControlAdds, false) < 8 * kControlAdds; }));
}

TEST(processes_that_are_killed_at_any_time_leave_a_mutex_with_one_owner) {
  constexpr uint32_t kChildren = 4;
  constexpr double kForMs = 3000;
  /** Every so many kills, the first one included, one hits an owner in the middle of its work for certain. */
  constexpr uint64_t kOwnerEvery = 64;
  const SharedMutex mutex;
  const Shared<Ledger> ledger;
  uint64_t before = 0; // What children had confirmed that are dead.
  const auto start = [&](uint32_t i) {
    return forked([&, i] {
      MutexSeat seat = mutex.seat();
      const uint64_t me = static_cast<uint64_t>(getpid());
      for (;;) {
        const Status status = lock(seat);
        if (status == Status::owner_died) {
          // The dead owner may have done half of its work.
          __atomic_fetch_add(&ledger->died, 1, __ATOMIC_RELAXED);
          ledger->first = ledger->second;
        }
        ledger->add(me);
        mutex_unlock(seat);
        ledger->confirmed[i]++;
      }
    });
  };
  pid_t children[kChildren];
  for (uint32_t i = 0; i < kChildren; i++)
    children[i] = start(i);
  std::mt19937 random(static_cast<uint32_t>(now_ns()));
  const uint64_t begun = now_ns();
  uint64_t kills = 0;
  const auto goes_on = [&] {
    const double ms = ms_since(begun);
    const bool seen = __atomic_load_n(&ledger->died, __ATOMIC_RELAXED) > 0;
    return ms < (seen ? kForMs : kAtMostMs);
  };
  /** Makes the next owner stay in the middle of its work, and returns which child it is. */
  const auto wait_for_an_owner = [&] {
    __atomic_store_n(&ledger->inside, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&ledger->stays, 1, __ATOMIC_RELAXED);
    const uint64_t since = now_ns();
    while (ms_since(since) < kAtMostMs) {
      const uint64_t inside = __atomic_load_n(&ledger->inside, __ATOMIC_RELAXED);
      for (uint32_t i = 0; i < kChildren; i++)
        if (inside == static_cast<uint64_t>(children[i]))
          return i;
      std::this_thread::yield();
    }
    CHECK(false); // No child became the owner.
    return 0u;
  };
  while (goes_on()) {
    const timespec moment = {0, static_cast<long>(random() % 3'000'000)};
    nanosleep(&moment, nullptr);
    const uint32_t i = kills % kOwnerEvery == 0 ? wait_for_an_owner() : random() % kChildren;
    kill(children[i], SIGKILL);
    waitpid(children[i], nullptr, 0);
    __atomic_store_n(&ledger->stays, 0, __ATOMIC_RELAXED);
    kills++;
    before += ledger->confirmed[i];
    ledger->confirmed[i] = 0;
    children[i] = start(i);
  }
  for (uint32_t i = 0; i < kChildren; i++) {
    kill(children[i], SIGKILL);
    waitpid(children[i], nullptr, 0);
    before += ledger->confirmed[i];
    kills++;
  }
  MutexSeat seat = mutex.seat();
  CHECK(lock(seat) != Status::busy);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  CHECK_EQUAL(ledger->two_owners, 0u);
  // Who was killed after its addition and before it confirmed that.
  CHECK(ledger->second >= before && ledger->second <= before + kills);
  CHECK(ledger->died > 0);
  // What the killed had announced, the next unlock takes back.
  CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  CHECK_EQUAL(seat.words->sleepers, 0u);
  std::cout << "  " << kills << " kills, " << ledger->died << " of them of an owner; " << ledger->second
            << " additions\n";
}
