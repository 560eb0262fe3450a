// Locks that a dead process had: another one takes them over, lets them go, and takes them again.
#include "../../percpu/cpu_lock.h"
#include "../../percpu/mutex.h"
#include "path.h"

namespace percpu::kill_test {
namespace {

RegionSpec lock_spec(Kind kind, uint32_t shards) {
  return {kind, Element::i64, Index::cpu_id, Writers::sections, shards, kLockLength, Policy::none, 0, 0, false, true};
}

class MutexPath : public Path {
public:
  MutexPath() : Path(lock_spec(Kind::mutex, 1)) {
    test::Child dead([&] {
      MutexSeat seat = {};
      return static_cast<uint64_t>(mutex_open(region, seat) == RegionError::none && mutex_try_lock(seat) == Status::ok);
    });
    held = dead.answer == 1;
    dead.end();
    keep();
  }

  /** Takes the dead owner's lock over, and then takes the free one. */
  void act() override {
    const Region own = opened();
    MutexSeat seat = {};
    if (mutex_open(own, seat) != RegionError::none)
      return;
    for (int turn = 0; turn < 2; turn++) {
      Status status = mutex_try_lock(seat);
      if (status == Status::busy)
        status = mutex_wait(seat, 1);
      if (status == Status::ok || status == Status::owner_died)
        mutex_unlock(seat);
    }
    mutex_close(seat);
  }

  const char* judge() override {
    if (!held)
      return "the first owner did not get the mutex";
    MutexSeat seat = {};
    if (mutex_open(region, seat) != RegionError::none)
      return "the mutex cannot be opened";
    // With 0 milliseconds, this only asks whether the owner lives.
    const Status status = mutex_wait(seat, 0);
    if (status != Status::ok && status != Status::owner_died)
      return "the mutex cannot be taken over";
    // While this process has the mutex, another one has not.
    test::Child other([&] {
      MutexSeat next = {};
      return static_cast<uint64_t>(mutex_open(region, next) == RegionError::none &&
                                   mutex_try_lock(next) == Status::busy);
    });
    if (other.answer != 1)
      return "the mutex has two owners";
    mutex_unlock(seat);
    return mutex_try_lock(seat) == Status::ok ? nullptr : "the mutex is not free after an unlock";
  }

private:
  bool held = false;
};

class CpuLockPath : public Path {
public:
  CpuLockPath() : Path(lock_spec(Kind::cpu_lock, possible_cpus())) {
    test::Child dead([&] {
      CpuLockSeat seat = {};
      uint32_t shard = 0;
      return static_cast<uint64_t>(cpu_lock_open(region, seat) == RegionError::none &&
                                   cpu_lock_try(seat, shard) == Status::ok);
    });
    held = dead.answer == 1;
    dead.end();
    keep();
  }

  /** Takes the dead owner's lock over, and then takes the free one. */
  void act() override {
    const Region own = opened();
    CpuLockSeat seat = {};
    if (cpu_lock_open(own, seat) != RegionError::none)
      return;
    for (int turn = 0; turn < 2; turn++) {
      uint32_t shard = 0;
      const Status status = cpu_lock_wait(seat, 0, shard);
      if (status == Status::ok || status == Status::owner_died)
        cpu_lock_unlock(seat, shard);
    }
    cpu_lock_close(seat);
  }

  const char* judge() override {
    if (!held)
      return "the first owner did not get the lock";
    CpuLockSeat seat = {};
    if (cpu_lock_open(region, seat) != RegionError::none)
      return "the locks cannot be opened";
    uint32_t shard = 0;
    const Status status = cpu_lock_wait(seat, 0, shard);
    if (status != Status::ok && status != Status::owner_died)
      return "the lock cannot be taken over";
    test::Child other([&] {
      CpuLockSeat next = {};
      uint32_t place = 0;
      if (cpu_lock_open(region, next) != RegionError::none)
        return uint64_t{0};
      const Status here = cpu_lock_try(next, place);
      return static_cast<uint64_t>(here == Status::busy || place != shard);
    });
    if (other.answer != 1)
      return "the lock has two owners";
    other.end();
    cpu_lock_unlock(seat, shard);
    const Status again = cpu_lock_try(seat, shard);
    return again == Status::ok || again == Status::owner_died ? nullptr : "the lock is not free after an unlock";
  }

private:
  bool held = false;
};

const PathRows rows({
    {"mutex", make_path<MutexPath>},
    {"lock of a CPU", make_path<CpuLockPath>},
});

} // namespace
} // namespace percpu::kill_test
