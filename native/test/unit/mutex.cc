#include "../../percpu/mutex.h"
#include "memory.h"
#include "place.h"

#include <thread>
#include <vector>

using namespace percpu;
using namespace percpu::test;

namespace {

/** A bound for the slices of a wait; no machine makes a thread wait longer for another thread. */
constexpr int kPatience = 2000;

/** A region of a mutex. */
class Place {
public:
  explicit Place(uint32_t length = kLockLength) : memory_(region_size(1, length)) {
    format_region(memory_.data(), memory_.size(),
                  {Kind::mutex, Element::i64, Index::cpu_id, Writers::sections, 1, length});
    open_region(memory_.data(), memory_.size(), Kind::mutex, region);
  }

  /** The calling thread's seat. */
  MutexSeat seat() const {
    MutexSeat made = {};
    CHECK_EQUAL(mutex_open(region, made), RegionError::none);
    return made;
  }

  Region region = {};

private:
  Memory memory_;
};

/** Waits in slices, like the runtime. */
Status lock(MutexSeat& seat) {
  Status status = mutex_try_lock(seat);
  for (int slice = 0; slice < kPatience && status == Status::busy; slice++)
    status = mutex_wait(seat, kLockSliceMs);
  return status;
}

} // namespace

TEST(a_mutex_says_who_has_it) {
  const Place place;
  MutexSeat seat = place.seat();
  MutexSeat other = place.seat();
  CHECK_EQUAL(mutex_unlock(seat), Status::not_owner);
  CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
  CHECK_EQUAL(seat.words->state, this_owner());
  CHECK_EQUAL(mutex_try_lock(seat), Status::held_already);
  CHECK_EQUAL(mutex_try_lock(other), Status::held_already);
  CHECK_EQUAL(mutex_wait(other, 1000), Status::held_already);
  CHECK_EQUAL(mutex_unlock(other), Status::not_owner);
  on_thread([&place] {
    MutexSeat elsewhere = place.seat();
    CHECK_EQUAL(mutex_try_lock(elsewhere), Status::busy);
    CHECK_EQUAL(mutex_wait(elsewhere, 0), Status::busy);
    CHECK_EQUAL(mutex_wait(elsewhere, 2), Status::busy);
    CHECK_EQUAL(mutex_unlock(elsewhere), Status::not_owner);
  });
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  CHECK_EQUAL(seat.words->state, kLockFree);
  CHECK_EQUAL(mutex_unlock(seat), Status::not_owner);
}

TEST(a_region_too_short_for_a_mutex_has_no_seat) {
  const Place place(kLockLength - 1);
  MutexSeat seat = {};
  CHECK_EQUAL(mutex_open(place.region, seat), RegionError::geometry);
}

TEST(unlocking_reports_waiters_in_javascript) {
  // The waiters make a fence, or none.
  for (const Held taken : {Held::lightly, Held::fenced}) {
    const Place place;
    MutexSeat seat = place.seat();
    seat.self.taken = taken;
    mutex_announce_js(seat);
    CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
    CHECK_EQUAL(mutex_unlock(seat), Status::call);
    CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
    CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  }
}

TEST(an_unlock_takes_an_announcement_back) {
  // As a waiter leaves it that is killed before it sleeps.
  const Place place;
  MutexSeat seat = place.seat();
  const uint32_t wakes = lock_announce(*seat.words, seat.self);
  CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  CHECK_EQUAL(seat.words->sleepers, 0u);
  CHECK_EQUAL(seat.words->wakes, wakes + 1);
  // A waiter that is about to sleep does not: it has announced itself before that unlock.
  const uint64_t begun = now_ns();
  lock_sleep(*seat.words, seat.self, wakes, begun + 3'600'000'000'000);
  CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  CHECK_EQUAL(seat.words->wakes, wakes + 1);
}

TEST(eight_threads_under_a_mutex_lose_nothing) {
  constexpr uint64_t kAdds = 20'000;
  const Place place;
  volatile uint64_t plain = 0; // Volatile, so that each addition is a load and a store.
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; i++)
    threads.emplace_back([&place, &plain, i] {
      attach(); // If libc registers no threads, threads with and without sections wait for each other.
      MutexSeat seat = place.seat();
      seat.self.taken = i % 4 == 0 ? Held::fenced : seat.self.taken;
      for (uint64_t k = 0; k < kAdds; k++) {
        CHECK_EQUAL(lock(seat), Status::ok);
        plain = plain + 1;
        CHECK_EQUAL(mutex_unlock(seat), Status::ok);
      }
      mutex_close(seat);
      detach();
    });
  for (std::thread& thread : threads)
    thread.join();
  CHECK_EQUAL(plain, 8 * kAdds);
}

TEST(a_seat_that_is_closed_with_the_mutex_tells_the_next_one) {
  const Place place;
  MutexSeat seat = place.seat();
  on_thread([&place] {
    MutexSeat ending = place.seat();
    CHECK_EQUAL(mutex_try_lock(ending), Status::ok);
    mutex_close(ending);
  });
  CHECK_EQUAL(mutex_try_lock(seat), Status::owner_died);
  CHECK_EQUAL(mutex_try_lock(seat), Status::held_already);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
}

TEST(an_owner_that_has_ended_is_detected) {
  const Place place;
  MutexSeat seat = place.seat();
  on_thread([&place] {
    MutexSeat ending = place.seat();
    CHECK_EQUAL(mutex_try_lock(ending), Status::ok);
  });
  CHECK_EQUAL(lock(seat), Status::owner_died);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  // An overwritten word may name an owner that never existed, also with the highest bit set.
  constexpr uint64_t kOne = 1;
  for (const uint64_t nobody : {uint64_t{UINT32_MAX}, uint64_t{INT32_MAX}, kLockOwnerDied | 5'000'000u,
                                uint64_t{5'000'000}, UINT64_MAX, kOne << 32, seat.self.name ^ kOne << 16,
                                seat.self.name ^ kOne << 45, seat.self.name ^ kOne << 52, seat.self.name + 1}) {
    seat.words->state = nobody;
    CHECK_EQUAL(lock(seat), Status::owner_died);
    CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  }
  // This thread cannot know whether that portable thread lives.
  seat.words->state = kOwnerPortable | 2u << kOwnerFamilyShift | 1;
  CHECK_EQUAL(mutex_wait(seat, 1), Status::busy);
}
