#include "mutex_binding.h"

#include "handles.h"
#include "operations.h"

namespace rseq {
namespace addon {
namespace {

constexpr uint32_t kNoHandleLeft = 100; ///< Beside the RegionErrors: the handle table is full.

/** What keeps a seat alive in one environment. Deleted on its thread, never inside a call. */
struct Keeper {
  uint32_t handle;
  Napi::Reference<Napi::Uint8Array> memory;
};

/**
 * Ends a seat: its owner forgot it, or the environment ends, also that of a terminated Worker. A mutex that is
 * held then goes to the next locker, who is told.
 */
void release(Napi::Env, Keeper* done) {
  MutexSeat* seat = mutex_seats.find_own(done->handle);
  if (seat != nullptr)
    mutex_close(*seat);
  mutex_seats.release(done->handle);
  delete done;
}

/**
 * The seat that the first argument names, or null. Arguments are read as the types that they have: a
 * conversion would be refused in a Worker that is being terminated, which is when waits end.
 */
MutexSeat* seat_of(const Napi::CallbackInfo& info) {
  return mutex_seats.find_own(info[0].As<Napi::Number>().Uint32Value());
}

/**
 * openMutex(bytes): {handle, firstShard, keeper}, or the number of a RegionError. A seat of the calling
 * environment's, for as long as the keeper lives.
 */
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  Region region = {};
  MutexSeat seat = {};
  RegionError error = open_region(bytes.Data(), bytes.ByteLength(), Kind::mutex, region);
  if (error == RegionError::none)
    error = mutex_open(region, seat);
  if (error != RegionError::none)
    return Napi::Number::New(env, static_cast<uint32_t>(error));
  const uint32_t handle = mutex_seats.acquire(static_cast<uint32_t>(Kind::mutex), seat);
  if (handle == 0)
    return Napi::Number::New(env, kNoHandleLeft);
  Keeper* keeper = new Keeper{handle, Napi::Persistent(bytes)};
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", handle);
  result.Set("firstShard", static_cast<double>(region.first_shard - bytes.Data()));
  result.Set("keeper", Napi::External<Keeper>::New(env, keeper, release));
  return result;
}

/** mutexWait(handle, milliseconds): a Status. No hot operation, as it blocks: a fast call must not. */
Napi::Value wait(const Napi::CallbackInfo& info) {
  MutexSeat* seat = seat_of(info);
  const uint32_t milliseconds = info[1].As<Napi::Number>().Uint32Value();
  return Napi::Number::New(info.Env(), answer(seat != nullptr ? mutex_wait(*seat, milliseconds) : Status::bad_handle));
}

/** mutexCallMe(handle, in): counts a waiter in JavaScript in, or out. */
void call_me(const Napi::CallbackInfo& info) {
  MutexSeat* seat = seat_of(info);
  if (seat != nullptr)
    mutex_call_me(*seat, info[1].As<Napi::Boolean>());
}

} // namespace

void export_mutexes(Napi::Env env, Napi::Object exports) {
  exports.Set("openMutex", Napi::Function::New<open>(env, "openMutex"));
  exports.Set("mutexWait", Napi::Function::New<wait>(env, "mutexWait"));
  exports.Set("mutexCallMe", Napi::Function::New<call_me>(env, "mutexCallMe"));
}

} // namespace addon
} // namespace rseq
