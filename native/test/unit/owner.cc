#include "../../percpu/owner.h"
#include "../../percpu/mutex.h"
#include "../../percpu/remote.h"
#include "memory.h"
#include "place.h"

#include <atomic>
#include <ctime>
#include <set>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace percpu::owners {
/** Defined in owner.cc. Takes one more slot, which no thread gives back. */
uint64_t claim() noexcept;
} // namespace percpu::owners

namespace {

constexpr uint64_t kOne = 1;

/** A stop word in a region of its own, and the shard that it stops, which nothing fences. */
class Word {
public:
  Word() : memory_(region_size(spec())) {
    format_region(memory_.data(), memory_.size(), spec());
    open_region(memory_.data(), memory_.size(), Kind::array, region);
  }

  Status stop() const { return stop_shard(region, region.shards, at()); }
  Status resume() const { return resume_shard(region, region.shards, at()); }
  uint64_t* at() const { return word_at<uint64_t>(region, region.shards, 0); }

  Region region = {};

private:
  static RegionSpec spec() { return {Kind::array, Element::i64, Index::cpu_id, Writers::sections, 1, 2}; }
  Memory memory_;
};

/** Runs `body` in a forked child. Returns whether all of its checks passed there. */
template <typename Body> bool holds_in_a_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    state.failed = false;
    body();
    std::cout.flush();
    _exit(state.failed ? 1 : 0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/** Longer than a thread of these tests waits for a CPU. */
constexpr int64_t kLongMs = 600'000;

/** Returns the word of a portable owner whose lease ends `ms` milliseconds from now. */
uint64_t lease_in(int64_t ms) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t end = now.tv_sec * 1000 + now.tv_nsec / 1000000 + ms;
  const uint64_t units = static_cast<uint64_t>(end) >> kLeaseUnitShift & 0xfffff;
  return (units == 0 ? 1 : units) << kOwnerLeaseShift; // 0 is no lease.
}

/** Whether `life()` is as wanted, in one of some tries: a thread may have to wait for a CPU longer than a lease lasts.
 */
template <typename Ask> bool becomes(Ask life, Life wanted) {
  for (int attempt = 0; attempt < 100; attempt++)
    if (life() == wanted)
      return true;
  return false;
}

/** Returns the word of a portable thread without a lease. */
uint64_t portable(Family family, uint32_t thread) {
  return kOwnerPortable | static_cast<uint32_t>(family) << kOwnerFamilyShift | thread;
}

/** Another thread that owns a word from construction until let_go(). */
class OtherOwner {
public:
  explicit OtherOwner(Word& word)
      : thread_([this, &word] {
          CHECK_EQUAL(word.stop(), Status::ok);
          step_ = 1;
          while (step_ != 2)
            std::this_thread::yield();
          CHECK_EQUAL(word.resume(), Status::ok);
        }) {
    while (step_ != 1)
      std::this_thread::yield();
  }

  /** Returns when the thread has given the word back and ended. */
  void let_go() {
    step_ = 2;
    thread_.join();
  }

private:
  std::atomic<int> step_ = 0;
  std::thread thread_;
};

} // namespace

TEST(each_thread_is_an_owner_of_its_own_until_it_ends) {
  const uint64_t me = this_owner();
  CHECK(me != kNobody);
  CHECK_EQUAL(this_owner(), me);
  CHECK_EQUAL(owner_life(me), Life::alive);
  CHECK(static_cast<uint32_t>(me) != 0);
  CHECK_EQUAL(me & (kOwnerDied | kOwnerPortable), uint64_t{0});
  CHECK_EQUAL(me >> kOwnerProcessShift, uint64_t{0});
  uint64_t other = kNobody;
  on_thread([&] {
    other = this_owner();
    CHECK_EQUAL(owner_life(other), Life::alive);
    CHECK_EQUAL(owner_life(me), Life::alive);
  });
  CHECK(other != me);
  CHECK_EQUAL(owner_life(other), Life::ended);
}

TEST(no_owner_id_is_used_again) {
  // The number of threads exceeds that of slots, so each slot is taken again.
  constexpr uint32_t kThreads = (1u << kOwnerSlotBits) + 100;
  std::set<uint64_t> seen;
  for (uint32_t k = 0; k < kThreads; k++) {
    // One thread takes a slot again and again, because starting so many threads takes long.
    end_this_owner();
    const uint64_t owner = this_owner();
    CHECK_EQUAL(owner_life(owner), Life::alive);
    seen.insert(owner);
  }
  CHECK_EQUAL(seen.size(), size_t{kThreads});
  uint32_t alive = 0;
  for (const uint64_t owner : seen)
    alive += owner_life(owner) == Life::alive ? 1 : 0;
  CHECK_EQUAL(alive, 1u);
}

