#include "lock_binding.h"

#include "handles.h"
#include "keeper.h"
#include "operations.h"

namespace rseq {
namespace addon {
namespace {

/** What differs between the kinds of locks. */
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
 * Ends a seat: its owner forgot it, or the environment ends, also that of a terminated Worker. What is held
 * then goes to the next locker, who is told.
 */
template <typename Seats> void release(uint32_t handle) {
  typename Seats::Seat* seat = Seats::table.find_own(handle);
  if (seat != nullptr)
    Seats::close(*seat);
  Seats::table.release(handle);
}

/**
 * openMutex(bytes), openCpuLock(bytes): {handle, firstShard, stride, shards, keeper}, or the number of a RegionError.
 * A seat of the calling environment's, for as long as the keeper lives.
 */
template <typename Seats> Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  Region region = {};
  typename Seats::Seat seat = {};
  RegionError error = open_region(bytes.Data(), bytes.ByteLength(), Seats::kind, region);
  if (error == RegionError::none)
    error = Seats::open(region, seat);
  if (error != RegionError::none)
    return Napi::Number::New(env, static_cast<uint32_t>(error));
  const uint32_t handle = Seats::table.acquire(static_cast<uint32_t>(Seats::kind), seat);
  if (handle == 0) {
    Seats::close(seat);
    return Napi::Number::New(env, kNoHandleLeft);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", handle);
  result.Set("firstShard", static_cast<double>(region.first_shard - bytes.Data()));
  result.Set("stride", region.stride);
  result.Set("shards", region.shards);
  result.Set("keeper", make_keeper(env, handle, bytes, release<Seats>));
  return result;
}

/**
 * The seat that the first argument names, or null. Arguments are read as the types that they have: a
 * conversion would be refused in a Worker that is being terminated, which is when waits end.
 */
template <typename Seats> typename Seats::Seat* seat_of(const Napi::CallbackInfo& info) {
  return Seats::table.find_own(info[0].As<Napi::Number>().Uint32Value());
}

// The waits are no hot operations, as they block: a fast call must not.

/** mutexWait(handle, milliseconds): a Status. */
Napi::Value wait_for_mutex(const Napi::CallbackInfo& info) {
  MutexSeat* seat = seat_of<MutexSeats>(info);
  const uint32_t milliseconds = info[1].As<Napi::Number>().Uint32Value();
  return Napi::Number::New(info.Env(), answer(seat != nullptr ? mutex_wait(*seat, milliseconds) : Status::bad_handle));
}

/** mutexCallMe(handle, in): counts a waiter in JavaScript in, or out. */
void call_me(const Napi::CallbackInfo& info) {
  MutexSeat* seat = seat_of<MutexSeats>(info);
  if (seat != nullptr)
    mutex_call_me(*seat, info[1].As<Napi::Boolean>());
}

/** cpuLockWait(handle, milliseconds): answers as the operation cpuLockTry. */
Napi::Value wait_for_cpu_lock(const Napi::CallbackInfo& info) {
  CpuLockSeat* seat = seat_of<CpuLockSeats>(info);
  const uint32_t milliseconds = info[1].As<Napi::Number>().Uint32Value();
  uint32_t shard = 0;
  const Status status = seat != nullptr ? cpu_lock_wait(*seat, milliseconds, shard) : Status::bad_handle;
  return Napi::Number::New(info.Env(), answer(status, shard));
}

} // namespace

void export_locks(Napi::Env env, Napi::Object exports) {
  exports.Set("openMutex", Napi::Function::New<open<MutexSeats>>(env, "openMutex"));
  exports.Set("mutexWait", Napi::Function::New<wait_for_mutex>(env, "mutexWait"));
  exports.Set("mutexCallMe", Napi::Function::New<call_me>(env, "mutexCallMe"));
  exports.Set("openCpuLock", Napi::Function::New<open<CpuLockSeats>>(env, "openCpuLock"));
  exports.Set("cpuLockWait", Napi::Function::New<wait_for_cpu_lock>(env, "cpuLockWait"));
}

} // namespace addon
} // namespace rseq
