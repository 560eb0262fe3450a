#include "array_binding.h"

#include "../percpu/opv.h"
#include "array_operations.h"
#include "keeper.h"

namespace rseq {
namespace addon {
namespace {

/** An argument that TypeScript knows to be a number. Not ToNumber(), as in stack_binding.cc. */
uint32_t number_at(const Napi::CallbackInfo& info, size_t position) {
  return info[position].As<Napi::Number>().Uint32Value();
}

const ArraySeat* seat_of(const Napi::CallbackInfo& info) {
  const ArraySeat* seat = array_seats.find(number_at(info, 0));
  return seat != nullptr && seat->notes != nullptr ? seat : nullptr;
}

Napi::Value answer_status(const Napi::CallbackInfo& info, Status status) {
  return Napi::Number::New(info.Env(), -static_cast<double>(status));
}

/**
 * openArray(bytes): {handle, element, index, shards, length, notes, keeper}, or the number of a RegionError. A seat of
 * the calling environment's, for as long as the keeper lives. `notes` is an Int32Array over its ArrayNotes.
 */
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, sizeof(ArrayNotes));
  ArraySeat seat = {{}, static_cast<ArrayNotes*>(memory.Data())};
  const RegionError error = open_region(bytes.Data(), bytes.ByteLength(), Kind::array, seat.region);
  if (error != RegionError::none)
    return Napi::Number::New(env, static_cast<uint32_t>(error));
  *seat.notes = {kInOverflow, 0, 0};
  const uint32_t handle = array_seats.acquire(static_cast<uint32_t>(Kind::array), seat);
  if (handle == 0)
    return Napi::Number::New(env, kNoHandleLeft);

  Napi::Object both = Napi::Object::New(env);
  both.Set("bytes", bytes);
  both.Set("notes", memory);
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", handle);
  result.Set("element", static_cast<uint32_t>(seat.region.element));
  result.Set("index", static_cast<uint32_t>(seat.region.index));
  result.Set("shards", seat.region.shards);
  result.Set("length", array_length(seat.region));
  result.Set("notes", Napi::Int32Array::New(env, sizeof(ArrayNotes) / sizeof(int32_t), memory, 0));
  result.Set("keeper", make_keeper(env, handle, both, [](uint32_t closed) { array_seats.release(closed); }));
  return result;
}

/** arrayGet(handle, shard, i): the word as a number; null if it is none. */
Napi::Value get(const Napi::CallbackInfo& info) {
  const ArraySeat* seat = seat_of(info);
  int64_t word = 0;
  if (seat == nullptr || array_get(seat->region, number_at(info, 1), number_at(info, 2), word) != Status::ok)
    return info.Env().Null();
  return Napi::Number::New(info.Env(), from_word(seat->region.element, word));
}

/** arrayBigint(handle, shard, i): the word's 64 bits, as a signed whole number; null if there is no such word. */
Napi::Value bigint(const Napi::CallbackInfo& info) {
  const ArraySeat* seat = seat_of(info);
  int64_t word = 0;
  if (seat == nullptr || array_get(seat->region, number_at(info, 1), number_at(info, 2), word) != Status::ok)
    return info.Env().Null();
  return Napi::BigInt::New(info.Env(), word);
}

/** arrayStop(handle, shard) and arrayResume(handle, shard): 0, or a Status below 0. */
template <auto function> Napi::Value own(const Napi::CallbackInfo& info) {
  const ArraySeat* seat = seat_of(info);
  return answer_status(info, seat == nullptr ? Status::bad_handle : function(seat->region, number_at(info, 1)));
}

/**
 * arrayOpv(handle, shard, operations, count): how many operations were done, which is all of them; or the number of the
 * one whose comparison failed; or a Status below 0. `operations` is a Uint8Array of OpvOperations.
 */
Napi::Value opv(const Napi::CallbackInfo& info) {
  const ArraySeat* seat = seat_of(info);
  Napi::Uint8Array operations = info[2].As<Napi::Uint8Array>();
  const uint32_t count = number_at(info, 3);
  if (seat == nullptr || operations.ByteLength() / sizeof(OpvOperation) < count)
    return answer_status(info, Status::bad_handle);
  uint32_t position = 0;
  const auto* first = reinterpret_cast<const OpvOperation*>(operations.Data());
  const Status status = cpu_opv(seat->region, number_at(info, 1), first, count, position);
  if (status != Status::ok)
    return answer_status(info, status);
  return Napi::Number::New(info.Env(), position == kOpvDone ? count : position);
}

} // namespace

void export_arrays(Napi::Env env, Napi::Object exports) {
  Napi::Object arrays = Napi::Object::New(env);
  arrays.Set("get", Napi::Function::New<get>(env, "arrayGet"));
  arrays.Set("bigint", Napi::Function::New<bigint>(env, "arrayBigint"));
  arrays.Set("stop", Napi::Function::New<own<array_stop>>(env, "arrayStop"));
  arrays.Set("resume", Napi::Function::New<own<array_resume>>(env, "arrayResume"));
  arrays.Set("opv", Napi::Function::New<opv>(env, "arrayOpv"));
  exports.Set("openArray", Napi::Function::New<open>(env, "openArray"));
  exports.Set("arrays", arrays);
}

} // namespace addon
} // namespace rseq