TEST(a_thread_without_a_slot_owns_nothing) {
  // Runs in a child, because the slots that it takes are never given back.
  CHECK(holds_in_a_child([] {
    const uint64_t me = this_owner();
    uint32_t taken = 0;
    while (owners::claim() != kNobody)
      taken++;
    CHECK(taken > (1u << kOwnerSlotBits) - 100 && taken < 1u << kOwnerSlotBits);
    CHECK_EQUAL(owner_life(me), Life::alive);
    Word word;
    on_thread([&] {
      CHECK_EQUAL(this_owner(), kNobody);
      CHECK_EQUAL(word.stop(), Status::contended);
      Memory memory(region_size(1, kLockLength));
      format_region(memory.data(), memory.size(),
                    {Kind::mutex, Element::i64, Index::cpu_id, Writers::sections, 1, kLockLength});
      Region region = {};
      MutexSeat seat = {};
      CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::mutex, region), RegionError::none);
      CHECK_EQUAL(mutex_open(region, seat), RegionError::owners);
    });
    CHECK_EQUAL(word.stop(), Status::ok);
  }));
}

TEST(words_that_no_owner_has_written_have_no_owner) {
  const uint64_t me = this_owner();
  for (const uint64_t word : {kNobody, uint64_t{INT32_MAX}, uint64_t{UINT32_MAX}, UINT64_MAX, kOne << 31, kOne << 32,
                              kOne << 63, uint64_t{5'000'000}, me ^ kOne << 16, me ^ kOne << 32, me ^ kOne << 51,
                              me ^ kOne << 52, me ^ kOne << 63, me ^ kOne << 31})
    CHECK_EQUAL(owner_life(word), Life::ended);
}

TEST(a_lease_decides_if_the_table_does_not_know_the_owner) {
  for (const Family family : {Family::main, Family::other}) {
    const uint64_t word = portable(family, 7);
    CHECK_EQUAL(owner_life(word), Life::unknown);
    CHECK(becomes([&] { return owner_life(word | lease_in(1500)); }, Life::alive));
    CHECK_EQUAL(owner_life(word | lease_in(-20)), Life::ended);
    CHECK_EQUAL(owner_life(word | lease_in(kLeaseMs + kLongMs)), Life::ended); // Longer than any lease.
    CHECK_EQUAL(owner_life(word | lease_in(1500) | kOne << kOwnerProcessShift), Life::ended);
  }
}

TEST(the_table_knows_portable_threads) {
  on_thread([] {
    const auto low = [](Family family, uint32_t thread) { return static_cast<int32_t>(portable(family, thread)); };
    for (const int32_t is_main : {1, 0}) {
      const int32_t words[kListedHead + 3 * kListedRow] = {
          is_main, 0, 0, 0, low(Family::main, 7),  0, 7, 0, 0, 0, 0, 0, low(Family::main, 8), 0, -8, 0,
          0,       0, 0, 0, low(Family::other, 9), 0, 9, 0, 0, 0, 0, 0};
      use_listed_threads(words, sizeof(words) / sizeof(*words));
      // The thread is known to live, so it stays the owner after its lease has ended.
      CHECK_EQUAL(owner_life(portable(Family::main, 7)), Life::alive);
      CHECK_EQUAL(owner_life(portable(Family::main, 7) | lease_in(-500)), Life::alive);
      CHECK_EQUAL(owner_life(portable(Family::main, 8) | lease_in(500)), Life::ended);
      CHECK_EQUAL(owner_life(portable(Family::other, 9)), Life::alive);
      CHECK_EQUAL(owner_life(portable(Family::main, 10)), is_main == 1 ? Life::ended : Life::unknown);
      CHECK_EQUAL(owner_life(portable(Family::other, 10)), Life::unknown);
    }
    use_listed_threads(nullptr, 0);
    CHECK(becomes([] { return owner_life(portable(Family::main, 8) | lease_in(1500)); }, Life::alive));
  });
}

TEST(only_the_word_that_stopped_a_shard_resumes_it) {
  Word word;
  CHECK_EQUAL(word.stop(), Status::ok);
  // Another thread has taken the shard over after something wrote over the word.
  *word.at() = INT32_MAX;
  OtherOwner other(word);
  const uint64_t owner = *word.at();
  CHECK_EQUAL(word.resume(), Status::not_owner);
  CHECK_EQUAL(*word.at(), owner);
  other.let_go();
  CHECK_EQUAL(*word.at(), kNobody);
}

TEST(a_thread_without_patience_gets_busy_at_once) {
  Word word;
  OtherOwner other(word);
  set_stop_patience(0);
  CHECK_EQUAL(word.stop(), Status::busy);
  // The thread does not even wait for the fence of a shard that has no owner.
  CHECK_EQUAL(stop_shard(word.region, 0, word_at<uint64_t>(word.region, 0, 0)), Status::busy);
  other.let_go();
  CHECK_EQUAL(word.stop(), Status::ok);
  CHECK_EQUAL(word.stop(), Status::held_already);
  CHECK_EQUAL(word.resume(), Status::ok);
  set_stop_patience(kStopPatienceMs);
}

