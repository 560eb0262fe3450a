#include "../../percpu/mutex.h"
#include "memory.h"
#include "place.h"

#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace rseq;
using namespace rseq::test;

namespace {

/** More slices than any machine makes a thread wait for another one. */
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

/** Waits as the runtime does, slice by slice. */
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
  CHECK_EQUAL(seat.words->state, static_cast<uint32_t>(syscall(SYS_gettid)));
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
  CHECK_EQUAL(seat.words->sleepers, 0u);
  CHECK_EQUAL(mutex_unlock(seat), Status::not_owner);
}

TEST(a_region_too_short_for_a_mutex_has_no_seat) {
  const Place place(kLockLength - 1);
  MutexSeat seat = {};
  CHECK_EQUAL(mutex_open(place.region, seat), RegionError::geometry);
}

TEST(unlocking_tells_of_those_who_wait_in_javascript) {
  // With and without a fence by the waiters.
  for (const Held taken : {Held::lightly, Held::fenced}) {
    const Place place;
    MutexSeat seat = place.seat();
    seat.taken = taken;
    mutex_call_me(seat, true);
    CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
    CHECK_EQUAL(mutex_unlock(seat), Status::call);
    mutex_call_me(seat, false);
    CHECK_EQUAL(mutex_try_lock(seat), Status::ok);
    CHECK_EQUAL(mutex_unlock(seat), Status::ok);
    mutex_call_me(seat, true);
    mutex_close(seat);
    CHECK_EQUAL(seat.words->callers, 0u);
  }
}

TEST(eight_threads_under_a_mutex_lose_nothing) {
  constexpr uint64_t kAdds = 20'000;
  const Place place;
  volatile uint64_t plain = 0; // Volatile, so that each addition is a load and a store.
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; i++)
    threads.emplace_back([&place, &plain, i] {
      attach(); // Where libc does not register: those with sections and those without wait for each other.
      MutexSeat seat = place.seat();
      seat.taken = i % 4 == 0 ? Held::fenced : seat.taken;
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

TEST(an_owner_that_is_no_thread_any_more_is_found_out) {
  const Place place;
  MutexSeat seat = place.seat();
  on_thread([&place] {
    MutexSeat ending = place.seat();
    CHECK_EQUAL(mutex_try_lock(ending), Status::ok);
  });
  CHECK_EQUAL(lock(seat), Status::owner_died);
  CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  // One that never was, as an overwritten word may name; with the highest bit as well.
  for (const uint32_t nobody : {UINT32_MAX, INT32_MAX - 0u, kLockOwnerDied | 5'000'000u}) {
    seat.words->state = nobody;
    CHECK_EQUAL(lock(seat), Status::owner_died);
    CHECK_EQUAL(mutex_unlock(seat), Status::ok);
  }
  // One that nobody can ask about.
  seat.words->state = kLockNameless + 1;
  CHECK_EQUAL(mutex_wait(seat, 1), Status::busy);
}
