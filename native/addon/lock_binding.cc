#include "lock_binding.h"

#include "environment.h"
#include "operations.h"

namespace percpu {
namespace addon {
namespace {

/** The differences between the kinds of locks. */
struct MutexSeats {
  using Seat = MutexSeat;
  static constexpr Kind kind = Kind::mutex;
  static constexpr auto& table = mutex_seats;
  static constexpr auto open = mutex_open;
  static constexpr auto close = mutex_close;
};
struct CpuLockSeats {
  using Seat = CpuLockSeat;
  static constexpr Kind kind = Kind::cpu_lock;
  static constexpr auto& table = cpu_lock_seats;
  static constexpr auto open = cpu_lock_open;
  static constexpr auto close = cpu_lock_close;
};

/**
 * openMutex(bytes), openCpuLock(bytes): {handle, firstShard, stride, shards, service, keeper}, or the number of a
 * RegionError. Opens a seat for the calling environment, which stays open as long as the keeper lives.
 */
template <typename Seats> napi_value open(const Call& call) noexcept {
  Bytes bytes;
  if (!call.read(bytes))
    return nullptr;
  Region region = {};
  typename Seats::Seat seat = {};
  RegionError error = open_region(bytes.data, bytes.length, Seats::kind, region);
  if (error == RegionError::none)
    error = Seats::open(region, seat);
  if (error != RegionError::none)
    return call.number(static_cast<uint32_t>(error));
  const Opened opened =
      call.environment().open(Seats::table, static_cast<uint32_t>(Seats::kind), seat, bytes.value, bytes.length);
  if (opened.handle == 0) {
    Seats::close(seat);
    return opened.is_full ? call.number(kNoHandleLeft) : nullptr;
  }
  return Object(call.env)
      .number("handle", opened.handle)
      .number("firstShard", static_cast<double>(region.first_shard - bytes.data))
      .number("stride", region.stride)
      .number("shards", region.shards)
      .number("service", region.service)
      .value("keeper", opened.keeper)
      .value();
}

// The waits are not hot operations: they block, which a fast call must not do.

/** mutexWait(handle, milliseconds): a Status. */
napi_value wait_for_mutex(const Call& call) noexcept {
  uint32_t handle, milliseconds;
  MutexSeat* seat = call.read(handle, milliseconds) ? mutex_seats.find_own(handle) : nullptr;
  return call.number(answer(seat != nullptr ? mutex_wait(*seat, milliseconds) : Status::bad_handle));
}

/** mutexAnnounce(handle): announces that a task is about to wait in JavaScript. */
napi_value announce_to_mutex(const Call& call) noexcept {
  uint32_t handle;
  MutexSeat* seat = call.read(handle) ? mutex_seats.find_own(handle) : nullptr;
  if (seat != nullptr)
    mutex_announce_js(*seat);
  return nullptr;
}

/** cpuLockWait(handle, milliseconds): returns as the operation cpuLockTry. */
napi_value wait_for_cpu_lock(const Call& call) noexcept {
  uint32_t handle, milliseconds;
  CpuLockSeat* seat = call.read(handle, milliseconds) ? cpu_lock_seats.find_own(handle) : nullptr;
  uint32_t shard = 0;
  const Status status = seat != nullptr ? cpu_lock_wait(*seat, milliseconds, shard) : Status::bad_handle;
  return call.number(answer(status, shard));
}

} // namespace

void export_locks(Environment& environment, Object& exports) noexcept {
  exports.function<open<MutexSeats>>("openMutex", environment)
      .function<wait_for_mutex>("mutexWait", environment)
      .function<announce_to_mutex>("mutexAnnounce", environment)
      .function<open<CpuLockSeats>>("openCpuLock", environment)
      .function<wait_for_cpu_lock>("cpuLockWait", environment);
}

} // namespace addon
} // namespace percpu