TEST(a_wait_for_a_living_owner_ends_with_the_patience_of_the_thread) {
  Word word;
  OtherOwner other(word);
  const uint64_t owner = *word.at();
  set_stop_patience(20);
  CHECK_EQUAL(word.stop(), Status::contended);
  set_stop_patience(kStopPatienceMs);
  CHECK_EQUAL(*word.at(), owner);
  other.let_go();
  CHECK_EQUAL(word.stop(), Status::ok);
  CHECK_EQUAL(word.resume(), Status::ok);
}

TEST(a_forked_child_owns_nothing_of_its_parents_threads) {
  // Both processes share this memory. Each owner is a thread of the parent.
  void* mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!CHECK_EQUAL(mapped == MAP_FAILED, false))
    return;
  auto* word = static_cast<uint64_t*>(mapped);
  Word any;
  CHECK_EQUAL(stop_shard(any.region, any.region.shards, word), Status::ok);
  const uint64_t me = this_owner();
  std::atomic<uint64_t> other = kNobody;
  std::atomic<bool> over = false;
  std::thread thread([&] {
    other = this_owner();
    while (!over)
      std::this_thread::yield();
  });
  while (other == kNobody)
    std::this_thread::yield();
  CHECK(holds_in_a_child([&] {
    CHECK(this_owner() != me);
    CHECK_EQUAL(owner_life(this_owner()), Life::alive);
    CHECK_EQUAL(owner_life(other), Life::ended);
    CHECK(!owns_shard(any.region, word));
    CHECK_EQUAL(resume_shard(any.region, any.region.shards, word), Status::not_owner);
    on_thread([&] { CHECK(this_owner() != me && this_owner() != other); });
    // A child of the child is another owner, too.
    const uint64_t child = this_owner();
    CHECK(holds_in_a_child([&] { CHECK(this_owner() != me && this_owner() != child); }));
  }));
  CHECK_EQUAL(*word, me);
  CHECK_EQUAL(resume_shard(any.region, any.region.shards, word), Status::ok);
  over = true;
  thread.join();
  munmap(mapped, 4096);
}

TEST(a_forked_child_keeps_the_owner_ids_of_its_thread_in_other_copies_of_the_library) {
  // Another copy of the library takes another slot of the shared table for this thread.
  const uint64_t mine = this_owner();
  uint64_t others = kNobody;
  on_thread([&] {
    others = owners::claim();
    CHECK(others != kNobody && others != mine);
    const uint64_t once_more = owners::claim();
    CHECK(holds_in_a_child([&] {
      CHECK_EQUAL(owner_life(others), Life::alive);
      CHECK_EQUAL(owner_life(once_more), Life::alive);
      CHECK_EQUAL(owner_life(mine), Life::ended);
    }));
  });
}

TEST(a_seat_from_before_a_fork_still_excludes) {
  Memory memory(region_size(1, kLockLength));
  format_region(memory.data(), memory.size(),
                {Kind::mutex, Element::i64, Index::cpu_id, Writers::sections, 1, kLockLength});
  Region region = {};
  CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::mutex, region), RegionError::none);
  MutexSeat seat = {};
  CHECK_EQUAL(mutex_open(region, seat), RegionError::none);
  CHECK(holds_in_a_child([&] {
    CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
    on_thread([&] {
      MutexSeat own = {};
      CHECK_EQUAL(mutex_open(region, own), RegionError::none);
      for (int turn = 0; turn < 3; turn++)
        CHECK_EQUAL(mutex_wait(own, 1), Status::busy);
    });
    CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  }));
}

TEST(a_seat_that_is_forgotten_with_the_mutex_keeps_it_until_its_thread_ends) {
  Memory memory(region_size(1, kLockLength));
  format_region(memory.data(), memory.size(),
                {Kind::mutex, Element::i64, Index::cpu_id, Writers::sections, 1, kLockLength});
  Region region = {};
  open_region(memory.data(), memory.size(), Kind::mutex, region);
  MutexSeat seat = {};
  CHECK_EQUAL(mutex_open(region, seat), RegionError::none);
  on_thread([&] {
    MutexSeat forgotten = {};
    mutex_open(region, forgotten);
    CHECK_EQUAL(mutex_try_lock(forgotten), Status::ok);
    mutex_forget(forgotten);
    on_thread([&] {
      MutexSeat next = {};
      mutex_open(region, next);
      CHECK_EQUAL(mutex_wait(next, 1), Status::busy);
    });
    MutexSeat again = {};
    mutex_open(region, again);
    CHECK_EQUAL(mutex_try_lock(again), Status::held_already);
  });
  CHECK_EQUAL(mutex_wait(seat, 1), Status::owner_died);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
}
