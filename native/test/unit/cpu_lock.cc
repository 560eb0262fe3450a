#include "../../percpu/cpu_lock.h"
#include "../../rseq/cpus.h"
#include "memory.h"
#include "place.h"

#include <thread>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

/** A bound for the slices of a wait; no machine makes a thread wait longer for another thread. */
constexpr int kPatience = 2000;

/** A region of locks. */
class Place {
public:
  explicit Place(Writers writers = Writers::sections) : memory_(region_size(possible_cpus(), kLockLength)) {
    format_region(memory_.data(), memory_.size(),
                  {Kind::cpu_lock, Element::i64, Index::cpu_id, writers, possible_cpus(), kLockLength});
    open_region(memory_.data(), memory_.size(), Kind::cpu_lock, region);
  }

  /** Opens a seat of the calling thread, which the caller must close. */
  CpuLockSeat seat() const {
    CpuLockSeat made = {};
    CHECK_EQUAL(cpu_lock_open(region, made), RegionError::none);
    return made;
  }

  Region region = {};

private:
  Memory memory_;
};

/** Waits in slices, like the runtime. */
Status lock(CpuLockSeat& seat, uint32_t& shard) {
  Status status = cpu_lock_try(seat, shard);
  for (int slice = 0; slice < kPatience && status == Status::busy; slice++)
    status = cpu_lock_wait(seat, kLockSliceMs, shard);
  return status;
}

constexpr Writers kWriters[] = {Writers::sections, Writers::atomics};

} // namespace

TEST(a_lock_of_a_cpu_is_taken_once) {
  for (const Writers writers : kWriters) {
    const Place place(writers);
    CpuLockSeat seat = place.seat();
    uint32_t shard = UINT32_MAX;
    CHECK_EQUAL(cpu_lock_try(seat, shard), Status::ok);
    CHECK(shard <= seat.shards);
    CHECK_EQUAL(cpu_lock_words(seat, shard).state, seat.self.name);
    // The kernel may move the thread; it gets the lock of each CPU once.
    for (uint32_t k = 0; k <= 2 * seat.shards; k++) {
      uint32_t next = UINT32_MAX;
      const Status status = cpu_lock_try(seat, next);
      CHECK(status == Status::ok ? next != shard : status == Status::held_already);
    }
    for (uint32_t k = 0; k <= seat.shards; k++) {
      const bool held = seat.held[k] != Held::no;
      CHECK_EQUAL(cpu_lock_unlock(seat, k), held ? Status::ok : Status::not_owner);
      CHECK_EQUAL(cpu_lock_words(seat, k).state, kLockFree);
      CHECK_EQUAL(cpu_lock_unlock(seat, k), Status::not_owner);
    }
    CHECK_EQUAL(cpu_lock_unlock(seat, seat.shards + 1), Status::out_of_range);
    CHECK_EQUAL(cpu_lock_unlock(seat, UINT32_MAX), Status::out_of_range);
    cpu_lock_close(seat);
  }
}

TEST(a_region_without_locks_of_cpus_has_no_seat) {
  for (const RegionSpec& spec :
       {RegionSpec{Kind::cpu_lock, Element::i64, Index::cpu_id, Writers::sections, 2, kLockLength - 1},
        RegionSpec{Kind::cpu_lock, Element::i64, Index::mm_cid, Writers::sections, 2, kLockLength}}) {
    Memory memory(region_size(spec.shards, spec.length));
    format_region(memory.data(), memory.size(), spec);
    Region region;
    CHECK_EQUAL(open_region(memory.data(), memory.size(), Kind::cpu_lock, region), RegionError::none);
    CpuLockSeat seat = {};
    CHECK_EQUAL(cpu_lock_open(region, seat), RegionError::geometry);
  }
}

TEST(eight_threads_under_locks_of_cpus_lose_nothing) {
  constexpr uint64_t kAdds = 20'000;
  for (const Writers writers : kWriters) {
    const Place place(writers);
    std::vector<uint64_t> plain(possible_cpus() + 1, 0);
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int i = 0; i < 8; i++)
      threads.emplace_back([&place, &plain, i] {
        if (i % 4 != 0)
          attach(); // If libc registers no threads, the threads that do not attach use the overflow lock.
        CpuLockSeat seat = place.seat();
        seat.self.taken = i % 2 == 0 ? Held::fenced : seat.self.taken;
        for (uint64_t k = 0; k < kAdds; k++) {
          uint32_t shard = 0;
          CHECK_EQUAL(lock(seat, shard), Status::ok);
          volatile uint64_t& word = plain[shard]; // Volatile, so that each addition is a load and a store.
          word = word + 1;
          CHECK_EQUAL(cpu_lock_unlock(seat, shard), Status::ok);
        }
        cpu_lock_close(seat);
        if (i % 4 != 0)
          detach();
      });
    for (std::thread& thread : threads)
      thread.join();
    uint64_t sum = 0;
    for (const uint64_t value : plain)
      sum += value;
    CHECK_EQUAL(sum, 8 * kAdds);
  }
}

TEST(a_lock_of_a_cpu_reports_that_its_owner_ended) {
  const Place place;
  CpuLockSeat seat = place.seat();
  for (uint32_t k = 0; k <= seat.shards; k++) {
    // The lock was released when its owner ended, or it is held by an owner that never existed.
    cpu_lock_words(seat, k).state = k % 2 == 0 ? kLockOwnerDied : 5'000'000u;
  }
  uint32_t shard = 0;
  CHECK_EQUAL(lock(seat, shard), Status::owner_died);
  cpu_lock_close(seat);
  CHECK_EQUAL(cpu_lock_words(seat, shard).state, kLockOwnerDied);
}

TEST(a_lock_whose_upper_half_is_overwritten_is_taken_over) {
  const Place place;
  CpuLockSeat seat = place.seat();
  for (uint32_t k = 0; k < seat.shards; k++)
    cpu_lock_words(seat, k).state = uint64_t{1} << 32;
  uint32_t shard = 0;
  const Status status = lock(seat, shard);
  CHECK_EQUAL(status, shard < seat.shards ? Status::owner_died : Status::ok);
  CHECK_EQUAL(cpu_lock_unlock(seat, shard), Status::ok);
  cpu_lock_close(seat);
}
