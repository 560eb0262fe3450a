#include "ring_binding.h"

#include "../percpu/ring.h"
#include "../rseq/membarrier.h"
#include "handles.h"
#include "keeper.h"

namespace rseq {
namespace addon {
namespace {

/** As in stack_binding.cc: no conversion, which a terminated Worker may not make. */
uint32_t number_at(const Napi::CallbackInfo& info, size_t position) {
  return info[position].As<Napi::Number>().Uint32Value();
}

/** The seat that the first argument names, or null. */
const RingSeat* seat_of(const Napi::CallbackInfo& info) {
  return ring_seats.find_own(number_at(info, 0));
}

/** What all but the opening answer: a count, or a Status below 0. */
Napi::Value answer(const Napi::CallbackInfo& info, Status status, double count = 0) {
  return Napi::Number::New(info.Env(), status == Status::ok ? count : -static_cast<double>(status));
}

/**
 * openRing(bytes, scratch): a seat of the calling thread's, for as long as the keeper lives, which keeps both; or the
 * number of a RegionError. What is to be written, JavaScript puts into the scratch before.
 */
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  Napi::Uint8Array scratch = info[1].As<Napi::Uint8Array>();
  Region region = {};
  RingSeat seat = {};
  RegionError error = open_region(bytes.Data(), bytes.ByteLength(), Kind::ring, region);
  if (error == RegionError::none)
    error = ring_open(region, scratch.Data(), seat);
  if (error == RegionError::none && scratch.ByteLength() < seat.longest)
    error = RegionError::too_short;
  if (error != RegionError::none)
    return Napi::Number::New(env, static_cast<uint32_t>(error));
  const uint32_t handle = ring_seats.acquire(static_cast<uint32_t>(Kind::ring), seat);
  if (handle == 0)
    return Napi::Number::New(env, kNoHandleLeft);

  Napi::Object memory = Napi::Object::New(env);
  memory.Set("bytes", bytes);
  memory.Set("scratch", scratch);
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", handle);
  result.Set("index", static_cast<uint32_t>(region.index));
  result.Set("writers", static_cast<uint32_t>(region.writers));
  result.Set("policy", static_cast<uint32_t>(region.policy));
  result.Set("shards", region.shards);
  result.Set("capacity", ring_capacity(seat));
  result.Set("longest", seat.longest);
  const auto* overflow = reinterpret_cast<unsigned char*>(word_at<uint64_t>(region, region.shards, 0));
  result.Set("overflowShard", static_cast<double>(overflow - bytes.Data()));
  result.Set("keeper", make_keeper(env, handle, memory, [](uint32_t closed) { ring_seats.release(closed); }));
  return result;
}

/** claim(handle) and release(handle). */
template <auto function> Napi::Value own(const Napi::CallbackInfo& info) {
  const RingSeat* seat = seat_of(info);
  return answer(info, seat == nullptr ? Status::bad_handle : function(*seat));
}

/** read(handle, shard, into) and snapshot(handle, shard, into): how many bytes were put there. */
template <auto function> Napi::Value copy(const Napi::CallbackInfo& info) {
  const RingSeat* seat = seat_of(info);
  if (seat == nullptr)
    return answer(info, Status::bad_handle);
  Napi::Uint8Array into = info[2].As<Napi::Uint8Array>();
  const size_t length = into.ByteLength();
  const uint32_t room = length < UINT32_MAX ? static_cast<uint32_t>(length) : UINT32_MAX;
  uint32_t bytes = 0;
  const Status status = function(*seat, number_at(info, 1), into.Data(), room, bytes);
  // Of a snapshot, what is sound is worth having.
  return answer(info, bytes != 0 ? Status::ok : status, bytes);
}

/** free(handle, shard, bytes): the room of so many bytes, frames included, is given back. */
Napi::Value free(const Napi::CallbackInfo& info) {
  const RingSeat* seat = seat_of(info);
  return answer(info, seat == nullptr ? Status::bad_handle : ring_free(*seat, number_at(info, 1), number_at(info, 2)));
}

/** The seat of the first argument, if it has the shard of the second. */
const RingSeat* seat_with_shard(const Napi::CallbackInfo& info) {
  const RingSeat* seat = seat_of(info);
  return seat != nullptr && number_at(info, 1) <= seat->region.shards ? seat : nullptr;
}

/** unread(handle, shard): bytes, frames included. */
Napi::Value unread(const Napi::CallbackInfo& info) {
  const RingSeat* seat = seat_with_shard(info);
  uint32_t bytes = 0;
  const Status status = seat == nullptr ? Status::bad_handle : ring_unread(*seat, number_at(info, 1), bytes);
  return answer(info, status, bytes);
}

/** dropped(handle, shard): records. */
Napi::Value dropped(const Napi::CallbackInfo& info) {
  const RingSeat* seat = seat_with_shard(info);
  if (seat == nullptr)
    return answer(info, Status::bad_handle);
  return answer(info, Status::ok, static_cast<double>(ring_dropped(*seat, number_at(info, 1))));
}

/** barrier(): all threads of the process execute a full fence, where the kernel has such a command. */
void barrier(const Napi::CallbackInfo&) {
  if (membarrier::register_private_expedited() == 0)
    membarrier::private_fence();
}

} // namespace

void export_rings(Napi::Env env, Napi::Object exports) {
  Napi::Object rings = Napi::Object::New(env);
  rings.Set("claim", Napi::Function::New<own<ring_claim>>(env, "ringClaim"));
  rings.Set("release", Napi::Function::New<own<ring_release>>(env, "ringRelease"));
  rings.Set("read", Napi::Function::New<copy<ring_read>>(env, "ringRead"));
  rings.Set("snapshot", Napi::Function::New<copy<ring_snapshot>>(env, "ringSnapshot"));
  rings.Set("free", Napi::Function::New<free>(env, "ringFree"));
  rings.Set("unread", Napi::Function::New<unread>(env, "ringUnread"));
  rings.Set("dropped", Napi::Function::New<dropped>(env, "ringDropped"));
  rings.Set("barrier", Napi::Function::New<barrier>(env, "ringBarrier"));
  exports.Set("rings", rings);
  exports.Set("openRing", Napi::Function::New<open>(env, "openRing"));
}

} // namespace addon
} // namespace rseq
